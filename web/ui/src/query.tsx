// The query page. Its whole state stands in the address, so that it can be shared.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Answer, call, formatDuration, formatMetric, parseDuration, Point, QueryData, Series } from './api';
import { Editor } from './editor';
import { Graph } from './graph';
import { Choice, Notice } from './parts';

type Tab = 'table' | 'graph';
const ROWS_MAX = 1000;
const RANGES = ['5m', '15m', '1h', '6h', '1d', '3d', '1w', '2w'];
const POINTS = 250;

interface Form {
  expr: string;
  tab: Tab;
  range: string;
  end: string; // of an <input type="datetime-local">; empty: now
  step: string; // empty: chosen by the range
}

// Also understands the links that Prometheus makes: g0.expr, g0.tab (0 is the graph), ...
function readAddress(): Form {
  const params = new URLSearchParams(location.search);
  const old = params.get('g0.tab');
  return {
    expr: params.get('expr') ?? params.get('g0.expr') ?? '',
    tab: params.get('tab') === 'graph' || old === '0' || old === 'graph' ? 'graph' : 'table',
    range: params.get('range') ?? params.get('g0.range_input') ?? '1h',
    end: params.get('end') ?? '',
    step: params.get('step') ?? '',
  };
}

function writeAddress(form: Form) {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(form)) if (value) params.set(key, value);
  history.replaceState(null, '', `query?${params}`);
}

interface Result extends Answer<QueryData> {
  took: number;
  start: number;
  end: number;
  step: number;
}

async function run(form: Form, signal: AbortSignal): Promise<Result> {
  const began = performance.now();
  const end = form.end ? Date.parse(form.end) / 1000 : Date.now() / 1000;
  if (form.tab === 'table') {
    const answer = await call<QueryData>('query', { query: form.expr, time: end.toFixed(3) }, signal);
    return { ...answer, took: performance.now() - began, start: end, end, step: 0 };
  }
  const range = parseDuration(form.range);
  if (!(range > 0)) throw new Error(`range "${form.range}": expected a duration such as 1h or 30m`);
  const step = form.step ? parseDuration(form.step) : Math.max(1, Math.ceil(range / POINTS));
  if (!(step > 0)) throw new Error(`step "${form.step}": expected a duration such as 15s`);
  // Steps fall on multiples of the step, so that a graph does not flicker when it is run again.
  const last = Math.floor(end / step) * step;
  const first = last - Math.floor(range / step) * step;
  const answer = await call<QueryData>(
    'query_range',
    { query: form.expr, start: String(first), end: String(last), step: String(step) },
    signal,
  );
  return { ...answer, took: performance.now() - began, start: first, end: last, step };
}

function Rows(props: { series: Series[] }) {
  return (
    <tbody>
      {props.series.slice(0, ROWS_MAX).map((s, i) => (
        <tr key={i}>
          <td><code>{formatMetric(s.metric)}</code></td>
          <td class="number">
            {s.value ? s.value[1] : s.values?.map(([t, v], k) => <div key={k}>{v} @{t}</div>)}
          </td>
        </tr>
      ))}
    </tbody>
  );
}

function Table(props: { data: QueryData }) {
  const { resultType, result } = props.data;
  if (resultType === 'scalar' || resultType === 'string') return <p class="scalar">{(result as Point)[1]}</p>;
  const series = result as Series[];
  if (series.length === 0) return <p class="quiet">No series. Is the metric's name right, and the time?</p>;
  return (
    <>
      <table>
        <caption class="hidden">Result</caption>
        <thead>
          <tr><th scope="col">Series</th><th scope="col" class="number">Value</th></tr>
        </thead>
        <Rows series={series} />
      </table>
      {series.length > ROWS_MAX && <p class="quiet">The first {ROWS_MAX} of {series.length} series are shown.</p>}
    </>
  );
}

function Notes(props: { result: Result }) {
  const series = Array.isArray(props.result.data.result) ? props.result.data.result.length : 0;
  return (
    <>
      {props.result.warnings.map((text) => <Notice key={text} kind="warning">{text}</Notice>)}
      {props.result.infos.map((text) => <Notice key={text} kind="info">{text}</Notice>)}
      <p class="quiet" role="status">
        {series} series in {Math.round(props.result.took)} ms
        {props.result.step > 0 && `, a point every ${formatDuration(props.result.step)}`}
      </p>
    </>
  );
}

export function QueryPage() {
  const [form, setForm] = useState(readAddress);
  const [result, setResult] = useState<Result>();
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController>(undefined);
  const latest = useRef(form);
  latest.current = form;

  const submit = (change: Partial<Form> = {}) => {
    const next = { ...latest.current, ...change };
    setForm(next);
    writeAddress(next);
    running.current?.abort();
    if (!next.expr.trim()) return;
    const controller = (running.current = new AbortController());
    setBusy(true);
    run(next, controller.signal)
      .then((r) => { setResult(r); setError(''); })
      .catch((e: Error) => { if (!controller.signal.aborted) { setResult(undefined); setError(e.message); } })
      .finally(() => { if (running.current === controller) setBusy(false); });
  };
  useEffect(() => {
    submit();
    return () => running.current?.abort();
  }, []);

  const select = (from: number, to: number) => {
    const local = new Date(to * 1000 - new Date(to * 1000).getTimezoneOffset() * 60000);
    submit({ end: local.toISOString().slice(0, 19), range: formatDuration(Math.max(1, Math.round(to - from))), step: '' });
  };
  const graph = result?.data.resultType === 'matrix' && result.step > 0;
  return (
    <form onSubmit={(e) => { e.preventDefault(); submit(); }}>
      <div class="row">
        <Editor value={form.expr} onChange={(expr) => setForm((f) => ({ ...f, expr }))} onRun={() => submit()} />
        <button class="main" type="submit" aria-busy={busy}>{busy ? 'Running…' : 'Run'}</button>
      </div>
      <div class="row tools">
        <Choice<Tab> label="View" options={[['table', 'Table'], ['graph', 'Graph']]} value={form.tab} onChange={(tab) => submit({ tab })} />
        {form.tab === 'graph' && (
          <label>Range <input class="short" list="ranges" value={form.range} onChange={(e) => submit({ range: e.currentTarget.value })} /></label>
        )}
        <datalist id="ranges">{RANGES.map((r) => <option key={r} value={r} />)}</datalist>
        <label>{form.tab === 'graph' ? 'Until' : 'At'} <input type="datetime-local" step="1" value={form.end} onChange={(e) => submit({ end: e.currentTarget.value })} /></label>
        {form.end && <button type="button" onClick={() => submit({ end: '' })}>Now</button>}
        {form.tab === 'graph' && (
          <label>Step <input class="short" placeholder="auto" value={form.step} onChange={(e) => submit({ step: e.currentTarget.value })} /></label>
        )}
      </div>
      {error && <Notice kind="error">{error}</Notice>}
      {result && !error && <Notes result={result} />}
      {result && !error && (graph
        ? <Graph series={result.data.result as Series[]} start={result.start} end={result.end} step={result.step} onSelect={select} />
        : <Table data={result.data} />)}
    </form>
  );
}
