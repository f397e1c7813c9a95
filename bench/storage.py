"""Storing a day, measured: speed, bytes on disk and written, memory, and the time to answer after a kill.

    bench/storage.py FOLDER-OF-PROGRAMS [--short] [--only NAME] [--connections N] [--update FILE] [--json FILE]

FOLDER-OF-PROGRAMS holds lapwing and lapwing-bench. Lapwing and Debian's prometheus and victoria-metrics are
loaded one after another with workload A: 20 hosts x 880 series, a day at 15 s, by remote write over one
connection. --short takes 5 hosts and 6 hours. --only leaves out the others. --update writes the table
between the marks of a Markdown file. Exits with 1 when Lapwing misses what is required of it.
"""
import argparse
import json
import math
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import servers
import tables

# What is required of Lapwing: key, heading, format, limit, and at most or at least these parts of the peers'.
FIGURES = [
    ("samples_per_second", "samples/s", "{:,.0f}", None, {"victoria-metrics": (">=", 2), "prometheus": (">=", 6)}),
    ("disk_per_sample", "bytes on disk per sample", "{:.3f}", ("<=", 0.30), {}),
    ("written_per_sample", "bytes written per sample", "{:.2f}", ("<=", 2.5), {"prometheus": ("<=", 0.25)}),
    ("rss_peak_mib", "peak memory, MiB", "{:.0f}", ("<=", 100), {}),
    ("rss_after_mib", "memory after, MiB", "{:.0f}", ("<=", 40), {}),
    ("rss_after_anon_mib", "of it anonymous", "{:.0f}", None, {}),
    ("rss_after_file_mib", "of it file", "{:.0f}", None, {}),
    ("cpu_seconds", "CPU seconds", "{:.1f}", None, {}),
    ("cpu_ns_per_sample", "CPU ns per sample", "{:.0f}", None, {}),
    ("latency_p50_ms", "request p50, ms", "{:.2f}", None, {}),
    ("latency_p99_ms", "request p99, ms", "{:.2f}", None, {}),
    ("settle_seconds", "settled after, s", "{:.0f}", None, {}),
    ("recovery_seconds", "kill -9 to answer, s", "{:.3f}", ("<=", 0.3), {}),
]


def prepare(bench, workload):
    """Path of the prepared data, which is made when it is not there yet."""
    return subprocess.run([bench, "generate", *workload], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def load(bench, server, pack, connections, folder):
    result = folder / "load.json"
    subprocess.run([bench, "load", server.url, f"--pack={pack}", f"--connections={connections}", f"--json={result}"],
                   stdout=subprocess.DEVNULL, check=True)
    return json.loads(result.read_text())


def recovery(server, loaded):
    """Seconds from the start after a kill until every host's newest sample is found; infinite when data is lost."""
    workload = loaded["workload"]
    at = workload["end_ms"] / 1000
    server.stop(signal.SIGKILL)
    start = time.monotonic()
    server.start(wait=False)
    while True:
        server.wait_ready()
        found = server.query("count(node_load1)", at)
        if found == [workload["hosts"]]:
            return time.monotonic() - start
        if time.monotonic() - start > 60:
            print(f"storage: {server.name} lost data in the kill: {found} of {workload['hosts']} hosts", file=sys.stderr)
            return math.inf
        time.sleep(0.002)


def measure(server, options, pack, folder):
    server.start()
    loaded = load(options.programs / "lapwing-bench", server, pack, options.connections, folder)
    samples = loaded["samples"]
    row = {"samples_per_second": loaded["samples_per_second"], "latency_p50_ms": loaded["latency_ms"]["p50"],
           "latency_p99_ms": loaded["latency_ms"]["p99"]}
    row["settle_seconds"] = max(0, server.settle(quiet=8 if options.short else 20))
    row["disk_per_sample"] = server.disk_bytes() / samples
    row["written_per_sample"] = server.bytes_written() / samples
    row["cpu_seconds"] = server.cpu_seconds()
    row["cpu_ns_per_sample"] = row["cpu_seconds"] / samples * 1e9
    row["rss_peak_mib"] = server.status_mib("VmHWM")
    row["rss_after_mib"] = server.status_mib("VmRSS")
    row["rss_after_anon_mib"] = server.status_mib("RssAnon")
    row["rss_after_file_mib"] = server.status_mib("RssFile")
    row["recovery_seconds"] = recovery(server, loaded)
    return row, loaded


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", action="append", choices=servers.KINDS)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=4, help="scrapes of a host in one request")
    parser.add_argument("--update", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    workload = ["--workload=A", f"--rounds={options.rounds}"]
    workload += ["--hosts=5", "--span=6h"] if options.short else []
    pack = prepare(options.programs / "lapwing-bench", workload)
    folder = servers.scratch_folder()
    rows, versions, failures, loaded = {}, [], [], None
    try:
        for name in options.only or servers.KINDS:
            server = servers.Server(name, folder, options.programs / "lapwing")
            print(f"storage: {name}", file=sys.stderr)
            versions.append(server.version())
            try:
                rows[name], loaded = measure(server, options, pack, folder)
            except (OSError, RuntimeError, subprocess.CalledProcessError) as fault:
                failures.append(f"{name}: {fault}")
            finally:
                server.remove()
    except KeyboardInterrupt:
        failures.append(f"interrupted while {name} was measured")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not loaded:
        sys.exit("storage: nothing was measured: " + "; ".join(failures))
    w = loaded["workload"]
    title = (f"{w['hosts']} hosts x {w['series']} series every {w['interval_ms'] // 1000} s for "
             f"{w['span_ms'] // 3600000} h, {loaded['samples']:,} samples, {loaded['requests']:,} requests over "
             f"{options.connections} connection{'s' if options.connections > 1 else ''}")
    return tables.publish("storage", title, FIGURES, rows, versions, options, failures=failures)


if __name__ == "__main__":
    sys.exit(main())
