// The silences page: what is silenced, a form for a new silence, and an end to one.
import { useEffect, useState } from 'preact/hooks';
import { callV2, formatDuration, parseDuration } from './api';
import { formatMatcher, Matcher, parseMatchers } from './matchers';
import { Badge, Choice, Notice, Search, useLoaded, Waiting } from './parts';

type Filter = 'all' | 'active' | 'pending' | 'expired';

interface Silence {
  id: string;
  status: { state: 'active' | 'pending' | 'expired' };
  comment: string;
  createdBy: string;
  startsAt: string;
  endsAt: string;
  matchers: Matcher[];
  recurrence?: unknown;
  expireOnResolve?: boolean;
  remindBefore?: string;
}

interface Form {
  matchers: string;
  duration: string;
  createdBy: string;
  comment: string;
  expireOnResolve: boolean;
  remindBefore: string;
}

function emptyForm(matchers: string): Form {
  return {
    matchers,
    duration: '2h',
    createdBy: localStorage.getItem('author') ?? '',
    comment: '',
    expireOnResolve: false,
    remindBefore: '',
  };
}

function silenceOf(form: Form, now: number) {
  const seconds = parseDuration(form.duration.trim());
  if (!(seconds > 0)) throw new Error(`duration "${form.duration}": expected one such as 2h or 30m`);
  if (!form.createdBy.trim()) throw new Error('an author is needed');
  if (!form.comment.trim()) throw new Error('a comment is needed');
  return {
    matchers: parseMatchers(form.matchers),
    startsAt: new Date(now).toISOString(),
    endsAt: new Date(now + seconds * 1000).toISOString(),
    createdBy: form.createdBy.trim(),
    comment: form.comment.trim(),
    ...(form.expireOnResolve ? { expireOnResolve: true } : {}),
    ...(form.remindBefore.trim() ? { remindBefore: form.remindBefore.trim() } : {}),
  };
}

// How many alerts these matchers mute right now.
function useMatching(text: string): string {
  const [says, setSays] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => {
      let filters: string[];
      try {
        filters = parseMatchers(text).map(formatMatcher);
      } catch {
        setSays('');
        return;
      }
      const query = new URLSearchParams(filters.map((f) => ['filter', f]));
      callV2<unknown[]>('GET', `alerts?${query}`).then(
        (alerts) => setSays(alerts.length === 1 ? 'matches 1 alert now' : `matches ${alerts.length} alerts now`),
        (error: Error) => setSays(error.message),
      );
    }, 400);
    return () => clearTimeout(timer);
  }, [text]);
  return says;
}

function Field(props: { label: string; value: string; onInput: (text: string) => void; wide?: boolean; hint?: string }) {
  return (
    <label class={props.wide ? 'field wide' : 'field'}>
      <span>{props.label}</span>
      <input value={props.value} placeholder={props.hint} onInput={(e) => props.onInput(e.currentTarget.value)} />
    </label>
  );
}

function NewSilence(props: { matchers: string; onDone: () => void }) {
  const [form, setForm] = useState<Form>(emptyForm(props.matchers));
  const [error, setError] = useState('');
  const matching = useMatching(form.matchers);
  const change = (part: Partial<Form>) => setForm((old) => ({ ...old, ...part }));
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await callV2('POST', 'silences', silenceOf(form, Date.now()));
      localStorage.setItem('author', form.createdBy.trim());
      setForm(emptyForm(''));
      setError('');
      props.onDone();
    } catch (e) {
      setError((e as Error).message);
    }
  };
  return (
    <form onSubmit={submit} class="card" aria-label="New silence">
      <div class="row tools">
        <Field label="Matchers" wide hint={'alertname="Down", job=~"node.*"'} value={form.matchers} onInput={(matchers) => change({ matchers })} />
        <Field label="For" hint="2h" value={form.duration} onInput={(duration) => change({ duration })} />
      </div>
      {matching && <p class="quiet" role="status">{matching}</p>}
      <div class="row tools">
        <Field label="Author" value={form.createdBy} onInput={(createdBy) => change({ createdBy })} />
        <Field label="Comment" wide value={form.comment} onInput={(comment) => change({ comment })} />
        <Field label="Remind before the end" hint="30m" value={form.remindBefore} onInput={(remindBefore) => change({ remindBefore })} />
      </div>
      <div class="row tools">
        <label>
          <input type="checkbox" checked={form.expireOnResolve} onChange={(e) => change({ expireOnResolve: e.currentTarget.checked })} /> Ends when the alerts resolve
        </label>
        <button class="main" type="submit">Silence</button>
      </div>
      {error && <Notice kind="error">{error}</Notice>}
    </form>
  );
}

function when(silence: Silence, now = Date.now()): string {
  const until = (time: string) => formatDuration(Math.abs(Date.parse(time) - now) / 1000);
  if (silence.status.state === 'expired') return `ended ${until(silence.endsAt)} ago`;
  if (Date.parse(silence.startsAt) > now) return `begins in ${until(silence.startsAt)}`;
  return `ends in ${until(silence.endsAt)}`;
}

function Row(props: { silence: Silence; onExpire: () => void }) {
  const s = props.silence;
  return (
    <tr>
      <td>
        <span class="labels">{s.matchers.map((m) => <span class="label" key={formatMatcher(m)}>{formatMatcher(m)}</span>)}</span>
        <div>{s.comment}</div>
        <div class="quiet">
          by {s.createdBy}
          {s.recurrence ? ' · recurring' : ''}
          {s.expireOnResolve ? ' · ends when the alerts resolve' : ''}
          {s.remindBefore ? ` · reminds ${s.remindBefore} before its end` : ''}
        </div>
      </td>
      <td><Badge kind={s.status.state} /></td>
      <td title={`${s.startsAt} to ${s.endsAt}`}>{when(s)}</td>
      <td>{s.status.state !== 'expired' && <button onClick={props.onExpire}>Expire</button>}</td>
    </tr>
  );
}

export function SilencesPage() {
  const asked = new URLSearchParams(location.search).get('new');
  const { data, error, reload } = useLoaded<Silence[]>(() => callV2('GET', 'silences'));
  const [open, setOpen] = useState(asked !== null);
  const [filter, setFilter] = useState<Filter>('all');
  const [text, setText] = useState('');
  const [failure, setFailure] = useState('');
  if (!data) return <Waiting error={error} />;
  const count = (state: string) => data.filter((s) => s.status.state === state).length;
  const wanted = text.trim().toLowerCase();
  const shown = data.filter(
    (s) =>
      (filter === 'all' ? s.status.state !== 'expired' : s.status.state === filter) &&
      (!wanted || `${s.matchers.map(formatMatcher)} ${s.comment} ${s.createdBy}`.toLowerCase().includes(wanted)),
  );
  const expire = (id: string) =>
    callV2('DELETE', `silence/${id}`).then(() => (setFailure(''), reload()), (e: Error) => setFailure(e.message));
  return (
    <>
      <h1>Silences</h1>
      {(error || failure) && <Notice kind="error">{error || failure}</Notice>}
      <div class="row tools">
        <Choice<Filter>
          label="State"
          value={filter}
          onChange={setFilter}
          options={[['all', `Current ${count('active') + count('pending')}`], ['active', `Active ${count('active')}`], ['pending', `Pending ${count('pending')}`], ['expired', `Expired ${count('expired')}`]]}
        />
        <Search label="Filter by matcher, comment or author" value={text} onInput={setText} />
        <button aria-expanded={open} onClick={() => setOpen(!open)}>New silence</button>
      </div>
      {open && <NewSilence matchers={asked ?? ''} onDone={reload} />}
      {shown.length > 0 && (
        <table>
          <thead>
            <tr><th scope="col">Silence</th><th scope="col">State</th><th scope="col">When</th><th scope="col"><span class="hidden">Action</span></th></tr>
          </thead>
          <tbody>{shown.map((s) => <Row key={s.id} silence={s} onExpire={() => expire(s.id)} />)}</tbody>
        </table>
      )}
      {shown.length === 0 && <p class="quiet">{data.length ? 'No silence matches.' : 'Nothing is silenced.'}</p>}
    </>
  );
}
