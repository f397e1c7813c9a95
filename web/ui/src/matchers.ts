// Matchers as people write them: alertname="Down", severity=~"warn.*", team!=ops.
import type { Labels } from './api';

export interface Matcher {
  name: string;
  value: string;
  isEqual: boolean;
  isRegex: boolean;
}

const PIECE = /\s*("(?:[^"\\]|\\.)*"|[^\s=!~,"{}]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^\s",{}]*)\s*(,|$)/y;

function unquote(text: string): string {
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}

// Throws an Error that says where it stops making sense.
export function parseMatchers(text: string): Matcher[] {
  let rest = text.trim();
  if (rest.startsWith('{') && rest.endsWith('}')) rest = rest.slice(1, -1).trim();
  const found: Matcher[] = [];
  PIECE.lastIndex = 0;
  while (PIECE.lastIndex < rest.length) {
    const at = PIECE.lastIndex;
    const match = PIECE.exec(rest);
    if (!match) throw new Error(`expected name="value" at "${rest.slice(at, at + 30)}"`);
    const [, name, operator, value] = match;
    found.push({
      name: unquote(name),
      value: unquote(value),
      isEqual: !operator.startsWith('!'),
      isRegex: operator.endsWith('~'),
    });
  }
  if (!found.length) throw new Error('at least one matcher is needed, such as alertname="Down"');
  return found;
}

export function formatMatcher(m: Matcher): string {
  const name = /^[a-zA-Z_]\w*$/.test(m.name) ? m.name : JSON.stringify(m.name);
  return `${name}${m.isEqual ? (m.isRegex ? '=~' : '=') : m.isRegex ? '!~' : '!='}${JSON.stringify(m.value)}`;
}

// Where a silence for these labels is made.
export function silenceLink(labels: Labels): string {
  const matchers = Object.entries(labels).map(([name, value]) => formatMatcher({ name, value, isEqual: true, isRegex: false }));
  return `silences?${new URLSearchParams({ new: matchers.join(', ') })}`;
}
