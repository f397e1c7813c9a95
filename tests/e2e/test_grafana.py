"""Every call that Grafana's Prometheus data source (9 to 11) makes, with its headers and encodings, and bodies as
long as dashboards with many variables make them.

    test_grafana.py PATH/TO/lapwing
"""
import gzip
import json
import socket
import sys
import time
import urllib.parse

from web_parts import lapwing, remote_write, wait_for

LAPWING = sys.argv[1]
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Encoding": "gzip", "User-Agent": "Grafana/11.2.0",
        "X-Grafana-Org-Id": "1", "Accept": "application/json, text/plain, */*", "Origin": "http://grafana.local"}
CONFIG = """global: {scrape_interval: 1s, evaluation_interval: 1s}
scrape_configs:
- {job_name: self, static_configs: [{targets: ['127.0.0.1:PORT']}]}
rule_files: [rules.yml]
"""
RULES = """groups:
- {name: one, rules: [{record: 'r:up', expr: up}, {alert: Always, expr: vector(1), labels: {team: a}}]}
- {name: two, rules: [{alert: Never, expr: vector(0) > 1}]}
"""
NOW = int(time.time())


def body_of(answer):
    data = gzip.decompress(answer.body) if answer.headers["Content-Encoding"] == "gzip" else answer.body
    return json.loads(data)


def post(server, path, params, headers=FORM):
    body = params if isinstance(params, (bytes, str)) else urllib.parse.urlencode(params, doseq=True)
    return server.call("POST", path, body, headers)


def good(answer):
    body = body_of(answer)
    assert answer.status == 200 and body["status"] == "success", (answer.status, body)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return body["data"]


def test_health_check(server):
    data = good(post(server, "/api/v1/query", {"query": "1+1", "time": "4"}))
    assert data == {"resultType": "scalar", "result": [4, "2"]}


def test_flavour_and_features(server):
    """POST first, GET when that is 405."""
    for path in ("/api/v1/status/buildinfo", "/api/v1/rules", "/api/v1/status/flags"):
        answer = post(server, path, {})
        assert answer.status == 405 and answer.headers["Allow"] == "GET, OPTIONS", (path, answer.status)
        good(server.call("GET", path, headers=FORM))
    build = good(server.call("GET", "/api/v1/status/buildinfo", headers=FORM))
    assert build["version"].count(".") == 2 and "features" not in build
    good(server.call("GET", "/api/v1/status/runtimeinfo", headers=FORM))
    assert server.call("GET", "/alertmanager/api/v2/status", headers=FORM).status == 404


def test_panels(server):
    step = {"start": f"{NOW - 900}.000", "end": f"{NOW}", "step": "15"}
    data = good(post(server, "/api/v1/query_range", {"query": "sum by (job) (rate(http_total[1m0s]))", **step}))
    assert data["resultType"] == "matrix" and len(data["result"]) == 2
    assert all(isinstance(t, (int, float)) and isinstance(v, str) for t, v in data["result"][0]["values"])
    good(post(server, "/api/v1/query_range", {"query": "http_total", **step, "step": "0.5", "timeout": "60s"}))
    data = good(post(server, "/api/v1/query", {"query": "http_total", "time": f"{NOW}.5"}))
    assert data["result"][0]["value"][0] == NOW + 0.5
    # Milliseconds here, read as seconds: nothing, and no error.
    assert good(post(server, "/api/v1/query_exemplars", {"query": "http_total", "start": f"{NOW - 900}000",
                                                          "end": f"{NOW}000"})) == []
    answer = post(server, "/api/v1/query", {"query": "http_total{"})
    body = body_of(answer)
    assert answer.status == 400 and body["errorType"] == "bad_data" and "parse error" in body["error"]
    assert "data" not in body


def test_variables_and_completion(server):
    span = {"start": NOW - 900, "end": NOW + 60}
    assert good(post(server, "/api/v1/labels", {"match[]": 'http_total{job="a"}', **span})) == ["__name__", "code", "job"]
    assert "job" in good(post(server, "/api/v1/labels", span))
    # 3.x of the data source asks with names that need no quotes, too.
    assert good(post(server, "/api/v1/labels", {"match[]": '{__name__="http_total"}', **span}))
    query = urllib.parse.urlencode({"match[]": 'http_total{code=~"5.."}', **span, "limit": 40000})
    assert good(server.call("GET", f"/api/v1/label/job/values?{query}", headers=FORM)) == ["b"]
    assert "http_total" in good(server.call("GET", "/api/v1/label/__name__/values", headers=FORM))
    assert good(server.call("GET", "/api/v1/label/U__a_2e_b/values", headers=FORM)) == ["c"]
    series = good(post(server, "/api/v1/series", {"match[]": ["http_total", "up"], **span}))
    assert {s["__name__"] for s in series} == {"http_total", "up"}
    good(server.call("GET", "/api/v1/metadata?limit=5000&limit_per_metric=1", headers=FORM))
    meaning = good(server.call("GET", "/api/v1/metadata?metric=lapwing_queries", headers=FORM))["lapwing_queries"]
    assert meaning[0]["type"] == "gauge" and meaning[0]["help"]


def test_alert_pages(server):
    wait_for("alerts", lambda: server.get("/api/v1/alerts").json["data"]["alerts"])
    groups = good(server.call("GET", "/api/v1/rules", headers=FORM))["groups"]
    assert [g["name"] for g in groups] == ["one", "two"]
    rule = next(r for r in groups[0]["rules"] if r["type"] == "alerting")
    for key in ("name", "query", "duration", "labels", "annotations", "alerts", "health", "state", "lastEvaluation",
                "evaluationTime"):
        assert key in rule, key
    for query, count in (("rule_group[]=two", 1), ("rule_name[]=Always", 1), ("type=record", 1), ("exclude_alerts=true", 2),
                         ("match[]=%7Bteam%3D%22a%22%7D", 1), ("group_limit=1", 1), ("limit_alerts=16&limit_rules=40", 2)):
        assert len(good(server.call("GET", f"/api/v1/rules?{query}", headers=FORM))["groups"]) == count, query
    page = good(server.call("GET", "/api/v1/rules?group_limit=1", headers=FORM))
    page = good(server.call("GET", f"/api/v1/rules?group_limit=1&group_next_token={page['groupNextToken']}", headers=FORM))
    assert [g["name"] for g in page["groups"]] == ["two"]
    assert good(server.call("GET", "/api/v1/alerts", headers=FORM))["alerts"][0]["labels"]["alertname"] == "Always"


def test_encodings(server):
    """One selector in every way in which clients write it."""
    selector = 'odd{l="a b+c&d;e=é%"}'
    spellings = [urllib.parse.quote(selector), urllib.parse.quote_plus(selector), urllib.parse.quote(selector).lower(),
                 selector.replace("%", "%25").replace("+", "%2B").replace("&", "%26")]
    for spelling in spellings:
        body = f"query={spelling}&time={NOW}".encode()
        assert len(good(post(server, "/api/v1/query", body))["result"]) == 1, spelling
        for kind in ("application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"):
            assert len(good(post(server, "/api/v1/query", body, {**FORM, "Content-Type": kind}))["result"]) == 1
    multipart = "".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                        for name, value in (("query", selector), ("time", NOW))) + "--b--\r\n"
    answer = post(server, "/api/v1/query", multipart.encode(), {**FORM, "Content-Type": "multipart/form-data; boundary=b"})
    assert len(good(answer)["result"]) == 1
    # Parameters of the URL count where the body has none.
    query = urllib.parse.urlencode({"query": selector, "time": NOW})
    assert len(good(server.call("POST", f"/api/v1/query?{query}", b"", FORM))["result"]) == 1
    for bad in (b"query=%zz", b"query=%ff", b"query=m%7Bl%3D%22%ff%22%7D", b"query=1%00"):
        answer = post(server, "/api/v1/query", bad)
        assert answer.status == 400 and body_of(answer)["errorType"] == "bad_data", bad


def test_long_requests(server):
    # A variable of 20,000 values, escaped as Grafana does: 700 kB.
    values = "(" + "|".join(f"instance-{i}\\\\.example\\\\.com:9100" for i in range(20000)) + ")"
    for path, params in (("/api/v1/query", {"query": f'odd{{l!~"{values}"}}', "time": NOW}),
                         ("/api/v1/series", {"match[]": f'odd{{l!~"{values}"}}'})):
        began = time.monotonic()
        assert good(post(server, path, params)), path
        assert time.monotonic() - began < 20
    many = " or ".join(f"nothing{i}" for i in range(1500))
    assert good(post(server, "/api/v1/query", {"query": many}))["result"] == []
    assert good(post(server, "/api/v1/series", {"match[]": [f"odd{{x!='{i}'}}" for i in range(2000)]}))
    # Addresses of 60 kB, also of many parameters, are fine; what is longer is told so.
    assert good(server.call("GET", "/api/v1/query?query=1&pad=" + "x" * 60000, headers=FORM))
    assert good(server.call("GET", "/api/v1/labels?" + "&".join(["match[]=odd"] * 4000), headers=FORM))
    assert server.call("GET", "/api/v1/query?query=1&pad=" + "x" * 100000, headers=FORM).status == 414
    assert b" 413 " in exchange(server, b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 40000000\r\n"
                                        b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
    assert body_of(post(server, "/api/v1/query", "query=1" + "&a=1" * 20000))["errorType"] == "bad_data"
    answer = post(server, "/api/v1/query", {"query": "up or " * 300000 + "up"})
    assert answer.status == 400 and "longer than" in body_of(answer)["error"]


def exchange(server, request):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as s:
        s.sendall(request)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
        return answer


def test_transfers(server):
    head = b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    result = b'"result":[4,"2"]'
    assert result in exchange(server, head + b"Transfer-Encoding: chunked\r\n\r\n6\r\nquery=\r\n5\r\n1%2B1\r\n7\r\n&time=4\r\n0\r\n\r\n")
    assert result in exchange(server, head + b"Content-Length: 18\r\nExpect: 100-continue\r\n\r\nquery=1%2B1&time=4")
    assert result in exchange(server, b"GET http://proxy/api/v1/query?query=1%2B1&time=4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert result in exchange(server, b"GET /api/v1/query?query=1%2B1&time=4 HTTP/1.0\r\n\r\n")
    two = exchange(server, b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\nGET /api/v1/query?query=1%2B1&time=4 HTTP/1.1\r\n"
                           b"Host: x\r\nConnection: close\r\n\r\n")
    assert b"healthy" in two and result in two
    for accepted, coding in (("gzip, deflate, br", "gzip"), ("br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip"), ("zstd", None),
                             ("deflate", None), ("identity", None), ("gzip;q=0", None)):
        answer = server.call("GET", "/metrics", headers={"Accept-Encoding": accepted})
        assert answer.headers["Content-Encoding"] == coding, accepted


def test_hang_up(server):
    """A panel that is closed cancels its query; nobody else waits for it."""
    query = "query=" + urllib.parse.quote("count_over_time(vector(1)[30d:1s])") * 1
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(f"GET /api/v1/query?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    began = time.monotonic()
    good(post(server, "/api/v1/query", {"query": "1"}))
    assert time.monotonic() - began < 2


def main():
    server = lapwing(LAPWING, "--web.enable-remote-write-receiver")
    server.write("prometheus.yml", CONFIG.replace("PORT", str(server.port)))
    server.write("rules.yml", RULES)
    server.arguments.append(f"--config.file={server.folder}/prometheus.yml")
    server.start()
    times = [(NOW - 900 + 15 * i) * 1000 for i in range(61)]
    remote_write(server, [({"__name__": "http_total", "job": job, "code": code}, [(t, float(n)) for n, t in enumerate(times)])
                          for job, code in (("a", "200"), ("b", "500"))] +
                 [({"__name__": "odd", "l": "a b+c&d;e=é%"}, [(NOW * 1000 - 1000, 1.0)]),
                  ({"__name__": "utf8", "a.b": "c"}, [(NOW * 1000 - 1000, 1.0)])])
    wait_for("scrapes", lambda: server.get("/api/v1/query", query="up").json["data"]["result"])
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(server)
                print(name, "passed", flush=True)
    finally:
        status = server.stop()
    assert status == 0, status


main()
