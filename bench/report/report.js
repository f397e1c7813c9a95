// Draws the results that stand in the page as JSON: tables, bars, and latencies over the repetitions.
"use strict";
(() => {
  const results = JSON.parse(document.getElementById("results").textContent);
  const COLORS = ["#0b7285", "#d9480f", "#5f3dc4", "#2b8a3e", "#c2255c", "#e67700", "#364fc7", "#868e96"];
  const color = new Map(results.targets.map((t, i) => [t.name, COLORS[i % COLORS.length]]));
  const root = document.getElementById("report");

  function node(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children.filter((c) => c !== null && c !== undefined));
    return element;
  }
  const add = (...elements) => root.append(...elements);
  const ms = (v) => (v === undefined ? "–" : v < 10 ? v.toFixed(3) : v < 1000 ? v.toFixed(2) : v.toFixed(0));
  const mib = (v) => (v === undefined ? "–" : (v / 1048576).toFixed(1));
  const swatch = (name) => node("span", { class: "swatch", style: `background:${color.get(name)}` });

  // Rows are arrays of text or elements; texts gives the columns that are no numbers.
  function table(head, rows, texts = []) {
    const cell = (kind) => (content, i) =>
      node(kind, texts.includes(i) ? { class: "text" } : {}, ...(Array.isArray(content) ? content : [content]));
    return node("div", { class: "scroll" }, node("table", {},
      node("thead", {}, node("tr", {}, ...head.map(cell("th")))),
      node("tbody", {}, ...rows.map((row) => node("tr", {}, ...row.map(cell("td")))))));
  }

  function runs() {
    return results.queries.flatMap((query) => query.runs.map((run) => ({ query, run })));
  }

  function faults() {
    const list = runs().filter(({ run }) => run.status !== "ok" || run.agreement === "differs");
    if (results.complete && !list.length) return;
    add(node("div", { class: "faults" },
      node("strong", { class: "bad" }, results.complete ? "Answers differ" : "This is not a whole run"),
      node("ul", {}, ...list.map(({ query, run }) => node("li", {},
        `${query.name}, ${run.target}, ${run.mode}: ${run.status === "ok" ? "answers differ" : run.status}`,
        run.note ? `: ${run.note}` : "")))));
  }

  function means() {
    const rows = results.geometric_means_ms.map((mean) => [[swatch(mean.target), mean.target],
      ...results.modes.map((mode) => ms(mean[mode])),
      ...results.modes.map((mode) => {
        const first = results.geometric_means_ms[0][mode];
        return mean[mode] ? (first / mean[mode]).toFixed(3) : "–";
      })]);
    const first = results.targets[0].name;
    add(node("h2", {}, "Geometric means of medians"),
      node("p", {}, `Milliseconds, over the ${results.geometric_means_ms[0].queries} of ` +
        `${results.queries.length} queries that all targets answered.`),
      table(["", ...results.modes.map((m) => `${m}, ms`), ...results.modes.map((m) => `${first} takes, ${m}`)], rows));
  }

  function bars(mode) {
    const all = runs().filter(({ run }) => run.mode === mode && run.p50 > 0).map(({ run }) => run.p50);
    if (!all.length) return;
    const low = Math.log10(Math.min(...all)) - 0.3, high = Math.log10(Math.max(...all));
    const width = (v) => 100 * (Math.log10(v) - low) / Math.max(high - low, 1e-9);
    const grid = node("div", { class: "bars" });
    for (const query of results.queries) {
      grid.append(node("code", { title: query.expr }, query.name),
        node("div", {}, ...query.runs.filter((run) => run.mode === mode).map((run) => node("div", { class: "bar" },
          node("i", { style: `width:${run.p50 ? 0.85 * width(run.p50) : 0}%;background:${color.get(run.target)}` }),
          run.p50 ? ms(run.p50) : run.status))));
    }
    add(node("h2", {}, `Medians, ${mode}`), node("p", {}, "Milliseconds on a logarithmic scale: ",
      ...results.targets.flatMap((t) => [swatch(t.name), t.name, " "])), grid);
  }

  function processes() {
    add(node("h2", {}, "Processes"), table(
      ["", "anonymous MiB", "file MiB", "peak MiB", "CPU s", "written MiB", "disk MiB"],
      results.targets.map((t) => [[swatch(t.name), t.name],
        ...(t.after ? [mib(t.after.rss_anon), mib(t.after.rss_file), mib(t.after.rss_peak),
          (t.after.cpu_seconds - t.before.cpu_seconds).toFixed(2), mib(t.after.bytes_written - t.before.bytes_written)]
          : ["–", "–", "–", "–", "–"]), mib(t.disk_bytes)])));
  }

  // Without uPlot: the same lines as a small SVG.
  function drawLines(place, series) {
    const WIDTH = 900, HEIGHT = 160, LEFT = 55;
    const values = series.flatMap((s) => s.values).filter((v) => v > 0);
    const low = Math.log10(Math.min(...values)), high = Math.log10(Math.max(...values));
    const length = Math.max(...series.map((s) => s.values.length), 2);
    const x = (i) => LEFT + (WIDTH - LEFT - 10) * i / (length - 1);
    const y = (v) => HEIGHT - 15 - (HEIGHT - 30) * (Math.log10(v) - low) / Math.max(high - low, 1e-9);
    const lines = series.map((s) => `<polyline fill="none" stroke="${s.color}" stroke-width="1.5" ` +
      `stroke-dasharray="${s.dash.join(" ")}" points="${s.values.map((v, i) => `${x(i)},${y(v)}`).join(" ")}"/>`);
    place.innerHTML = `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="latencies">` +
      `<text x="0" y="${y(10 ** high) + 4}">${ms(10 ** high)}</text>` +
      `<text x="0" y="${y(10 ** low) + 4}">${ms(10 ** low)}</text>${lines.join("")}</svg>`;
  }

  function plot(query) {
    const series = query.runs.filter((run) => run.latencies_ms.length).map((run) => ({
      label: `${run.target}, ${run.mode}`, values: run.latencies_ms, color: color.get(run.target),
      dash: run.mode === "cache" ? [4, 3] : [],
    }));
    if (!series.length) return null;
    const place = node("div", { class: "plot" });
    if (typeof uPlot === "undefined") {
      drawLines(place, series);
      return place;
    }
    const length = Math.max(...series.map((s) => s.values.length));
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--soft");
    const grid = { stroke: getComputedStyle(document.documentElement).getPropertyValue("--line"), width: 1 };
    new uPlot({
      width: Math.min(1100, Math.max(320, root.clientWidth)), height: 220,
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [{ stroke: ink, grid, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] }, { stroke: ink, grid, size: 60, values: (_, ticks) => ticks.map((v) => (v ? ms(v) : "")) }],
      series: [{ label: "repetition" }, ...series.map((s) => ({
        label: s.label, stroke: s.color, dash: s.dash, width: 1.5, value: (_, v) => (v === null ? "" : `${ms(v)} ms`),
      }))],
    }, [Array.from({ length }, (_, i) => i + 1), ...series.map((s) => s.values)], place);
    return place;
  }

  function details(query) {
    const kind = query.kind === "range" ? `range of ${query.span_ms / 3600000} h, step ${query.step_ms / 1000} s` : "instant";
    add(node("h3", { id: query.name }, query.name), node("p", {}, `${kind}: `, node("code", {}, query.expr)));
    add(table(["", "mode", "first", "min", "p50", "95 %", "p90", "p99", "max", "per s", "series", "values", "answer"],
      query.runs.map((run) => [[swatch(run.target), run.target], run.mode, ms(run.first_ms), ms(run.min), ms(run.p50),
        run.p50 === undefined ? "–" : `${ms(run.p50_low)}–${ms(run.p50_high)}`, ms(run.p90), ms(run.p99), ms(run.max),
        run.per_second === undefined ? "–" : run.per_second.toFixed(1), run.series, run.values,
        node("span", run.status !== "ok" || run.agreement === "differs" ? { class: "bad" } : {},
          `${run.status === "ok" ? run.agreement : run.status}${run.note ? `: ${run.note}` : ""}`)]), [1, 12]));
    const drawn = plot(query);
    if (drawn) add(drawn);
  }

  document.title = results.title;
  add(node("h1", {}, results.title), node("p", {}, `${results.date} · ${results.machine} · ${results.tool}`),
    node("p", {}, `${results.repetitions} repetitions after ${results.warmup}, concurrency ${results.concurrency}, ` +
      `queries end at ${new Date(results.end_ms).toISOString()}`),
    table(["", "URL", "kind"], results.targets.map((t) => [[swatch(t.name), t.name], t.url || "", t.kind]), [1, 2]));
  faults();
  means();
  results.modes.forEach(bars);
  processes();
  add(node("h2", {}, "Queries"), node("p", {}, "Latencies in milliseconds; below, one point for each repetition."));
  results.queries.forEach(details);
})();
