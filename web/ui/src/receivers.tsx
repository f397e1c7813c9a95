// The receivers page: who is told, a test notification for each, and what became of the last ones.
import { useState } from 'preact/hooks';
import { call, callV2, formatAgo, Labels } from './api';
import { Badge, LabelList, Notice, useApi, useLoaded, Waiting } from './parts';

interface Integration {
  integration: string;
  delivered: boolean;
  status: number;
  error?: string;
}

interface Event {
  time: string;
  event: string;
  status: string;
  labels: Labels;
  receiver?: string;
  integration?: string;
  by?: string;
  attempt?: number;
  error?: string;
}

interface Heartbeat {
  name: string;
  lastBeat: string;
  timeout: string;
  missing: boolean;
}

function Outcome(props: { results: Integration[] }) {
  if (!props.results.length) return <p class="quiet">This receiver has no integrations.</p>;
  return (
    <>
      {props.results.map((r) => (
        <p key={r.integration} role="status">
          <Badge kind={r.delivered ? 'ok' : 'err'}>{r.delivered ? 'delivered' : 'failed'}</Badge> {r.integration}
          {r.status > 0 && <span class="quiet"> status {r.status}</span>}
          {r.error && <span class="bad"> {r.error}</span>}
        </p>
      ))}
    </>
  );
}

function Receiver(props: { name: string }) {
  const [state, setState] = useState<{ busy: boolean; results?: Integration[]; error?: string }>({ busy: false });
  const test = async () => {
    setState({ busy: true });
    try {
      const answer = await call<{ integrations: Integration[] }>('receivers/test', { receiver: props.name }, undefined, 'POST');
      setState({ busy: false, results: answer.data.integrations });
    } catch (e) {
      setState({ busy: false, error: (e as Error).message });
    }
  };
  return (
    <tr>
      <th scope="row">{props.name}</th>
      <td>
        {state.results && <Outcome results={state.results} />}
        {state.error && <Notice kind="error">{state.error}</Notice>}
      </td>
      <td class="number">
        <button onClick={test} disabled={state.busy}>{state.busy ? 'Sending…' : 'Send test notification'}</button>
      </td>
    </tr>
  );
}

function Heartbeats() {
  const { data } = useApi<Heartbeat[]>('heartbeat');
  if (!data?.length) return null;
  return (
    <section>
      <h2>Heartbeats</h2>
      <table>
        <tbody>
          {data.map((h) => (
            <tr key={h.name}>
              <th scope="row">{h.name}</th>
              <td><Badge kind={h.missing ? 'down' : 'up'}>{h.missing ? 'missing' : 'beats'}</Badge></td>
              <td>{formatAgo(h.lastBeat)}, expected every {h.timeout}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function History() {
  const { data, error } = useApi<{ events: Event[] }>('alerts/history?limit=50');
  if (!data) return <Waiting error={error} />;
  return (
    <section>
      <h2>What happened last</h2>
      {data.events.length === 0 && <p class="quiet">Nothing yet.</p>}
      {data.events.length > 0 && (
        <table>
          <thead>
            <tr><th scope="col">When</th><th scope="col">Event</th><th scope="col">Alert</th><th scope="col">Receiver</th></tr>
          </thead>
          <tbody>
            {data.events.map((e, i) => (
              <tr key={i}>
                <td title={e.time}>{formatAgo(e.time)}</td>
                <td>
                  {e.event}
                  {e.by && <span class="quiet"> by {e.by}</span>}
                  {e.error && <div class="bad">{e.error}</div>}
                </td>
                <td><LabelList labels={e.labels} /></td>
                <td>{e.receiver} <span class="quiet">{e.integration}</span></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

export function ReceiversPage() {
  const { data, error } = useLoaded<{ name: string }[]>(() => callV2('GET', 'receivers'), 0);
  return (
    <>
      <h1>Receivers</h1>
      {!data && <Waiting error={error} />}
      {data && (
        <>
          <table><tbody>{data.map((r) => <Receiver key={r.name} name={r.name} />)}</tbody></table>
          <Heartbeats />
          <History />
        </>
      )}
    </>
  );
}
