#!/usr/bin/env python3
"""Random queries, asked of two servers that hold the same data, must get the same answers.

    differential.py --ours http://127.0.0.1:9090 --theirs http://127.0.0.1:9091 \
        --start 1700000000 --seconds 3600 [--seed 1] [--count 1000]

The data are counters c_total{a,b}, gauges g{a,b} and one{a,n}, and classic histograms
h_bucket{a,le}; `--make FILE` writes an hour of them in OpenMetrics, with gaps, counter resets, NaN
and Inf, for promtool's create-blocks-from and for whatever loads the other server.

The other server is Prometheus 2.42. What 3.x does otherwise is kept out of the queries or of the
comparison: windows are left-open now (times here never fall on a boundary), a range vector pinned
by @ stays so in predict_linear(), atan2 drops the metric name, stddev of a single Inf is NaN,
one-to-one matches are counted before comparisons filter, and rate() and increase() take half an
interval before they look for a counter's zero.
"""

import argparse
import json
import math
import random
import sys
import urllib.error
import urllib.parse
import urllib.request

pick = random.choice


def selector(range_text=""):
    name = pick(["c_total", "g", 'g{a="1"}', 'c_total{b!="x"}', '{a="2",b="x"}', "one",
                 "h_bucket", 'h_bucket{a="1"}'])
    return name + range_text + pick([""] * 5 + [" offset 70s", " offset -1m", " @ %.3f" % PIN])


def scalar(depth):
    kind = random.randrange(4 if depth else 2)
    if kind == 0:
        return pick(["0", "1", "2", "0.5", "-3", "NaN", "Inf", "100"])
    if kind == 1:
        return "time()"
    if kind == 2:
        return f"scalar({vector(depth - 1)})"
    operator = pick(["+", "*", "/", "-", "> bool", "%", "^"])
    return f"({scalar(depth - 1)} {operator} {scalar(depth - 1)})"


def range_vector(depth):
    if depth <= 0 or random.random() < .7:
        return selector(pick(["[1m]", "[97s]", "[5m]", "[7s]", "[10m]", "[29m]"]))
    window = pick(["[3m:1m]", "[2m:13s]", "[5m:]", "[4m:30s] offset 1m", "[10m:20s]"])
    return f"({vector(depth - 1)}){window}"


MAPS = ["abs", "floor", "ceil", "sgn", "exp", "ln", "sqrt", "minute", "hour", "timestamp", "deg",
        "sin", "atan", "day_of_year"]
OVER_TIME = ["delta", "irate", "idelta", "changes", "resets", "sum_over_time", "avg_over_time",
             "min_over_time", "max_over_time", "count_over_time", "last_over_time",
             "stddev_over_time", "stdvar_over_time", "present_over_time", "rate", "increase"]


def call(depth):
    kind = random.randrange(9)
    if kind == 0:
        return f"{pick(MAPS)}({vector(depth - 1)})"
    if kind == 1:
        return f"clamp({vector(depth - 1)}, {scalar(depth - 1)}, 50)"
    if kind == 2:
        return f'label_replace({vector(depth - 1)}, "n", "$1", "a", "(.*)")'
    if kind == 3:
        buckets = pick(["h_bucket", "rate(h_bucket[5m])", "sum by (le) (rate(h_bucket[3m]))"])
        return f"histogram_quantile({scalar(depth - 1)}, {buckets})"
    if kind == 4:
        return f"absent({vector(depth - 1)})"
    if kind == 5:
        name = pick(["quantile_over_time(0.3, ", "absent_over_time(", "deriv("])
        return name + range_vector(depth - 1) + ")"
    if kind == 6:
        return "predict_linear(g[10m], 60)"
    return f"{pick(OVER_TIME)}({range_vector(depth - 1)})"


def aggregate(depth):
    by = pick(["", "", " by (a)", " without (a)", " by (a, b, le)", " by (__name__)"])
    kind = random.random()
    if kind < .2:
        return f"{pick(['topk', 'bottomk'])}{by} ({pick('123')}, g)"
    if kind < .3:
        return f"quantile{by} ({pick(['0.5', '0.9', '0.1'])}, {vector(depth - 1)})"
    if kind < .4:
        return f'count_values{by} ("v", floor(g))'
    return f"{pick(['sum', 'avg', 'count', 'min', 'max', 'group'])}{by} ({vector(depth - 1)})"


def binary(depth):
    on = pick(["", "", "on (a) ", "ignoring (b) ", "on () ", "on (a, b, le) ",
               "ignoring (b, n, le) "])
    left, right = vector(depth - 1), vector(depth - 1)
    if random.random() < .3:
        return f"({left} {pick(['and', 'or', 'unless'])} {on}{right})"
    group = pick(["", "", "group_left () ", "group_right () ", "group_left (n) "]) if on else ""
    operator = pick(["+", "-", "*", "/", ">", "<=", "==", "!= bool"])
    return f"({left} {operator} {on}{group}{right})"


def vector(depth):
    kind = random.randrange(7) if depth > 0 else 0
    if kind == 0:
        return selector()
    if kind == 1:
        return aggregate(depth)
    if kind in (2, 3):
        return binary(depth)
    if kind == 4:
        operator = pick(["+", "*", ">", "< bool", "^", "%", "=="])
        return f"({vector(depth - 1)} {operator} {scalar(depth - 1)})"
    return call(depth)


def ask(server, query, start, end, step):
    """{labels: {time: value}}, or the text of the error."""
    form = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": step})
    try:
        with urllib.request.urlopen(server + "/api/v1/query_range", form.encode()) as answer:
            result = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["error"]
    return {tuple(sorted(s["metric"].items())): {t: float(v) for t, v in s["values"]}
            for s in result}


def close(a, b):
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b)) + 1e-12


def difference(query, ours, theirs):
    """What differs, as text; None when nothing does that should not."""
    if isinstance(ours, str) and isinstance(theirs, str):
        return None
    if isinstance(ours, str):
        return None if "multiple matches" in ours else f"we fail: {ours}"
    if isinstance(theirs, str):
        return f"they fail: {theirs}"
    if set(ours) != set(theirs):
        return f"only ours: {set(ours) - set(theirs)}, only theirs: {set(theirs) - set(ours)}"
    zero_point = "rate(" in query or "increase(" in query
    for labels, points in ours.items():
        if set(points) != set(theirs[labels]):
            return f"times of {labels}: {sorted(set(points) ^ set(theirs[labels]))}"
        for t, value in points.items():
            if not zero_point and not close(value, theirs[labels][t]):
                return f"{labels} at {t}: {value} is not {theirs[labels][t]}"
    return None


def make_samples(kind, start, seconds):
    t, value = start * 1000 + random.randrange(1, 900), random.randrange(20)
    while t < (start + seconds) * 1000:
        if kind == "counter":
            value = random.randrange(3) if random.random() < .04 else value + random.randrange(9)
        else:
            value = round(random.gauss(10, 5), 2)
        yield t, pick([math.nan, math.inf]) if random.random() < .01 else value
        t += 15000 if random.random() < .9 else pick([15000, 45000, 400000])


def make_histogram(start, seconds):
    counts = [0] * 5
    for t in range(start * 1000 + random.randrange(1, 900), (start + seconds) * 1000, 15000):
        below = 0
        for i in range(5):
            below += random.randrange(4)
            counts[i] += below
        yield t, list(counts)


def make(path, start, seconds):
    lines = {"c_total": [], "g": [], "one": [], "h_bucket": []}
    for a, b in [("1", "x"), ("1", "y"), ("2", "x"), ("2", "y"), ("3", "x")]:
        for name, kind in (("c_total", "counter"), ("g", "gauge")):
            lines[name] += [f'{name}{{a="{a}",b="{b}"}} {v} {t / 1000:.3f}'
                            for t, v in make_samples(kind, start, seconds)]
    for a in "12":
        lines["one"] += [f'one{{a="{a}",n="n{a}"}} {v} {t / 1000:.3f}'
                         for t, v in make_samples("gauge", start, seconds)]
        rows = list(make_histogram(start, seconds))
        for i, le in enumerate(["0.1", "0.5", "1", "2.5", "+Inf"]):
            lines["h_bucket"] += [f'h_bucket{{a="{a}",le="{le}"}} {c[i]} {t / 1000:.3f}'
                                  for t, c in rows]
    with open(path, "w") as out:
        for name, samples in lines.items():
            out.write("\n".join([f"# TYPE {name} unknown"] + samples) + "\n")
        out.write("# EOF\n")


def main():
    global PIN
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--make", metavar="FILE")
    options.add_argument("--ours")
    options.add_argument("--theirs")
    options.add_argument("--start", type=int, default=1700000000)
    options.add_argument("--seconds", type=int, default=3600)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--count", type=int, default=1000)
    o = options.parse_args()
    random.seed(o.seed)
    if o.make:
        make(o.make, o.start, o.seconds)
        return 0
    PIN = o.start + o.seconds / 3 + .567
    differ = answered = 0
    for _ in range(o.count):
        query = vector(random.randrange(1, 4))
        start = o.start + random.randrange(o.seconds) + .123
        step = random.randrange(1, 300)
        end = start + random.randrange(12) * step
        ours, theirs = (ask(s, query, start, end, step) for s in (o.ours, o.theirs))
        answered += isinstance(ours, dict) and bool(ours)
        what = difference(query, ours, theirs)
        if what:
            differ += 1
            print(f"{query}  [{start} {end} {step}]\n    {what}")
    print(f"{o.count} queries, {answered} with a result, {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
