"""Steady scraping, measured: CPU, memory and bytes written of Lapwing (and of its peers) on one workload.

    bench/scrape_targets.py PATH/TO/lapwing [main|b|small] [--targets N] [--series N] [--seconds N] [--peers]
                            [--update FILE] [--json FILE]

main   100 targets x 1,000 series every 15 s and a node exporter, queried meanwhile
b      100 targets x 843 series every 5 s, and nothing else
small  10 targets x 1,000 series every 15 s, and nothing else

--peers runs Debian's prometheus and victoria-metrics beside it on the same targets and prints ratios.
The CPU of the first interval (every series is new) and what comes after are told apart. Exits with 1 when
Lapwing misses what is required of it.
"""
import argparse
import asyncio
import gzip
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import servers
import tables

# targets, series of each, interval, seconds, node exporter and queries; required: share of a core, MiB, us and bytes a sample
WORKLOADS = {
    "main": (100, 1000, 15, 90, True, (0.10, None, None, None)),
    "b": (100, 843, 5, 600, False, (None, 35, 0.27, 2.5)),
    "small": (10, 1000, 15, 120, False, (None, 16, None, None)),
}
ROUNDS = 128
EXPRESSIONS = [
    ("query", {"query": "count(up == 1)"}),
    ("query", {"query": "sum by (mode) (rate(node_cpu_seconds_total[1m]))"}),
    ("query_range", {"query": "sum(rate(host_network_bytes_total[1m]))", "step": "15"}),
]


def shape(count):
    """Names and labels of `count` series, and how each one's value moves."""
    series = []
    while len(series) < count:
        n = len(series)
        family = n // 8
        kind = ("host_network_bytes_total", "host_disk_seconds_total", "host_memory_bytes", "host_info",
                "host_filesystem_bytes", "host_request_seconds_bucket")[family % 6]
        name = kind if family < 6 else kind.replace("host_", f"host_{family}_")
        labels = f'device="eth{n % 8}",mode="mode-{n % 5}"'
        if kind.endswith("bucket"):
            labels = f'handler="/api/v1/{family}",le="{(0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, "+Inf")[n % 8]}"'
        series.append((name, labels, n % 3 != 0, family % 4))
    return series


def bodies(count):
    """One body for each round: two thirds of the values constant, integer and two-decimal counters, gauges."""
    rng = random.Random(1)
    series = shape(count)
    values = [rng.randrange(100000) for _ in series]
    out = []
    for _ in range(ROUNDS):
        lines, last = [], None
        for i, (name, labels, constant, kind) in enumerate(series):
            if name != last:
                lines.append(f"# HELP {name} What {name} tells of the host.")
                lines.append(f"# TYPE {name} " + ("gauge" if kind == 2 else "counter"))
                last = name
            if not constant:
                step = rng.randrange(2000)
                values[i] = step / 10 if kind == 2 else values[i] + (step if kind == 0 else step / 100)
            text = repr(round(values[i], 2))
            lines.append(f"{name}{{{labels}}} {text[:-2] if text.endswith('.0') else text}")
        out.append(("\n".join(lines) + "\n").encode())
    return out


class Exporter(asyncio.Protocol):
    """Answers each request on each connection with the next round of its target."""
    plain, packed = [], []
    rounds = {}
    served = 0

    def connection_made(self, transport):
        self.transport = transport
        self.target = transport.get_extra_info("sockname")[0]
        self.pending = b""

    def data_received(self, data):
        self.pending += data
        while b"\r\n\r\n" in self.pending:
            head, _, self.pending = self.pending.partition(b"\r\n\r\n")
            self.answer(head)

    def answer(self, head):
        accept = [line for line in head.lower().split(b"\r\n") if line.startswith(b"accept-encoding:")]
        pack = bool(accept) and b"gzip" in accept[0] and b"identity" not in accept[0]
        key = (self.target, [line for line in head.split(b"\r\n") if line.lower().startswith(b"user-agent:")][0])
        index = Exporter.rounds.get(key, hash(self.target) % ROUNDS)
        Exporter.rounds[key] = (index + 1) % ROUNDS
        body = (Exporter.packed if pack else Exporter.plain)[index]
        encoding = b"Content-Encoding: gzip\r\n" if pack else b""
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n" + encoding +
                             b"Content-Length: %d\r\n\r\n" % len(body) + body)
        if b"lapwing" in key[1].lower():
            Exporter.served += 1


def serve(series_count, port):
    Exporter.plain = bodies(series_count)
    Exporter.packed = [gzip.compress(body, 1) for body in Exporter.plain]

    def run():
        loop = asyncio.new_event_loop()
        loop.run_until_complete(loop.create_server(Exporter, "0.0.0.0", port))
        loop.run_forever()
    threading.Thread(target=run, daemon=True).start()


class Program:
    def __init__(self, name, folder, arguments, port, ready):
        self.name, self.port = name, port
        self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=open(folder / f"{name}.log", "w"))
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.get(ready) and None
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def query(self, kind, parameters):
        now = time.time()
        if kind == "query_range":
            parameters = {**parameters, "start": now - 300, "end": now}
        return json.loads(self.get(f"/api/v1/{kind}?" + urllib.parse.urlencode(parameters)))["status"] == "success"

    def cpu(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def status(self, key):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
        return 0

    def written(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/io").read_text().splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
        return 0

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def start_programs(options, folder, config):
    port = servers.free_port()
    programs = [Program("lapwing", folder, [
        options.lapwing, f"--config.file={config}", f"--storage.path={folder}/lapwing",
        f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready")]
    if options.peers:
        port = servers.free_port()
        programs.append(Program("prometheus", folder, [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{port}"], port, "/-/ready"))
        port = servers.free_port()
        programs.append(Program("victoria-metrics", folder, [
            "victoria-metrics", f"-promscrape.config={config}", f"-storageDataPath={folder}/victoria",
            f"-httpListenAddr=127.0.0.1:{port}"], port, "/health"))
    return programs


class Queries(threading.Thread):
    """A query a second to each program, in turn, and how long the slowest took."""

    def __init__(self, programs):
        super().__init__(daemon=True)
        self.programs, self.count, self.failed = programs, 0, 0
        self.slowest = {p.name: 0.0 for p in programs}
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(1):
            kind, parameters = EXPRESSIONS[self.count % len(EXPRESSIONS)]
            for program in self.programs:
                start = time.monotonic()
                try:
                    self.failed += not program.query(kind, parameters)
                except OSError:
                    self.failed += 1
                self.slowest[program.name] = max(self.slowest[program.name], time.monotonic() - start)
            self.count += 1


def measure(programs, seconds, interval, series_count, queried):
    """Per program: share of a core, RSS, us and bytes a sample after the first interval, CPU of the first."""
    first = interval + 2
    time.sleep(first)
    before = {p.name: (p.cpu(), p.written()) for p in programs}
    served, start = Exporter.served, time.monotonic()
    queries = Queries(programs)
    if queried:
        queries.start()
    time.sleep(seconds - first)
    elapsed = time.monotonic() - start
    samples = (Exporter.served - served) * series_count
    if queried:
        queries.done.set()
        queries.join()
    print(f"{samples} samples of Lapwing in {elapsed:.0f} s, {queries.count} rounds of queries, "
          f"{queries.failed} failed")
    rows = {}
    for p in programs:
        cpu, written = p.cpu() - before[p.name][0], p.written() - before[p.name][1]
        rows[p.name] = (cpu / elapsed, p.status("VmRSS"), 1e6 * cpu / samples, written / samples,
                        before[p.name][0], p.status("VmHWM"), queries.slowest[p.name] * 1000)
    return rows


HEADINGS = ("core share", "RSS MiB", "us/sample", "B written/sample", "first CPU s", "peak MiB", "slowest query ms")


def figures(required, queried):
    """What tables.py wants to know of the columns."""
    return [(h, h, "{:.3f}", None if limit is None else ("<=", limit), {})
            for h, limit in zip(HEADINGS if queried else HEADINGS[:-1], [*required, *[None] * len(HEADINGS)])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lapwing")
    parser.add_argument("workload", nargs="?", default="main", choices=WORKLOADS)
    parser.add_argument("--targets", type=int)
    parser.add_argument("--series", type=int, help="of each target")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--update", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    targets, series_count, interval, seconds, busy, required = WORKLOADS[options.workload]
    targets, series_count = options.targets or targets, options.series or series_count
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lapwing-bench-", dir=os.environ.get("BENCH_DIR")))
    port, node_port = servers.free_port(), servers.free_port()
    serve(series_count, port)
    hosts = [{"job_name": "hosts", "static_configs": [
        {"targets": [f"127.0.{1 + i // 200}.{1 + i % 200}:{port}" for i in range(targets)]}]}]
    node = None
    if busy:
        hosts.append({"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{node_port}"]}]})
        node = subprocess.Popen(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{node_port}"],
                                stderr=subprocess.DEVNULL)
    (folder / "prometheus.yml").write_text(json.dumps(
        {"global": {"scrape_interval": f"{interval}s"}, "scrape_configs": hosts}))
    print(f"{options.workload}: {targets} targets x {series_count} series every {interval} s, "
          f"{len(Exporter.plain[0]) // 1024} KiB each")
    programs = start_programs(options, folder, folder / "prometheus.yml")
    try:
        rows = measure(programs, options.seconds or seconds, interval, series_count, busy)
    finally:
        for program in programs:
            program.stop()
        if node:
            node.kill()
        shutil.rmtree(folder)
    versions = [servers.version_of(p.name, options.lapwing) for p in programs]
    title = (f"{options.workload}: {targets} targets x {series_count} series every {interval} s for "
             f"{options.seconds or seconds} s")
    return tables.publish(f"scrape {options.workload}", title, figures(required, busy),
                          {name: dict(zip(HEADINGS, row)) for name, row in rows.items()}, versions, options)


if __name__ == "__main__":
    sys.exit(main())
