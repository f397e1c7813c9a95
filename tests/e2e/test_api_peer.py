"""The HTTP API beside Debian's prometheus: the same configuration, samples and requests, answers compared.
Where that release (2.42) is older than the API spoken here, the newer behaviour is checked on its own.

    test_api_peer.py PATH/TO/lapwing
"""
import json
import struct
import sys
import time
import urllib.parse

import snappy

from web_parts import field, lapwing, prometheus, remote_write, varint, wait_for

LAPWING = sys.argv[1]
CONFIG = """global: {scrape_interval: 1s, external_labels: {cluster: edge, job: outside}}
scrape_configs:
- job_name: one
  static_configs: [{targets: ['127.0.0.1:1'], labels: {x: y}}]
  relabel_configs: [{source_labels: [x], target_label: z}]
- job_name: two
  static_configs: [{targets: ['127.0.0.1:1', 'dropme:2']}]
  relabel_configs:
  - {source_labels: [__address__], regex: 'drop.*', action: drop}
  - {source_labels: [__address__], modulus: 4, target_label: shard, action: hashmod}
"""
NOW = int(time.time()) // 60 * 60
# Between two samples, so that open and closed windows see the same.
T, START = str(NOW - 7), str(NOW - 307)
QUERY, RANGE = "/api/v1/query", "/api/v1/query_range"


def load(server):
    times = [(NOW - 600 + 15 * k) * 1000 for k in range(41)]
    last = NOW * 1000 - 14000
    series = [({"__name__": "m", "job": job, "instance": str(i)}, [(t, i * k + 0.5) for k, t in enumerate(times)])
              for job in "ab" for i in range(3)]
    series += [({"__name__": "h_bucket", "le": le, "job": "a"}, [(t, float(rise * k)) for k, t in enumerate(times)])
               for le, rise in (("0.1", 1), ("1", 3), ("+Inf", 4))]
    series += [({"__name__": "odd", "l": 'a"b\\c\nd\té<>&\u2028'}, [(last, float("nan"))]),
               ({"__name__": "infinite"}, [(last, float("inf"))]), ({"__name__": "tiny"}, [(last, 1e-9)]),
               ({"__name__": "big"}, [(last, 1e22)]), ({"__name__": "negative"}, [(last, -1.5e-7)])]
    remote_write(server, series)


class Pair:
    def __init__(self):
        flags = ["--web.enable-remote-write-receiver", "--web.enable-lifecycle", "--web.external-url=http://box:9/"]
        self.ours = lapwing(LAPWING, *flags, config=CONFIG).start()
        self.theirs = prometheus(*flags, config=CONFIG).start()
        self.count = 0
        for server in (self.ours, self.theirs):
            load(server)
            wait_for("targets", lambda server=server: all(
                t["lastError"] for t in server.get("/api/v1/targets").json["data"]["activeTargets"]) and
                len(server.get("/api/v1/targets").json["data"]["activeTargets"]) == 2)

    def ask(self, method, path, params, headers=None):
        self.count += 1
        query = urllib.parse.urlencode(params, doseq=True)
        if method == "POST":
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            return [s.call(method, path, query, {**form, **(headers or {})}) for s in (self.ours, self.theirs)]
        target = path + ("?" + query if query else "")
        return [s.call(method, target, headers=headers) for s in (self.ours, self.theirs)]

    def same(self, path, method="GET", order=False, **params):
        """Status, type and whole body are equal; of an error, all but its text."""
        ours, theirs = self.ask(method, path, params)
        what = (method, path, params, ours.text[:600], theirs.text[:600])
        assert ours.status == theirs.status, what
        assert ours.headers["Content-Type"] == theirs.headers["Content-Type"], what
        assert comparable(ours, order) == comparable(theirs, order), what


def comparable(answer, order):
    try:
        body = answer.json
    except ValueError:
        return answer.text
    body.pop("infos", None)  # annotations are newer
    body.pop("warnings", None)
    if "error" in body:
        body["error"] = bool(body["error"])
    data = body.get("data")
    by_text = lambda item: json.dumps(item, sort_keys=True)
    if isinstance(data, list) and not order:
        data.sort(key=by_text)
    if isinstance(data, dict) and not order and data.get("resultType") in ("vector", "matrix"):
        data["result"].sort(key=lambda item: by_text(item["metric"]))
    return json.dumps(body)  # the order of keys counts


def test_queries(pair):
    for query in ("m", "sum by(job)(m)", "odd", "infinite", "tiny", "big", "negative", '"str"', "1", "-1e-7", "1e21",
                  "m[1m]", "h_bucket", "1+", "nope", "m{", "rate(m)", "rate(m[2m])", "histogram_quantile(0.9, h_bucket)",
                  "m{job=~'('}", "vector(1) + on() vector(2)", "m * on(job) m", "count_values('x', m)", "time()",
                  "m offset 5m", "{}", "{job=~'.*'}", "topk(2, m)", "absent(nope)", "", "label_replace(m,'d','$1','job','(.)')"):
        for method in ("GET", "POST"):
            pair.same(QUERY, method, query=query, time=T)
            pair.same(RANGE, method, query=query, start=START, end=T, step="60")
    pair.same(QUERY, query="sort_desc(m)", time=T, order=True)
    pair.same(QUERY, query="sort(m)", time=T, order=True)


def test_parameters(pair):
    for time_text in ("abc", "1e400", "2023-01-01T00:00:00Z", "2023-01-01T00:00:00.5+02:00", "2023-01-01", "-1", "0",
                      "1700000000.1234567", "1700000000.5", "0x10"):
        pair.same(QUERY, query="1", time=time_text)
    for step in ("abc", "", "0", "-1", "1x", "1s", "1e9", "NaN", "1m0s", "500ms", "1h30m", "0.0001", "1d", "5",
                 "99999999999999", "0.01"):
        pair.same(RANGE, query="1", start=START, end=T, step=step)
    for start, end, step in (("", T, 1), (START, "", 1), (T, START, 1), ("0", T, 1), (START, T, 1), (T, T, 1)):
        pair.same(RANGE, query="1", start=start, end=end, step=step)
    pair.same(RANGE, query="", start=START, end=T, step=1)
    pair.same(RANGE, query="'s'", start=START, end=T, step=15)
    for path in (QUERY, RANGE):
        for method in ("GET", "POST"):
            pair.same(path, method)
    for timeout in ("abc", "1s", "0", "-1s", "10", "1m0s", "1e30"):
        pair.same(QUERY, query="m", time=T, timeout=timeout)


def test_labels_and_series(pair):
    for path in ("/api/v1/series", "/api/v1/labels", "/api/v1/label/job/values", "/api/v1/label/__name__/values"):
        for match in ([], ["m"], ["m", "h_bucket"], ["{}"], ["{job=''}"], ["m{"], ["{job=~'.*'}"], ["m[5m]"], ["nope"],
                      ["{job=~'[ab]'}"], [""], ["sum(m)"], ['{__name__="m",job!="a"}'], ["m", "m{"]):
            for method in ("GET", "POST"):
                pair.same(path, method, **{"match[]": match})
        for start, end in (("abc", T), (START, "abc"), (START, T), ("0", "1"), (START, ""),
                           ("-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z")):
            pair.same(path, **{"match[]": "m", "start": start, "end": end})
    for name in ("job", "nope", "__name__", "le"):
        pair.same(f"/api/v1/label/{name}/values")


def test_exemplars(pair):
    path = "/api/v1/query_exemplars"
    pair.same(path)
    for params in ({"query": "m", "start": START, "end": T}, {"query": "1+", "start": START, "end": T},
                   {"query": "m", "start": "x", "end": T}, {"query": "m", "start": T, "end": START}, {"query": "m"}):
        pair.same(path, **params)
    pair.same(path, "POST", query="rate(m[1m])", start=START + "000", end=T + "000")


def test_format_query(pair):
    for query in ("sum(m)by(job)", "m{", "a+b", "", "sum by(x)(rate(m{a='b'}[5m]))"):
        pair.same("/api/v1/format_query", query=query)
        pair.same("/api/v1/format_query", "POST", query=query)


def shape(value):
    """What a document consists of, without its values."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def includes(ours, theirs, path=""):
    if isinstance(theirs, dict):
        for key in theirs:
            assert key in ours, f"{path}/{key} is missing"
            includes(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(theirs, list) and theirs:
        assert ours, f"{path} is empty"
        includes(ours[0], theirs[0], path + "[]")
    else:
        assert ours == theirs or theirs == [], (path, ours, theirs)


def test_status(pair):
    """Every key of the older release is there, with a value of the same kind."""
    for path in ("/api/v1/targets", "/api/v1/scrape_pools", "/api/v1/alertmanagers", "/api/v1/rules", "/api/v1/alerts",
                 "/api/v1/metadata", "/api/v1/targets/metadata", "/api/v1/status/config", "/api/v1/status/runtimeinfo",
                 "/api/v1/status/buildinfo", "/api/v1/status/tsdb", "/api/v1/status/walreplay", "/version"):
        ours, theirs = pair.ask("GET", path, {})
        assert ours.status == theirs.status == 200, (path, ours.text)
        includes(shape(ours.json), shape(theirs.json), path)
    targets = [a.json["data"] for a in pair.ask("GET", "/api/v1/targets", {})]
    for ours, theirs in zip(targets[0]["activeTargets"], targets[1]["activeTargets"]):
        for key in ("discoveredLabels", "labels", "scrapePool", "scrapeUrl", "globalUrl", "health", "scrapeInterval",
                    "scrapeTimeout"):
            assert ours[key] == theirs[key], (key, ours, theirs)
    for params in ({"state": "active"}, {"state": "DROPPED"}, {"state": "any"}, {"state": "x"}, {"state": ""}):
        ours, theirs = [a.json["data"] for a in pair.ask("GET", "/api/v1/targets", params)]
        for key in ("activeTargets", "droppedTargets"):
            assert len(ours[key]) == len(theirs[key]), (params, key)
    for params in ({"match_target": "{"}, {"match_target": "up{job='a'}"}, {"limit": "x"}):
        pair.same("/api/v1/targets/metadata", **params)
    pair.same("/api/v1/metadata", limit="x")
    # The stores count the same.
    ours, theirs = [a.json["data"] for a in pair.ask("GET", "/api/v1/status/tsdb", {})]
    for key in ("labelValueCountByLabelName",):
        count = lambda data: {item["name"]: item["value"] for item in data[key]}
        assert count(ours)["le"] == count(theirs)["le"] == 3


def test_methods(pair):
    """The same status for each method, and the same methods allowed; of paths that both have."""
    for path in (QUERY, RANGE, "/api/v1/query_exemplars", "/api/v1/format_query", "/api/v1/labels",
                 "/api/v1/label/job/values", "/api/v1/targets", "/api/v1/scrape_pools", "/api/v1/alertmanagers",
                 "/api/v1/rules", "/api/v1/alerts", "/api/v1/metadata", "/api/v1/targets/metadata", "/api/v1/read",
                 "/api/v1/write", "/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/runtimeinfo",
                 "/api/v1/status/buildinfo", "/api/v1/status/tsdb", "/api/v1/status/walreplay", "/-/healthy", "/-/ready",
                 "/version", "/federate", "/metrics", "/api/v1/admin/tsdb/snapshot", "/api/v1/nope", "/nope", "/api", "/-/nope",
                 "/alertmanager/api/v2/status"):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"):
            if (path, method) in (("/api/v1/write", "POST"),) or "admin" in path and method in ("POST", "PUT"):
                continue  # 415 of a wrong type and 503 of a disabled API are newer
            ours, theirs = pair.ask(method, path, {})
            assert ours.status == theirs.status, (method, path, ours.status, theirs.status, theirs.text[:80])
            allow = [sorted((a.headers["Allow"] or "").split(", ")) for a in (ours, theirs)]
            assert allow[0] == allow[1], (method, path, allow)
            if method == "HEAD":
                assert ours.body == b""


def test_cors(pair):
    for method in ("GET", "OPTIONS"):
        ours, theirs = pair.ask(method, QUERY, {"query": "1"}, {"Origin": "http://grafana"})
        for name in ("Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
                     "Access-Control-Expose-Headers", "Vary"):
            assert ours.headers[name] == theirs.headers[name], (name, ours.headers[name], theirs.headers[name])


def test_federate(pair):
    for match in (["m"], ["m", "h_bucket"], [], ["{job='a'}"], ["nope"], ["odd"], ["m", "m"],
                  ["{__name__=~'infinite|tiny|big|negative'}"]):
        ours, theirs = pair.ask("GET", "/federate", {"match[]": match})
        assert ours.status == theirs.status == 200
        assert ours.text == theirs.text, (match, ours.text, theirs.text)
    ours, theirs = pair.ask("GET", "/federate", {"match[]": "m{"})
    assert ours.status == theirs.status == 400
    assert ours.headers["Content-Type"] == theirs.headers["Content-Type"]


# What the older release has not.

def test_limits(pair):
    server = pair.ours
    truncated = ["results truncated due to limit"]
    for path, params in ((QUERY, {"query": "m", "time": T}), ("/api/v1/series", {"match[]": "m"}), ("/api/v1/labels", {}),
                         ("/api/v1/label/job/values", {}), ("/api/v1/labels", {"match[]": ["m", "h_bucket"]}),
                         (RANGE, {"query": "m", "start": START, "end": T, "step": 60})):
        whole = server.get(path, **params, limit=0).json
        assert "warnings" not in whole
        one = server.get(path, **params, limit=1).json
        data = one["data"]["result"] if isinstance(one["data"], dict) else one["data"]
        assert len(data) == 1 and one["warnings"] == truncated, (path, one)
        assert "warnings" not in server.get(path, **params, limit=10000).json
        for bad in ("x", "-1", "1.5", "99999999999999999999"):
            answer = server.get(path, **params, limit=bad)
            assert answer.status == 400 and answer.json["errorType"] == "bad_data", (path, bad)
    assert len(server.get("/api/v1/status/tsdb", limit=1).json["data"]["seriesCountByMetricName"]) == 1
    for bad in ("0", "-1", "x", "10001"):
        assert server.get("/api/v1/status/tsdb", limit=bad).status == 400


def test_per_query_options(pair):
    server = pair.ours
    assert server.get(QUERY, query="m", time=NOW + 290).json["data"]["result"]
    assert not server.get(QUERY, query="m", time=NOW + 290, lookback_delta="10s").json["data"]["result"]
    assert server.get(QUERY, query="m", time=NOW + 550, lookback_delta="600").json["data"]["result"]
    for bad in ("x", "-1s"):
        assert server.get(QUERY, query="m", lookback_delta=bad).status == 400
    stats = server.get(QUERY, query="m", time=T, stats="all").json["data"]["stats"]
    assert set(stats["timings"]) == {"evalTotalTime", "resultSortTime", "queryPreparationTime", "innerEvalTime",
                                     "execQueueTime", "execTotalTime"}
    assert {"totalQueryableSamples", "samplesRead", "peakSamples"} <= set(stats["samples"])
    assert "stats" not in server.get(QUERY, query="m", time=T).json["data"]
    answer = server.get(QUERY, query="rate(m[5m])", time=T).json
    assert answer["infos"] and "might not be a counter" in answer["infos"][0], answer
    answer = server.get(QUERY, query="quantile(2, m)", time=T).json
    assert answer["warnings"] and "quantile value" in answer["warnings"][0], answer


def test_federate_escaping(pair):
    server = pair.ours
    remote_write(server, [({"__name__": "dotted.name", "a.b": "c", "job": "z"}, [(NOW * 1000, 1.0)])])
    for accept, line in ((None, 'dotted_name{a_b="c",job="z",cluster="edge",instance=""} 1'),
                         ("text/plain;escaping=allow-utf-8", '{"dotted.name","a.b"="c",job="z",cluster="edge",instance=""} 1'),
                         ("text/plain;version=0.0.4;escaping=dots", 'dotted_dot_name{a_dot_b="c",job="z",cluster="edge"'),
                         ("application/openmetrics-text;version=1.0.0;escaping=values,text/plain;q=0.5",
                          'U__dotted_2e_name{U__a_2e_b="c",job="z"')):
        answer = server.call("GET", "/federate?match[]=%7Bjob%3D%22z%22%7D", headers={"Accept": accept} if accept else {})
        assert line in answer.text, (accept, answer.text)
        scheme = "underscores" if not accept else accept.split("escaping=")[1].split(",")[0]
        assert answer.headers["Content-Type"] == f"text/plain; version=0.0.4; charset=utf-8; escaping={scheme}"
    assert server.get("/api/v1/label/U__a_2e_b/values").json["data"] == ["c"]


def test_relabel_steps(pair):
    server, path = pair.ours, "/api/v1/targets/relabel_steps"
    steps = server.get(path, scrapePool="two", labels=json.dumps({"__address__": "keep:1", "job": "two"})).json["data"]["steps"]
    assert steps[0] == {"rule": {"sourceLabels": ["__address__"], "separator": ";", "regex": "drop.*", "replacement": "$1",
                                 "action": "drop"},
                        "output": {"__address__": "keep:1", "job": "two"}, "keep": True}, steps[0]
    assert steps[1]["rule"]["modulus"] == 4 and steps[1]["rule"]["targetLabel"] == "shard"
    assert steps[1]["output"].pop("shard") in "0123" and steps[1]["keep"]
    steps = server.get(path, scrapePool="two", labels='{"__address__":"dropme:2"}').json["data"]["steps"]
    assert [(s["output"], s["keep"]) for s in steps] == [({}, False), ({}, False)]
    for params, part in (({}, "no scrapePool"), ({"scrapePool": "two"}, "no labels"),
                         ({"scrapePool": "two", "labels": "{"}, "error parsing labels"),
                         ({"scrapePool": "two", "labels": '{"a":1}'}, "error parsing labels"),
                         ({"scrapePool": "x", "labels": "{}"}, "error getting scrape config")):
        answer = server.get(path, **params)
        assert answer.status == 400 and part in answer.json["error"], (params, answer.text)


def test_features(pair):
    data = pair.ours.get("/api/v1/features").json["data"]
    assert data["api"]["lifecycle"] and data["api"]["remote_write_receiver"] and not data["api"]["admin"]
    assert len(data["promql_functions"]) == 90 and data["promql_functions"]["rate"]
    assert data["promql_functions"]["mad_over_time"] is False
    assert data["promql_operators"]["atan2"] and data["service_discovery_providers"]["file"]
    for category in data.values():
        assert list(category) == sorted(category), list(category)


def test_notifications(pair):
    server = pair.ours
    assert server.get("/api/v1/notifications").json["data"] == []
    assert server.get("/api/v1/notifications/live").status == 204
    server.write("prometheus.yml", "nonsense: 1\n")
    answer = server.post("/-/reload")
    assert answer.status == 500 and "failed to reload config" in answer.text and "nonsense" in answer.text, answer.text
    [note] = server.get("/api/v1/notifications").json["data"]
    assert note["text"] == "Configuration reload has failed." and note["active"] is True and note["date"] > "2024"
    assert server.get("/api/v1/status/runtimeinfo").json["data"]["reloadConfigSuccess"] is False
    server.write("prometheus.yml", CONFIG)
    assert server.call("PUT", "/-/reload").status == 200
    assert server.get("/api/v1/notifications").json["data"] == []


def test_refused_by_name(pair):
    server = pair.ours
    answer = server.call("POST", "/api/v1/otlp/v1/metrics", b"x", {"Content-Type": "application/x-protobuf"})
    assert answer.status == 404 and "OTLP is not supported" in answer.text
    answer = server.call("POST", "/api/v1/write", b"x", {
        "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v9.Request", "Content-Encoding": "snappy"})
    assert answer.status == 415 and "io.prometheus.write.v2.Request" in answer.text, answer.text


def test_remote_write_2(pair):
    """The same samples by both messages are the same series; the headers say what was written."""
    server = pair.ours
    symbols = ["", "__name__", "second", "job", "x", "other"]
    times = [(NOW + i) * 1000 for i in range(3)]

    def message(samples, refs=(1, 2, 3, 4), more=b""):
        series = field(1, 2, b"".join(varint(r) for r in refs)) + b"".join(
            field(2, 2, field(1, 1, struct.pack("<d", v)) + field(2, 0, varint(t))) for t, v in samples) + more
        return field(5, 2, series) + b"".join(field(4, 2, s.encode()) for s in symbols)

    def send(body):
        return server.call("POST", "/api/v1/write", snappy.compress(body), {
            "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request", "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "2.0.0"})

    def written(answer):
        return [answer.headers[f"X-Prometheus-Remote-Write-{kind}-Written"] for kind in ("Samples", "Histograms", "Exemplars")]

    answer = send(message([(t, i + 0.5) for i, t in enumerate(times)], more=field(5, 2, b"") + field(4, 2, b"")))
    assert answer.status == 204 and answer.body == b"" and written(answer) == ["3", "0", "0"], answer.text
    remote_write(server, [({"__name__": "second", "job": "x"}, [(times[2] + 1000, 9.0)])])
    [series] = server.get(QUERY, query="second[5m]", time=NOW + 60).json["data"]["result"]
    assert series["metric"] == {"__name__": "second", "job": "x"}
    assert [v for _, v in series["values"]] == ["0.5", "1.5", "2.5", "9"]
    # Labels out of order, references one by one; a part refused.
    answer = send(message([(times[2] + 1000, 10.0), (times[2] + 2000, 11.0)], refs=(3, 4, 1, 2)))
    assert answer.status == 400 and "duplicate sample" in answer.text and written(answer) == ["1", "0", "0"], answer.text
    answer = send(message([(times[2] + 3000, 1.0)], more=field(3, 2, field(1, 0, varint(5)))))
    assert answer.status == 400 and "native histograms" in answer.text and written(answer) == ["1", "0", "0"]
    for bad, part in ((message([(1, 1.0)], refs=(1,)), "malformed"), (message([(1, 1.0)], refs=(1, 99)), "malformed"),
                      (message([(NOW * 1000, 1.0)], refs=(3, 4)), "no metric name"),
                      (field(4, 2, b"x"), "first symbol"), (b"\xff", "malformed")):
        answer = send(bad)
        assert answer.status == 400 and part in answer.text and written(answer) == ["0", "0", "0"], (part, answer.text)
    assert send(b"").status == 204


def test_quit(pair):
    assert pair.ours.post("/-/quit").status == 200
    assert pair.ours.process.wait(30) == 0


def main():
    pair = Pair()
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(pair)
                print(name, "passed", flush=True)
        print(pair.count, "requests compared")
    finally:
        pair.theirs.stop()
        assert pair.ours.stop() == 0, pair.ours.process.returncode


main()
