import { useState } from 'preact/hooks';
import { formatAgo, Target } from './api';
import { Badge, Choice, LabelList, Notice, Search, useApi, Waiting } from './parts';

type Filter = 'all' | 'up' | 'down' | 'unknown';

interface Targets {
  activeTargets: Target[];
  droppedTargetCounts: Record<string, number>;
}

function Row(props: { target: Target }) {
  const t = props.target;
  return (
    <tr>
      <td>
        <a href={t.scrapeUrl} rel="noreferrer">{t.scrapeUrl}</a>
        <div><LabelList labels={t.labels} /></div>
        {t.lastError && <div class="bad">{t.lastError}</div>}
      </td>
      <td><Badge kind={t.health} /></td>
      <td title={t.lastScrape}>{formatAgo(t.lastScrape)}</td>
      <td class="number">{(t.lastScrapeDuration * 1000).toFixed(1)} ms</td>
    </tr>
  );
}

function Pool(props: { name: string; targets: Target[]; dropped: number }) {
  const up = props.targets.filter((t) => t.health === 'up').length;
  return (
    <details open={up < props.targets.length || props.targets.length <= 20}>
      <summary>
        <Badge kind={up === props.targets.length ? 'up' : 'down'}>{up} of {props.targets.length} up</Badge> <b>{props.name}</b>
        {props.dropped > 0 && <span class="quiet"> {props.dropped} dropped by relabelling</span>}
      </summary>
      <table>
        <thead>
          <tr><th scope="col">Target</th><th scope="col">Health</th><th scope="col">Last scrape</th><th scope="col" class="number">Took</th></tr>
        </thead>
        <tbody>{props.targets.map((t) => <Row key={t.scrapeUrl} target={t} />)}</tbody>
      </table>
    </details>
  );
}

export function TargetsPage() {
  const { data, error } = useApi<Targets>('targets?state=any');
  const [filter, setFilter] = useState<Filter>('all');
  const [text, setText] = useState('');
  if (!data) return <Waiting error={error} />;
  const count = (health: string) => data.activeTargets.filter((t) => t.health === health).length;
  const wanted = text.trim().toLowerCase();
  const shown = data.activeTargets.filter(
    (t) =>
      (filter === 'all' || t.health === filter) &&
      (!wanted || `${t.scrapeUrl} ${t.scrapePool} ${JSON.stringify(t.labels)} ${t.lastError}`.toLowerCase().includes(wanted)),
  );
  const pools = new Map<string, Target[]>();
  for (const t of shown) pools.set(t.scrapePool, [...(pools.get(t.scrapePool) ?? []), t]);
  return (
    <>
      <h1>Targets</h1>
      {error && <Notice kind="error">{error}</Notice>}
      <div class="row tools">
        <Choice<Filter>
          label="Health"
          value={filter}
          onChange={setFilter}
          options={[['all', `All ${data.activeTargets.length}`], ['up', `Up ${count('up')}`], ['down', `Down ${count('down')}`], ['unknown', `Unknown ${count('unknown')}`]]}
        />
        <Search label="Filter by URL, label or error" value={text} onInput={setText} />
      </div>
      {[...pools].map(([name, targets]) => (
        <Pool key={name} name={name} targets={targets} dropped={data.droppedTargetCounts[name] ?? 0} />
      ))}
      {shown.length === 0 && <p class="quiet">{data.activeTargets.length ? 'No target matches.' : 'No targets are configured.'}</p>}
    </>
  );
}
