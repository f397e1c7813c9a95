"""Rules and notifications, measured: their CPU and memory, and how soon a webhook hears of a crossed threshold.

    bench/alerts.py FOLDER-OF-PROGRAMS [--only lapwing|prometheus] [--update FILE] [--json FILE]

FOLDER-OF-PROGRAMS holds lapwing and lapwing-bench. Lapwing on its own and Debian's prometheus together with its
alertmanager (their figures are sums), in three runs each: 1,000 rules every 15 s over 20 hosts x 880 series;
10,000 firing alerts in 500 groups; and a gauge that crosses a threshold with everything at 1 s. Exits with 1
when Lapwing misses what is required of it.
"""
import argparse
import http.server
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import servers
import tables

FIGURES = [
    ("rules_cpu_percent", "1,000 rules, % of a core", "{:.2f}", ("<=", 5), {}),
    ("firing_cpu_ms", "10,000 firing, ms CPU a second", "{:.1f}", ("<=", 20), {}),
    ("firing_grown_mb", "10,000 firing, memory over idle, MB", "{:.1f}", ("<=", 20), {}),
    ("firing_rss_mb", "10,000 firing, memory in all, MB", "{:.1f}", None, {}),
    ("firing_peak_mb", "10,000 firing, most at once, MB", "{:.1f}", None, {}),
    ("firing_notified", "alerts notified", "{:,.0f}", (">=", 10000), {}),
    ("delay_ms", "crossing to webhook beyond intervals, ms", "{:.0f}", ("<=", 50), {}),
]
INTERVAL_S = GROUP_WAIT_S = 1.0


class Desk(http.server.BaseHTTPRequestHandler):
    """Scrape target and webhook in one; what it shows and has heard is the class's."""
    body = b""
    crossing = 0
    first_shown = None  # when a scrape first got the crossed value
    first_heard = None  # when a webhook first told of it
    notified = set()
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        text = Desk.body + b"crossing %d\n" % Desk.crossing
        if Desk.crossing and not Desk.first_shown:
            Desk.first_shown = time.time()
        self.reply(text)

    def do_POST(self):
        heard = time.time()
        for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
            labels = alert["labels"]
            if labels["alertname"] == "Crossing":
                Desk.first_heard = Desk.first_heard or heard
            Desk.notified.add(tuple(sorted(labels.items())))
        self.reply(b"")

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Stack:
    """Lapwing, or prometheus with alertmanager; usage is the sum of its processes."""

    def __init__(self, name, folder, lapwing, desk, config, rules, alertmanager, interval):
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.processes, self.name = [], name
        (self.folder / "rules.yml").write_text(json.dumps(rules))
        (self.folder / "empty.yml").write_text('{"groups": []}')
        self.rules = {**config, "global": {"scrape_interval": interval, "scrape_timeout": interval,
                                           "evaluation_interval": interval}}
        (self.folder / "alertmanager.yml").write_text(json.dumps({
            "route": {"receiver": "desk", **alertmanager},
            "receivers": [{"name": "desk", "webhook_configs": [{"url": desk, "send_resolved": False}]}]}))
        self.start(lapwing)

    def start(self, lapwing):
        port = servers.free_port()
        self.url = f"http://127.0.0.1:{port}"
        if self.name == "prometheus":
            second, cluster = servers.free_port(), "--cluster.listen-address="
            self.run(["prometheus-alertmanager", f"--config.file={self.folder}/alertmanager.yml", cluster,
                      f"--storage.path={self.folder}/am", f"--web.listen-address=127.0.0.1:{second}"])
            self.rules["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{second}"]}]}]}
        self.use_rules(False)
        arguments = [f"--config.file={self.folder}/prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
        if self.name == "prometheus":
            self.run(["prometheus", *arguments, f"--storage.tsdb.path={self.folder}/data"])
        else:
            self.run([lapwing, *arguments, f"--storage.path={self.folder}/data",
                      f"--alertmanager.config.file={self.folder}/alertmanager.yml"])
        deadline = time.monotonic() + 60
        while True:
            try:
                return urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).close()
            except OSError:
                if time.monotonic() > deadline or self.processes[-1].process.poll() is not None:
                    raise RuntimeError(f"{self.name} is not ready: see {self.folder}/log") from None
                time.sleep(0.05)

    def run(self, arguments):
        server = servers.Server("lapwing", self.folder, None)
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            server.process = subprocess.Popen(arguments, stdout=log, stderr=log)
        self.processes.append(server)

    def use_rules(self, wanted):
        file = "rules.yml" if wanted else "empty.yml"
        (self.folder / "prometheus.yml").write_text(json.dumps({**self.rules, "rule_files": [f"{self.folder}/{file}"]}))
        for server in self.processes[-1:] if wanted else []:
            server.process.send_signal(signal.SIGHUP)

    def rule_count(self):
        with urllib.request.urlopen(f"{self.url}/api/v1/rules", timeout=10) as answer:
            return sum(len(group["rules"]) for group in json.load(answer)["data"]["groups"])

    def cpu_in(self, seconds):
        """Share of a core over so long."""
        before = sum(server.cpu_seconds() for server in self.processes)
        time.sleep(seconds)
        return (sum(server.cpu_seconds() for server in self.processes) - before) / seconds

    def rss_mb(self, field="VmRSS"):
        return sum(server.status_mib(field) for server in self.processes) * 2**20 / 1e6

    def stop(self):
        for server in self.processes:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def thousand_rules(targets):
    """50 rules for each of 20 hosts, half recording, half alerting; hardly any alert fires."""
    modes = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
    out = []
    for target in targets:
        at = f'instance="{target}"'
        rules = [{"record": f"host:cpu_{mode}:rate5m", "expr": f'sum(rate(node_cpu_seconds_total{{mode="{mode}",{at}}}[5m]))'}
                 for mode in modes]
        rules += [{"record": f"host:disk_{what}:rate5m", "expr": f"sum by (device) (rate(node_disk_{what}_total{{{at}}}[5m]))"}
                  for what in ("reads_completed", "writes_completed", "read_bytes", "written_bytes")]
        rules += [{"record": f"host:network_{way}_{what}:rate5m",
                   "expr": f"sum by (device) (rate(node_network_{way}_{what}_total{{{at}}}[5m]))"}
                  for way in ("receive", "transmit") for what in ("bytes", "packets", "errs", "drop")]
        rules += [{"record": f"host:load{n}:max1h", "expr": f"max_over_time(node_load{n}{{{at}}}[1h])"} for n in (1, 5, 15)]
        rules += [{"alert": f"Load{n}", "expr": f"node_load1{{{at}}} > {100 + n}", "for": "5m"} for n in range(9)]
        rules += [{"alert": f"DiskFull{n}", "expr": f"node_filesystem_avail_bytes{{{at}}} / node_filesystem_size_bytes{{{at}}}"
                   f" < 0.0{n + 1}", "for": "10m"} for n in range(9)]
        rules += [{"alert": f"MemoryLow{n}", "expr": f"node_memory_MemAvailable_bytes{{{at}}} < {n + 1}e3"} for n in range(9)]
        out.append({"name": target, "rules": rules})
    return {"groups": out}, sum(len(group["rules"]) for group in out)


def measure_rules(name, options, folder, desk):
    port = servers.free_port()
    config_path = folder / "targets.yml"
    targets = subprocess.Popen([options.programs / "lapwing-bench", "serve", f"--port={port}", f"--config={config_path}",
                                "--quiet"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        jobs = [f"127.0.1.{1 + n}:{port}" for n in range(40)]
        config = {"scrape_configs": [{"job_name": "node", "static_configs": [{"targets": jobs[0::2]}]},
                                     {"job_name": "prometheus", "static_configs": [{"targets": jobs[1::2]}]}]}
        rules, count = thousand_rules(jobs[0::2])
        if count < 1000:
            raise RuntimeError(f"{count} rules")
        stack = Stack(name, folder, options.programs / "lapwing", desk, config, rules, {"group_wait": "30s"}, "15s")
        try:
            time.sleep(35)
            without = stack.cpu_in(30)
            stack.use_rules(True)
            time.sleep(20)
            if stack.rule_count() != count:
                raise RuntimeError(f"{name} has {stack.rule_count()} of {count} rules")
            return {"rules_cpu_percent": 100 * max(0, stack.cpu_in(30) - without)}
        finally:
            stack.stop()
    finally:
        targets.kill()


def desk_config(desk):
    target = desk.split("//")[1].rstrip("/")
    return {"scrape_configs": [{"job_name": "desk", "static_configs": [{"targets": [target]}]}]}


def measure_firing(name, options, folder, desk):
    Desk.body = "".join(f'fire{{g="g{i // 20}",n="{i % 20}"}} 1\n' for i in range(10000)).encode()
    Desk.notified = set()
    rules = {"groups": [{"name": "fire", "rules": [{"alert": "Fire", "expr": "fire == 1"}]}]}
    stack = Stack(name, folder, options.programs / "lapwing", desk, desk_config(desk), rules,
                  {"group_by": ["g"], "group_wait": "5s", "group_interval": "1m"}, "15s")
    try:
        idle = stack.rss_mb()
        stack.use_rules(True)
        time.sleep(60)
        cpu = stack.cpu_in(30)
        return {"firing_cpu_ms": 1000 * cpu, "firing_grown_mb": stack.rss_mb() - idle, "firing_rss_mb": stack.rss_mb(),
                "firing_peak_mb": stack.rss_mb("VmHWM"), "firing_notified": float(len(Desk.notified))}
    finally:
        stack.stop()
        Desk.body = b""


def measure_delay(name, options, folder, desk):
    rules = {"groups": [{"name": "crossing", "interval": "1s",
                         "rules": [{"alert": "Crossing", "expr": "crossing > 0"}]}]}
    delays = []
    for _ in range(3):
        Desk.crossing, Desk.first_shown, Desk.first_heard = 0, None, None
        stack = Stack(name, folder, options.programs / "lapwing", desk, desk_config(desk), rules,
                      {"group_wait": "1s", "group_by": ["alertname"]}, "1s")
        try:
            stack.use_rules(True)
            time.sleep(5)
            Desk.crossing = 1
            deadline = time.monotonic() + 30
            while not Desk.first_heard and time.monotonic() < deadline:
                time.sleep(0.05)
            if not Desk.first_heard:
                raise RuntimeError(f"{name} did not tell of the crossed threshold in 30 s")
            delays.append((Desk.first_heard - Desk.first_shown - INTERVAL_S - GROUP_WAIT_S) * 1000)
        finally:
            stack.stop()
    return {"delay_ms": max(delays)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--only", action="append", choices=("lapwing", "prometheus"))
    parser.add_argument("--update", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    desk = f"http://127.0.0.1:{server.server_address[1]}/"
    folder = servers.scratch_folder()
    rows, failures = {}, []
    try:
        for name in options.only or ("lapwing", "prometheus"):
            rows[name] = {}
            for part in (measure_rules, measure_firing, measure_delay):
                print(f"alerts: {name}, {part.__name__[8:]}", file=sys.stderr)
                try:
                    rows[name].update(part(name, options, folder, desk))
                except (OSError, RuntimeError) as fault:
                    failures.append(f"{name}: {fault}")
    except KeyboardInterrupt:
        failures.append(f"interrupted while {name} was measured")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    versions = [servers.version_of(name, options.programs / "lapwing") for name in rows]
    return tables.publish("alerts", "prometheus is the sum with its alertmanager", FIGURES, rows, versions, options,
                          failures=failures)


if __name__ == "__main__":
    sys.exit(main())
