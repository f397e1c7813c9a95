// The frame: navigation, theme, and which page the address means.
import './app.css';
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useApi } from './parts';
import { AlertsPage, RulesPage } from './rules';
import { QueryPage } from './query';
import { ReceiversPage } from './receivers';
import { SilencesPage } from './silences';
import { StatusPage } from './status';
import { TargetsPage } from './targets';

const PAGES = [
  { path: 'query', title: 'Query', view: QueryPage },
  { path: 'alerts', title: 'Alerts', view: AlertsPage },
  { path: 'silences', title: 'Silences', view: SilencesPage },
  { path: 'receivers', title: 'Receivers', view: ReceiversPage },
  { path: 'rules', title: 'Rules', view: RulesPage },
  { path: 'targets', title: 'Targets', view: TargetsPage },
  { path: 'status', title: 'Status', view: StatusPage },
];

type Theme = 'auto' | 'light' | 'dark';
const THEMES: Record<Theme, string> = { auto: '◐', light: '☀', dark: '☾' };

function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState((localStorage.getItem('theme') as Theme) ?? 'auto');
  useEffect(() => {
    localStorage.setItem('theme', theme);
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    window.dispatchEvent(new Event('themechange'));
  }, [theme]);
  const names = Object.keys(THEMES) as Theme[];
  return [theme, () => setTheme(names[(names.indexOf(theme) + 1) % names.length])];
}

function currentPath(): string {
  return location.pathname.split('/').pop() ?? '';
}

function App() {
  const [path, setPath] = useState(currentPath());
  const [theme, nextTheme] = useTheme();
  useEffect(() => {
    const changed = () => setPath(currentPath());
    window.addEventListener('popstate', changed);
    return () => window.removeEventListener('popstate', changed);
  }, []);
  const flags = useApi<Record<string, string>>('status/flags', 0);
  const name = flags.data?.['web.page-title'] || 'Lapwing';
  const page = PAGES.find((p) => p.path === path) ?? PAGES[0];
  useEffect(() => {
    document.title = `${page.title} · ${name}`;
  }, [page, name]);
  const go = (event: MouseEvent, target: string) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    history.pushState(null, '', target);
    setPath(target);
  };
  const View = page.view;
  return (
    <>
      <a class="skip" href="#main">Skip to content</a>
      <header>
        <a class="brand" href="query" onClick={(e) => go(e, 'query')}>
          <img src="assets/icon.svg" alt="" width="24" height="24" /> Lapwing
        </a>
        <nav aria-label="Pages">
          {PAGES.map((p) => (
            <a key={p.path} href={p.path} aria-current={p === page ? 'page' : undefined} onClick={(e) => go(e, p.path)}>
              {p.title}
            </a>
          ))}
        </nav>
        <button class="plain" onClick={nextTheme} aria-label={`Colours: ${theme}`} title={`Colours: ${theme}`}>
          {THEMES[theme]}
        </button>
      </header>
      <main id="main">
        <View key={page.path} />
      </main>
    </>
  );
}

render(<App />, document.getElementById('app')!);
