// Small pieces that several pages use.
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { call, Labels } from './api';

export interface Loaded<T> {
  data?: T;
  error?: string;
  reload: () => void;
}

// Loads with `ask`, again every `everySeconds` while the page is seen, and anew when `key` changes.
export function useLoaded<T>(ask: () => Promise<T>, everySeconds = 15, key = ''): Loaded<T> {
  const [state, setState] = useState<{ data?: T; error?: string }>({});
  const load = useCallback(() => {
    ask().then(
      (data) => setState({ data }),
      (error: Error) => setState((old) => ({ ...old, error: error.message })),
    );
  }, [key]);
  useEffect(() => {
    load();
    if (!everySeconds) return;
    const timer = setInterval(() => document.hidden || load(), everySeconds * 1000);
    return () => clearInterval(timer);
  }, [load, everySeconds]);
  return { ...state, reload: load };
}

// The same for a path of the API.
export function useApi<T>(path: string, everySeconds = 15): Loaded<T> {
  return useLoaded<T>(async () => (await call<T>(path)).data, everySeconds, path);
}

export function Notice(props: { kind: 'error' | 'warning' | 'info'; children: ComponentChildren }) {
  return (
    <p class={`notice ${props.kind}`} role={props.kind === 'error' ? 'alert' : 'status'}>
      {props.children}
    </p>
  );
}

// What a page shows until its data is there.
export function Waiting(props: { error?: string }) {
  return props.error ? <Notice kind="error">{props.error}</Notice> : <p class="quiet">Loading…</p>;
}

export function Badge(props: { kind: string; children?: ComponentChildren }) {
  return <span class={`badge ${props.kind}`}>{props.children ?? props.kind}</span>;
}

export function LabelList(props: { labels: Labels; except?: string[] }) {
  const pairs = Object.entries(props.labels).filter(([name]) => !props.except?.includes(name));
  return (
    <span class="labels">
      {pairs.map(([name, value]) => (
        <span key={name} class="label">
          <b>{name}</b>={value}
        </span>
      ))}
    </span>
  );
}

export function Search(props: { label: string; value: string; onInput: (text: string) => void }) {
  return (
    <input
      type="search"
      placeholder={props.label}
      aria-label={props.label}
      value={props.value}
      onInput={(e) => props.onInput(e.currentTarget.value)}
    />
  );
}

// Buttons of which one is chosen.
export function Choice<T extends string>(props: {
  label: string;
  options: [T, string][];
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <button key={value} type="button" aria-pressed={value === props.value} onClick={() => props.onChange(value)}>
          {text}
        </button>
      ))}
    </div>
  );
}

export function queryLink(expr: string): string {
  return `query?${new URLSearchParams({ expr })}`;
}
