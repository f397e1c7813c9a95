"""Dashboards, measured: the queries of a set on a stored day, side by side.

    bench/query.py FOLDER-OF-PROGRAMS [SET] [--short] [--only NAME] [--repetitions N] [--update FILE]
                   [--json FILE] [--csv FILE] [--html FILE]

FOLDER-OF-PROGRAMS holds lapwing and lapwing-bench. Lapwing and Debian's prometheus and victoria-metrics hold
the workload of the query set SET (bench/queries/SET.txt; dashboard16 on workload A; --short: less of it) and are
asked its queries in turn, without caches of results and with them; --cold restarts them first and drops the page cache where it may, so
that "first" is a cold start. The table has the medians and their geometric means. Exits with 1 when Lapwing
misses what is required of it, and when answers differ.
"""
import argparse
import json
import math
import pathlib
import shutil
import subprocess
import sys

import servers
import storage
import tables

# The workload of each set, and what --short makes of it.
SETS = {
    "dashboard16": ("A", ["--hosts=5", "--span=6h"]),
    "node_exporter": ("A", ["--hosts=8", "--span=6h"]),
    "rules": ("A", ["--hosts=5", "--span=6h"]),
    "pathological": ("A", ["--hosts=5", "--span=6h"]),
    "kubernetes": ("kubernetes", ["--hosts=3", "--span=3h"]),
    "ml": ("ml", ["--hosts=4", "--span=3h"]),
    "tsbs_devops": ("devops", ["--span=2h"]),
    "cardinality": ("cardinality", ["--span=20m"]),
}
FIGURES = [
    ("nocache", "geometric mean without cache, ms", "{:.3f}", ("<=", 1.6),
     {"prometheus": ("<=", 0.1), "victoria-metrics": ("<=", 0.33)}),
    ("cache", "geometric mean repeated, ms", "{:.3f}", ("<=", 0.5), {}),
    ("first", "geometric mean of first answers, ms", "{:.3f}", None, {}),
    ("rss_anon", "memory anonymous, MiB", "{:.0f}", None, {}),
    ("rss_file", "memory file, MiB", "{:.0f}", None, {}),
    ("cpu_seconds", "CPU seconds", "{:.2f}", None, {}),
]


def geometric_mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values)) if values else 0.0


def means(results):
    """Per target: the means that the tool computed, of first answers too, and the use of its process."""
    rows = {}
    for target, found in zip(results["targets"], results["geometric_means_ms"]):
        firsts = [run["first_ms"] for query in results["queries"] for run in query["runs"]
                  if run["target"] == target["name"] and run["mode"] == "nocache" and "first_ms" in run]
        row = {"nocache": found["nocache"], "cache": found["cache"], "first": geometric_mean(firsts)}
        if "after" in target:
            row["rss_anon"] = target["after"]["rss_anon"] / 2**20
            row["rss_file"] = target["after"]["rss_file"] / 2**20
            row["cpu_seconds"] = target["after"]["cpu_seconds"] - target["before"]["cpu_seconds"]
        rows[target["name"]] = row
    return rows


def slower_than_peers(results):
    """Queries at which Lapwing's median without cache is above a peer's."""
    slow = []
    for query in results["queries"]:
        medians = {run["target"]: run.get("p50") for run in query["runs"] if run["mode"] == "nocache"}
        own = medians.get("lapwing")
        slow += [f"{query['name']} ({own:.3f} ms, {name} {p50:.3f})"
                 for name, p50 in medians.items() if own and p50 and name != "lapwing" and p50 < own]
    return slow


def query_lines(results):
    """A row for each query: medians of each target without cache and with it."""
    names = [t["name"] for t in results["targets"]]
    head = ["median ms"] + names + [f"{n}, cache" for n in names]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for query in results["queries"]:
        cells = [f"`{query['name']}`"]
        for mode in ("nocache", "cache"):
            for name in names:
                run = next(r for r in query["runs"] if r["target"] == name and r["mode"] == mode)
                cells.append(f"{run['p50']:.3f}" if "p50" in run else run["status"])
        lines.append(cells)
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def drop_page_cache():
    try:
        subprocess.run(["sync"], check=True)
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        print("query: the page cache stays as it is: not permitted", file=sys.stderr)


def fill(running, options, pack, folder):
    bench = options.programs / "lapwing-bench"
    for server in running:
        print(f"query: loading {server.name}", file=sys.stderr)
        server.start()
        loaded = storage.load(bench, server, pack, 1, folder)
    for server in running:
        server.settle(quiet=5)
    if options.cold:
        for server in running:
            server.stop()
        drop_page_cache()
        for server in running:
            server.start()
    return loaded


def ask(running, options, loaded, folder):
    """The results of `lapwing-bench query`, and its exit status."""
    path = options.json or folder / "query.json"
    queries = pathlib.Path(__file__).parent / f"queries/{options.set}.txt"
    command = [options.programs / "lapwing-bench", "query", queries,
               *[f"{s.name}={s.url},data={s.folder}/data" for s in running],
               f"--end={loaded['workload']['end_ms'] / 1000:.0f}", f"--repetitions={options.repetitions}",
               f"--concurrency={options.concurrency}", f"--json={path}"]
    if "prometheus" in [s.name for s in running]:
        command.append("--reference=prometheus")
    command += [f"--{kind}={getattr(options, kind)}" for kind in ("csv", "html") if getattr(options, kind)]
    with open(folder / "query.txt", "w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out)
        try:
            status = process.wait()
        except KeyboardInterrupt:  # the tool had it too, and writes what it has
            status = process.wait()
    print((folder / "query.txt").read_text(), file=sys.stderr)
    return json.loads(path.read_text()), status


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("set", nargs="?", default="dashboard16", choices=SETS)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--only", action="append", choices=servers.KINDS)
    parser.add_argument("--option", action="append", default=[], help="of lapwing-bench generate, such as --span=2h")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--concurrency", type=int, default=1)
    for name in ("update", "json", "csv", "html"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    return parser.parse_args()


def main():
    options = parse_options()
    workload, less = SETS[options.set]
    workload = [f"--workload={workload}", "--rounds=12", *(less if options.short else []), *options.option]
    pack = storage.prepare(options.programs / "lapwing-bench", workload)
    folder = servers.scratch_folder()
    running = [servers.Server(name, folder, options.programs / "lapwing") for name in options.only or servers.KINDS]
    try:
        loaded = fill(running, options, pack, folder)
        results, status = ask(running, options, loaded, folder)
    finally:
        for server in running:
            server.remove()
        shutil.rmtree(folder, ignore_errors=True)
    w = loaded["workload"]
    title = (f"{options.set}, {len(results['queries'])} queries over {w['hosts']} hosts x {w['series']} series, "
             f"{w['span_ms'] // 3600000} h at {w['interval_ms'] // 1000} s, {options.repetitions} repetitions")
    options.json = None  # written by the tool, with everything
    figures = FIGURES if options.set == "dashboard16" and not options.short else [
        (key, heading, layout, None, {}) for key, heading, layout, _, _ in FIGURES]
    name = "query" if options.set == "dashboard16" else f"query {options.set}"
    missed = tables.publish(name, title, figures, means(results), [s.version() for s in running], options,
                            ["", *query_lines(results)],
                            [] if results["complete"] else ["see the runs above that are refused or not reached"])
    slow = slower_than_peers(results)
    if slow:
        print("slower than a peer: " + ", ".join(slow), file=sys.stderr)
    return 1 if missed or slow or status else 0


if __name__ == "__main__":
    sys.exit(main())
