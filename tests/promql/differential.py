#!/usr/bin/env python3
"""Random queries, asked of Lapwing and of Debian's Prometheus (2.42) over the same random data, get
the same answers.

    differential.py PATH/TO/lapwing [--seed 1] [--count 300] [--keep FOLDER]

LAPWING_LONG=1 in the environment asks more, with a seed of the day's. A query whose answers differ is
shrunk and printed, and with --keep written as a script in the language of promqltest, which
expects Prometheus' answer.

Samples are 15.007 s apart and the like, counted from 0, so that they never fall on a boundary: windows
and lookback are left-open in 3.x and closed in 2.42. Known besides, and left out of the queries
(queries.py) or of the comparison: one-to-one matches are counted before comparisons filter, and
rate() and increase() take half an interval before they look for a counter's zero.
"""
import argparse
import itertools
import json
import math
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

import queries
from ports import free_port

SECONDS = 3600
INPUT_CONFIG = "global: {evaluation_interval: 1m}\n"


# ---- data: (labels, milliseconds between samples, values or None)

def values(kind, count):
    value = random.randrange(20)
    gap = 0
    for _ in range(count):
        if kind == "counter":
            value = random.randrange(3) if random.random() < .04 else value + random.randrange(9)
        elif kind == "steady":
            value = value + random.randrange(90) if value > 1e6 else 1000001
        elif kind == "neg":
            value = -random.random() * 100
        else:
            value = round(random.gauss(10, 5), 2)
        gap = random.choice([2, 3, 27]) if gap == 0 and random.random() < .05 else max(gap - 1, 0)
        special = random.random() < .01 and kind not in ("neg", "steady")
        yield None if gap else random.choice([math.nan, math.inf, -math.inf]) if special else value


def series(kind, step_ms, **labels):
    return labels, step_ms, list(values(kind, SECONDS * 1000 // step_ms))


def histogram(a, step_ms):
    counts = [0] * 5
    rows = []
    for _ in range(SECONDS * 1000 // step_ms):
        below = 0
        for i in range(5):
            below += random.randrange(4)
            counts[i] += below
        rows.append(list(counts))
    for i, le in enumerate(["0.1", "0.5", "1", "2.5", "+Inf"]):
        yield {"__name__": "h_bucket", "a": a, "le": le}, step_ms, [row[i] for row in rows]


def make_data():
    data = []
    for a, b in [("1", "x"), ("1", "y"), ("2", "x"), ("2", "y"), ("3", "x")]:
        data.append(series("counter", 15007, __name__="c_total", a=a, b=b))
        data.append(series("gauge", 14993, __name__="g", a=a, b=b))
        data.append(series("neg", 30011, __name__="neg", a=a, b=b))
        data.append(series("steady", 15007, __name__="steady_total", a=a, b=b))
    for a in "12":
        data.append(series("gauge", 15013, __name__="one", a=a, n="n" + a))
        data += histogram(a, 15007)
    data.append(series("gauge", 240017, __name__="sparse", a="1", b="x"))
    return data


def samples(step_ms, points):
    """Sample i is at (i + 1) * step_ms."""
    return [((i + 1) * step_ms, v) for i, v in enumerate(points) if v is not None]


def number(value):
    return str(value).replace("inf", "Inf").replace("nan", "NaN")


def notation(labels):
    inner = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
    return f"{labels.get('__name__', '')}{{{inner}}}"


# ---- the two servers

class Server:
    def __init__(self, command, port, folder):
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(os.path.join(folder, "log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + "/-/ready", timeout=5).close()
                return
            except OSError:
                time.sleep(.05)
        raise SystemExit(f"{command[0]} does not start, see {self.log.name}")

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def start_prometheus(folder, data):
    by_name = {}
    for labels, step_ms, points in data:
        lines = by_name.setdefault(labels["__name__"], [])
        # promtool cuts fractions of milliseconds off, those of rounding too.
        lines += [f"{notation(labels)} {number(v)} {(t + .5) / 1000:.4f}" for t, v in
                  samples(step_ms, points)]
    text = "".join("\n".join([f"# TYPE {name} unknown"] + lines) + "\n"
                   for name, lines in by_name.items())
    with open(f"{folder}/data.om", "w", encoding="utf-8") as out:
        out.write(text + "# EOF\n")
    with open(f"{folder}/prometheus.yml", "w", encoding="utf-8") as out:
        out.write(INPUT_CONFIG)
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", f"{folder}/data.om",
                    f"{folder}/tsdb"], check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    return Server(["prometheus", f"--config.file={folder}/prometheus.yml",
                   f"--storage.tsdb.path={folder}/tsdb", "--storage.tsdb.retention.time=100y",
                   f"--web.listen-address=127.0.0.1:{port}"], port, folder)


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(index, body):
    return varint(index << 3 | 2) + varint(len(body)) + body


def write_request(data):
    out = b""
    for labels, step_ms, points in data:
        body = b"".join(field(1, field(1, k.encode()) + field(2, v.encode()))
                        for k, v in sorted(labels.items()))
        for t, v in samples(step_ms, points):
            body += field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(t))
        out += field(1, body)
    return out


def start_lapwing(path, folder, data):
    import snappy  # Debian's python3-snappy
    with open(f"{folder}/lapwing.yml", "w", encoding="utf-8") as out:
        out.write(INPUT_CONFIG)
    port = free_port()
    server = Server([path, f"--config.file={folder}/lapwing.yml", f"--storage.path={folder}/data",
                     "--storage.retention.time=100y", "--web.enable-remote-write-receiver",
                     "--enable-feature=promql-experimental-functions",
                     f"--web.listen-address=127.0.0.1:{port}"], port, folder)
    request = urllib.request.Request(server.url + "/api/v1/write",
                                     snappy.compress(write_request(data)),
                                     {"Content-Type": "application/x-protobuf",
                                      "Content-Encoding": "snappy",
                                      "X-Prometheus-Remote-Write-Version": "0.1.0"})
    urllib.request.urlopen(request).close()
    return server


# ---- asking and comparing

def ask(server, path, form):
    """A list of (labels, {time: value}) in the answer's order, or the text of the error."""
    try:
        with urllib.request.urlopen(f"{server.url}/api/v1/{path}",
                                    urllib.parse.urlencode(form).encode()) as answer:
            result = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["error"]
    return [(tuple(sorted(s["metric"].items())),
             {t: float(v) for t, v in s.get("values") or [s["value"]]}) for s in result]


def close(a, b):
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b)) + 1e-12


# steady_total starts far from zero.
TO_ZERO = re.compile(r"\b(rate|increase)\((?!steady_total)")
# Of large numbers, the last bit of the argument decides.
CHAOTIC = re.compile(r"\b(sin|cos|tan)\((?!(g|neg|one|sparse|c_total)[ )])")
QUANTILE = re.compile(r"quantile(?:_over_time|(?: by| without) \([^)]*\) | )?\(")
LITERAL = re.compile(r"[\w.-]+,")


def call_text(query, start):
    """What stands between the parenthesis before `start` and its partner."""
    depth = 1
    for end in range(start, len(query)):
        depth += (query[end] in "([{") - (query[end] in ")]}")
        if depth == 0:
            return query[start:end]
    return query[start:]


def pins_and_changes(query):
    """What @ pins moves on in 2.42 when a quantile changes, and a quantile of what is pinned stays."""
    for found in QUANTILE.finditer(query):
        text = call_text(query, found.end())
        if (" @ " in text or "vector(" in text) and not LITERAL.match(text):
            return True
    return False


def difference(query, ours, theirs):
    """What differs, as text; None when nothing does that should not."""
    if pins_and_changes(query):
        return None
    if isinstance(ours, str) and isinstance(theirs, str):
        return None
    if isinstance(ours, str):
        return None if "multiple matches" in ours else f"we fail: {ours}"
    if isinstance(theirs, str):
        return f"they fail: {theirs}"
    mine, other = dict(ours), dict(theirs)
    if set(mine) != set(other):
        return f"only ours: {set(mine) - set(other)}, only theirs: {set(other) - set(mine)}"
    if query.startswith("sort") and all(len(points) == 1 for _, points in ours + theirs):
        for (_, a), (_, b) in zip(ours, theirs):
            if not close(*a.values(), *b.values()):
                return f"another order: {ours} is not {theirs}"
    known = TO_ZERO.search(query) or CHAOTIC.search(query)
    for labels, points in mine.items():
        if set(points) != set(other[labels]):
            return f"times of {labels}: {sorted(set(points) ^ set(other[labels]))}"
        for t, value in points.items():
            if not known and not close(value, other[labels][t]):
                return f"{labels} at {t}: {value} is not {other[labels][t]}"
    return None


class Comparison:
    def __init__(self, ours, theirs):
        self.servers = ours, theirs
        self.form, self.path = {}, ""

    def choose_time(self):
        start = random.randrange(SECONDS) + .123
        step = random.randrange(1, 300)
        if random.random() < .25:
            self.path, self.form = "query", {"time": start}
        else:
            end = start + random.randrange(12) * step
            self.path, self.form = "query_range", {"start": start, "end": end, "step": step}

    def answers(self, query):
        theirs = query.replace("double_exponential_smoothing", "holt_winters")
        return (ask(self.servers[0], self.path, dict(self.form, query=query)),
                ask(self.servers[1], self.path, dict(self.form, query=theirs)))

    def difference(self, query):
        return difference(query, *self.answers(query))

    def script(self, query, data, answer):
        """The case as a script that expects what Prometheus answers."""
        lines = []
        for labels, step_ms, points in data:
            shown = " ".join("_" if v is None else number(v) for v in points)
            lines.append(f"load {step_ms}ms\n  {notation(labels)} _ {shown}\n")
        f = self.form
        if self.path == "query":
            lines.append(f"eval instant at {f['time'] * 1000:.0f}ms {query}")
            times = [f["time"]]
        else:
            lines.append(f"eval range from {f['start'] * 1000:.0f}ms to {f['end'] * 1000:.0f}ms "
                         f"step {f['step']}s {query}")
            times = [f["start"] + i * f["step"]
                     for i in range(int((f["end"] - f["start"]) / f["step"] + .5) + 1)]
        if isinstance(answer, str):
            return "\n".join(lines + ["  expect fail", ""])
        for labels, points in answer:
            by_time = {round(t, 3): v for t, v in points.items()}
            shown = [number(by_time[round(t, 3)]) if round(t, 3) in by_time else "_" for t in times]
            lines.append(f"  {notation(dict(labels))} {' '.join(shown)}")
        return "\n".join(lines + [""])


def compare_errors(comparison):
    """Queries that fail in other words."""
    differ = 0
    comparison.path, comparison.form = "query", {"time": 1000.5}
    for query in queries.WRONG:
        ours, theirs = comparison.answers(query)
        if not isinstance(ours, str) or ours != theirs:
            print(f"{query}\n    ours:   {ours}\n    theirs: {theirs}")
            differ += 1
    return differ


def run(options, folder):
    data = make_data()
    theirs = start_prometheus(os.path.join(folder, "theirs"), data)
    try:
        ours = start_lapwing(options.lapwing, os.path.join(folder, "ours"), data)
    except BaseException:
        theirs.stop()
        raise
    try:
        return compare(options, Comparison(ours, theirs), data)
    finally:
        ours.stop()
        theirs.stop()


def compare(options, comparison, data):
    differ = compare_errors(comparison)
    answered = 0
    for n in range(options.count):
        query = queries.query()
        comparison.choose_time()
        text = str(query)
        ours, theirs = comparison.answers(text)
        answered += isinstance(ours, list) and bool(ours)
        what = difference(text, ours, theirs)
        if not what:
            continue
        differ += 1
        small = queries.shrink(query, lambda q: comparison.difference(q) is not None)
        print(f"{small}  {comparison.path} {comparison.form}\n    {comparison.difference(small)}\n"
              f"    from {text}\n    {what}", flush=True)
        if options.keep:
            with open(f"{options.keep}/seed{options.seed}-{n}.test", "w", encoding="utf-8") as out:
                out.write(comparison.script(small, data, comparison.answers(small)[1]))
    print(f"seed {options.seed}: {options.count} queries, {answered} with a result, {differ} differ")
    return 1 if differ or answered < options.count / 4 else 0


def main():
    long = os.environ.get("LAPWING_LONG")
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("lapwing")
    options.add_argument("--seed", type=int, default=int(time.time()) // 86400 if long else 1)
    options.add_argument("--count", type=int, default=50000 if long else 2000)
    options.add_argument("--keep", metavar="FOLDER")
    options = options.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("ours", "theirs"):
            os.mkdir(os.path.join(folder, name))
        return run(options, folder)


if __name__ == "__main__":
    sys.exit(main())
