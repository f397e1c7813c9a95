// The HTTP API. Paths are relative: every page lies directly below the route prefix.

export type Labels = Record<string, string>;
export type Point = [number, string];

export interface Series {
  metric: Labels;
  value?: Point;
  values?: Point[];
}

export interface QueryData {
  resultType: 'scalar' | 'string' | 'vector' | 'matrix';
  result: Series[] | Point;
}

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
}

export interface Alert {
  labels: Labels;
  annotations: Labels;
  state: string;
  activeAt: string;
  value: string;
}

export interface Rule {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  labels?: Labels;
  annotations?: Labels;
  duration?: number;
  keepFiringFor?: number;
  state?: string;
  alerts?: Alert[];
  health: string;
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
}

export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  rules: Rule[];
  evaluationTime: number;
  lastEvaluation: string;
}

export interface Target {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: string;
  scrapeInterval: string;
}

export interface Count {
  name: string;
  value: number;
}

export async function call<T>(
  path: string,
  params: Record<string, string> = {},
  signal?: AbortSignal,
  method: 'GET' | 'POST' = 'GET',
): Promise<Answer<T>> {
  const form = new URLSearchParams(params);
  const query = form.toString();
  const response =
    method === 'POST'
      ? await fetch(`api/v1/${path}`, { method, body: form, signal })
      : await fetch(`api/v1/${path}${query ? '?' + query : ''}`, { signal });
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`${response.status}: ${text.slice(0, 300)}`);
  }
  if (body.status !== 'success') throw new Error(body.error ?? `HTTP status ${response.status}`);
  return { data: body.data, warnings: body.warnings ?? [], infos: body.infos ?? [] };
}

// Alertmanager's API: plain JSON, and errors as a text or with a message.
export async function callV2<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`api/v2/${path}`, {
    method,
    ...(body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {}),
  });
  const text = await response.text();
  let value;
  try {
    value = text ? JSON.parse(text) : undefined;
  } catch {
    throw new Error(`${response.status}: ${text.slice(0, 300)}`);
  }
  if (!response.ok) throw new Error(typeof value === 'string' ? value : (value?.message ?? `HTTP status ${response.status}`));
  return value;
}

const UNITS: [string, number][] = [['w', 604800], ['d', 86400], ['h', 3600], ['m', 60], ['s', 1]];

// "1h30m" in seconds, or NaN.
export function parseDuration(text: string): number {
  if (!/^(\d+(\.\d+)?(ms|[wdhms]))+$/.test(text)) return NaN;
  let seconds = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[wdhms])/g))
    seconds += Number(number) * (unit === 'ms' ? 0.001 : UNITS.find(([u]) => u === unit)![1]);
  return seconds;
}

export function formatDuration(seconds: number): string {
  if (seconds < 1) return seconds === 0 ? '0s' : `${Math.round(seconds * 1000)}ms`;
  let text = '';
  let left = Math.round(seconds);
  for (const [unit, size] of UNITS) {
    if (left >= size) text += `${Math.floor(left / size)}${unit}`;
    left %= size;
  }
  return text;
}

export function formatAgo(time: string, now = Date.now()): string {
  const at = Date.parse(time);
  if (!(at > 0)) return 'never';
  return `${formatDuration(Math.max(0, now - at) / 1000)} ago`;
}

// Labels that have a legal old-style name stand bare, others quoted.
export function formatMetric(labels: Labels): string {
  const { __name__: name = '', ...others } = labels;
  const pairs = Object.entries(others).map(
    ([key, value]) => `${/^[a-zA-Z_]\w*$/.test(key) ? key : JSON.stringify(key)}=${JSON.stringify(value)}`,
  );
  return pairs.length ? `${name}{${pairs.join(', ')}}` : name || '{}';
}
