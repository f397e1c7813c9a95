"""Every suite, one after another, with one report.

    bench/all.py FOLDER-OF-PROGRAMS [--short] [--update FILE]

FOLDER-OF-PROGRAMS holds lapwing and lapwing-bench; results go there: storage.json, query.json, scrape.json,
alerts.json and report.html. --short finishes in less than 15 minutes. Exits with 1 when a suite failed or Lapwing missed what is
required of it; the suites that failed are named at the end, and the others are finished.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time

import pages

HERE = pathlib.Path(__file__).parent


def suites(options):
    programs, short = options.programs, ["--short"] if options.short else []
    update = [f"--update={options.update}"] if options.update else []
    return [
        ("storage", [HERE / "storage.py", programs, *short, *update, f"--json={programs}/storage.json"]),
        ("query", [HERE / "query.py", programs, *short, *update, f"--json={programs}/query.json",
                   f"--html={programs}/report.html", f"--csv={programs}/query.csv"]),
        ("scrape", [HERE / "scrape_targets.py", programs / "lapwing", "b", "--peers", *update,
                    f"--json={programs}/scrape.json", *(["--seconds=60"] if options.short else [])]),
        ("alerts", [HERE / "alerts.py", programs, *update, f"--json={programs}/alerts.json"]),
    ]


def write_report(programs):
    """Adds the other suites' figures to the page of the queries."""
    path = programs / "report.html"
    documents = [json.loads(file.read_text()) for name in ("storage", "scrape", "alerts")
                 if (file := programs / f"{name}.json").exists()]
    path.write_text(pages.add_sections(path.read_text() if path.exists() else None, documents))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--update", type=pathlib.Path)
    options = parser.parse_args()
    failed = []
    for file in ("storage.json", "query.json", "scrape.json", "alerts.json", "report.html"):
        (options.programs / file).unlink(missing_ok=True)
    for name, command in suites(options):
        start = time.monotonic()
        print(f"\n=== {name}\n", flush=True)
        try:
            if subprocess.run([sys.executable, *command], check=False).returncode:
                failed.append(name)
        except KeyboardInterrupt:
            failed.append(f"{name} (interrupted)")
            break
        print(f"=== {name}: {time.monotonic() - start:.0f} s", flush=True)
    write_report(options.programs)
    print(f"\nreport: {options.programs}/report.html")
    if failed:
        print(f"failed or missed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
