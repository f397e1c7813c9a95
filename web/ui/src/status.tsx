import { useState } from 'preact/hooks';
import { Count } from './api';
import { Choice, Search, useApi, Waiting } from './parts';

type Tab = 'runtime' | 'storage' | 'flags' | 'config';

function Pairs(props: { pairs: [string, unknown][] }) {
  return (
    <table>
      <tbody>
        {props.pairs.map(([name, value]) => (
          <tr key={name}><th scope="row">{name}</th><td><code>{String(value)}</code></td></tr>
        ))}
      </tbody>
    </table>
  );
}

function Runtime() {
  const runtime = useApi<Record<string, unknown>>('status/runtimeinfo');
  const build = useApi<Record<string, unknown>>('status/buildinfo', 0);
  if (!runtime.data || !build.data) return <Waiting error={runtime.error ?? build.error} />;
  const ofGo = ['goroutineCount', 'GOMEMLIMIT', 'GOGC', 'GODEBUG', 'goVersion'];
  const kept = (data: Record<string, unknown>) => Object.entries(data).filter(([k, v]) => v !== '' && !ofGo.includes(k));
  return (
    <>
      <h2>Runtime</h2>
      <Pairs pairs={kept(runtime.data)} />
      <h2>Build</h2>
      <Pairs pairs={kept(build.data)} />
    </>
  );
}

interface Tsdb {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: Count[];
  labelValueCountByLabelName: Count[];
  memoryInBytesByLabelName: Count[];
  seriesCountByLabelValuePair: Count[];
  storage?: { lowestTime: number; windows: number; windowBytes: number; journalBytes: number };
}

function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  while (count >= 1000 && at < units.length - 1) {
    count /= 1000;
    at++;
  }
  return `${at ? count.toFixed(1) : count} ${units[at]}`;
}

function Counts(props: { title: string; rows: Count[] }) {
  const most = Math.max(1, ...props.rows.map((r) => r.value));
  return (
    <section>
      <h2>{props.title}</h2>
      <table>
        <tbody>
          {props.rows.map((r) => (
            <tr key={r.name}>
              <th scope="row">{r.name}</th>
              <td class="number">{r.value.toLocaleString('en')}</td>
              <td class="bar"><meter min={0} max={most} value={r.value} aria-hidden="true" /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Storage() {
  const { data, error } = useApi<Tsdb>('status/tsdb', 0);
  if (!data) return <Waiting error={error} />;
  const time = (ms: number) => (Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : 'none');
  const head = data.headStats;
  return (
    <>
      <h2>Head</h2>
      <Pairs
        pairs={[
          ['Series', head.numSeries.toLocaleString('en')],
          ['Label pairs', head.numLabelPairs.toLocaleString('en')],
          ['Chunks', head.chunkCount.toLocaleString('en')],
          ['Oldest sample', time(head.minTime)],
          ['Newest sample', time(head.maxTime)],
        ]}
      />
      {data.storage && (
        <>
          <h2>Disk</h2>
          <Pairs
            pairs={[
              ['Oldest sample kept', time(data.storage.lowestTime)],
              ['Sealed windows', data.storage.windows.toLocaleString('en')],
              ['Bytes in windows', bytes(data.storage.windowBytes)],
              ['Bytes in the journal', bytes(data.storage.journalBytes)],
            ]}
          />
        </>
      )}
      <div class="columns">
        <Counts title="Series by metric" rows={data.seriesCountByMetricName} />
        <Counts title="Values by label" rows={data.labelValueCountByLabelName} />
        <Counts title="Bytes of values by label" rows={data.memoryInBytesByLabelName} />
        <Counts title="Series by label pair" rows={data.seriesCountByLabelValuePair} />
      </div>
    </>
  );
}

function Flags() {
  const { data, error } = useApi<Record<string, string>>('status/flags', 0);
  const [text, setText] = useState('');
  if (!data) return <Waiting error={error} />;
  return (
    <>
      <div class="row tools"><Search label="Filter by name" value={text} onInput={setText} /></div>
      <Pairs pairs={Object.entries(data).filter(([name]) => name.includes(text)).map(([n, v]) => [`--${n}`, v])} />
    </>
  );
}

function Config() {
  const { data, error } = useApi<{ yaml: string }>('status/config', 0);
  if (!data) return <Waiting error={error} />;
  return <pre tabIndex={0}>{data.yaml}</pre>;
}

export function StatusPage() {
  const [tab, setTab] = useState<Tab>((location.hash.slice(1) as Tab) || 'runtime');
  const choose = (next: Tab) => {
    history.replaceState(null, '', `status#${next}`);
    setTab(next);
  };
  const View = { runtime: Runtime, storage: Storage, flags: Flags, config: Config }[tab] ?? Runtime;
  return (
    <>
      <h1>Status</h1>
      <div class="row tools">
        <Choice<Tab>
          label="Section"
          value={tab}
          onChange={choose}
          options={[['runtime', 'Runtime'], ['storage', 'Storage'], ['flags', 'Flags'], ['config', 'Configuration']]}
        />
      </div>
      <View />
    </>
  );
}
