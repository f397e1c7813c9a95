// The alerts page and the rules page: two views of the same answer.
import { useState } from 'preact/hooks';
import { Alert, formatAgo, formatDuration, Rule, RuleGroup } from './api';
import { silenceLink } from './matchers';
import { Badge, Choice, LabelList, Notice, queryLink, Search, useApi, Waiting } from './parts';

type Filter = 'all' | 'firing' | 'pending' | 'inactive';

function AlertRows(props: { alerts: Alert[] }) {
  return (
    <table>
      <thead>
        <tr><th scope="col">Labels</th><th scope="col">State</th><th scope="col">Since</th><th scope="col" class="number">Value</th><th scope="col"><span class="hidden">Action</span></th></tr>
      </thead>
      <tbody>
        {props.alerts.map((a, i) => (
          <tr key={i}>
            <td>
              <LabelList labels={a.labels} except={['alertname']} />
              {Object.entries(a.annotations).map(([name, text]) => <div key={name} class="quiet">{name}: {text}</div>)}
            </td>
            <td><Badge kind={a.state} /></td>
            <td title={a.activeAt}>{formatAgo(a.activeAt)}</td>
            <td class="number">{a.value}</td>
            <td><a href={silenceLink(a.labels)}>Silence</a></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function AlertRule(props: { rule: Rule }) {
  const { rule } = props;
  const alerts = rule.alerts ?? [];
  return (
    <details open={rule.state === 'firing'}>
      <summary>
        <Badge kind={rule.state ?? 'inactive'} /> <b>{rule.name}</b>
        {alerts.length > 0 && <span class="quiet"> {alerts.length} active</span>}
      </summary>
      <RuleBody rule={rule} />
      {alerts.length > 0 && <AlertRows alerts={alerts} />}
    </details>
  );
}

function RuleBody(props: { rule: Rule }) {
  const { rule } = props;
  return (
    <div class="body">
      <a class="expr" href={queryLink(rule.query)}><code>{rule.query}</code></a>
      <p class="quiet">
        {!!rule.duration && <>for {formatDuration(rule.duration)} · </>}
        {!!rule.keepFiringFor && <>keeps firing for {formatDuration(rule.keepFiringFor)} · </>}
        evaluated {formatAgo(rule.lastEvaluation)} in {(rule.evaluationTime * 1000).toFixed(1)} ms{' '}
        <LabelList labels={rule.labels ?? {}} />
      </p>
      {rule.lastError && <Notice kind="error">{rule.lastError}</Notice>}
    </div>
  );
}

function matches(rule: Rule, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return !wanted || `${rule.name} ${rule.query} ${JSON.stringify(rule.labels ?? {})}`.toLowerCase().includes(wanted);
}

export function AlertsPage() {
  const { data, error } = useApi<{ groups: RuleGroup[] }>('rules?type=alert');
  const [filter, setFilter] = useState<Filter>('all');
  const [text, setText] = useState('');
  if (!data) return <Waiting error={error} />;
  const rules = data.groups.flatMap((g) => g.rules);
  const count = (state: string) => rules.filter((r) => r.state === state).length;
  const order = ['firing', 'pending', 'inactive'];
  const shown = rules
    .filter((r) => (filter === 'all' || r.state === filter) && matches(r, text))
    .sort((a, b) => order.indexOf(a.state ?? '') - order.indexOf(b.state ?? ''));
  return (
    <>
      <h1>Alerts</h1>
      {error && <Notice kind="error">{error}</Notice>}
      <div class="row tools">
        <Choice<Filter>
          label="State"
          value={filter}
          onChange={setFilter}
          options={[['all', `All ${rules.length}`], ['firing', `Firing ${count('firing')}`], ['pending', `Pending ${count('pending')}`], ['inactive', `Inactive ${count('inactive')}`]]}
        />
        <Search label="Filter by name, label or expression" value={text} onInput={setText} />
      </div>
      {shown.map((r, i) => <AlertRule key={`${r.name} ${i}`} rule={r} />)}
      {shown.length === 0 && <p class="quiet">{rules.length ? 'No alert matches.' : 'No alerting rules are configured.'}</p>}
    </>
  );
}

export function RulesPage() {
  const { data, error } = useApi<{ groups: RuleGroup[] }>('rules');
  const [text, setText] = useState('');
  if (!data) return <Waiting error={error} />;
  const groups = data.groups
    .map((g) => ({ ...g, rules: g.rules.filter((r) => matches(r, text)) }))
    .filter((g) => g.rules.length);
  return (
    <>
      <h1>Rules</h1>
      {error && <Notice kind="error">{error}</Notice>}
      <div class="row tools"><Search label="Filter by name, label or expression" value={text} onInput={setText} /></div>
      {groups.map((g) => (
        <section key={`${g.file} ${g.name}`}>
          <h2>{g.name}</h2>
          <p class="quiet">
            {g.file} · every {formatDuration(g.interval)} · evaluated {formatAgo(g.lastEvaluation)} in{' '}
            {(g.evaluationTime * 1000).toFixed(1)} ms
          </p>
          {g.rules.map((r, i) => (
            <details key={i}>
              <summary><Badge kind={r.health} /> <b>{r.name}</b> <span class="quiet">{r.type}</span></summary>
              <RuleBody rule={r} />
            </details>
          ))}
        </section>
      ))}
      {groups.length === 0 && <p class="quiet">{data.groups.length ? 'No rule matches.' : 'No rules are configured.'}</p>}
    </>
  );
}
