"""The scraper against targets of every kind: good ones in both formats, plain, gzipped, redirected, behind
passwords and TLS, and bad ones that send garbage, hang, or send for ever.

    test_scrape.py PATH/TO/lapwing
"""
import base64
import gzip
import http.server
import json
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from ports import HttpServer, free_port

LAPWING = sys.argv[1]
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
GOOD = """# HELP good_total Things done.
# TYPE good_total counter
good_total{path="/a\\"b\\n"} 7
good_ratio NaN
{"good.dots","with space"="1"} 2
# TYPE good_seconds histogram
good_seconds_bucket{le="1"} 3
good_seconds_bucket{le="+Inf"} 4
good_seconds_sum 5.5
good_seconds_count 4
owned{job="theirs"} 1
noise_total 1"""
OPEN_BODY = """# TYPE open_total counter
# UNIT open_seconds seconds
open_total 1 # {trace_id="abc"} 0.5
open_created 1520430000.123
open_late 5 %d.5
# EOF
"""
BROKEN_OPEN = "open_broken 1\n"
seen = {}  # path -> headers of the last request
vanish = threading.Event()

# Packed once: a scrape has a second.
BOMB = gzip.compress(b"bomb_value 1\n" * 500000)


class Target(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, content_type=TEXT, status=200, **headers):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        seen[path] = (dict(self.headers), query)
        try:
            getattr(self, "get_" + path.strip("/"))()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def get_good(self):
        self.answer(GOOD)

    def get_gzip(self):
        self.answer(gzip.compress(b"gzip_value 1\n"), Content_Encoding="gzip")

    def get_open(self):
        self.answer(OPEN_BODY % (time.time() - 1), OPEN)

    def get_broken_open(self):
        self.answer(BROKEN_OPEN, OPEN)

    def get_html(self):
        self.answer("<html><body>Welcome</body></html>", "text/html")

    def get_garbage(self):
        self.answer(bytes(range(256)) * 40)

    def get_untyped(self):
        self.answer("untyped_value 1\n", None)

    def get_fallback(self):
        self.answer("fallback_value 1\n", None)

    def get_missing(self):
        self.answer("not here", status=404)

    def get_redirect(self):
        self.answer("", "text/html", 302, Location="/redirected")

    def get_redirected(self):
        self.answer("redirected_value 1\n")

    def get_not_followed(self):
        self.answer("", TEXT, 302, Location="/redirected")

    def get_loop(self):
        self.answer("", TEXT, 302, Location="/loop")

    def get_hang(self):
        time.sleep(30)

    def get_stall(self):
        self.send_response(200)
        self.send_header("Content-Type", TEXT)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"stall_value 1\n")
        self.wfile.flush()
        time.sleep(30)

    def get_endless(self):
        self.send_response(200)
        self.send_header("Content-Type", TEXT)
        self.end_headers()
        line = b"endless_value{x=\"1\"} 1\n" * 1000
        while True:
            self.wfile.write(line)

    def get_bomb(self):
        self.answer(BOMB, Content_Encoding="gzip")

    def get_auth(self):
        expected = "Basic " + base64.b64encode(b"user:pass word").decode()
        if self.headers["Authorization"] != expected:
            self.answer("", status=401)
        else:
            self.answer("auth_value 1\n")

    def get_denied(self):
        self.answer("who?", status=401)

    def get_bearer(self):
        good = self.headers["Authorization"] == "Bearer from-file" and self.headers["X-Extra"] == "more"
        self.answer("bearer_value 1\n", status=200 if good else 403)

    def get_many(self):
        self.answer("".join(f"many_{i} 1\n" for i in range(50)))

    def get_params(self):
        self.answer(f"params_value{{query=\"{self.path.partition('?')[2]}\"}} 1\n")

    def get_vanish(self):
        self.answer("stays 1\n" + ("" if vanish.is_set() else "goes 1\n"))

    def get_tls(self):
        self.answer("tls_value 1\n")

    def log_message(self, *args):
        pass


class QuietServer(HttpServer):
    def handle_error(self, request, client_address):
        pass


def serve(context=None):
    server = QuietServer(("127.0.0.1", 0), Target)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)  # each thread its own
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=inside.test", "-addext", "subjectAltName=DNS:inside.test", "-keyout",
                    str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def jobs(folder, port, tls_port):
    def job(name, **more):
        return {"job_name": name, "metrics_path": "/" + name,
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}], **more}

    def tls(name, **settings):
        return job(name, metrics_path="/tls", scheme="https", tls_config=settings,
                   static_configs=[{"targets": [f"127.0.0.1:{tls_port}"]}])

    drop = [{"source_labels": ["__name__"], "regex": "noise_.*", "action": "drop"}]
    pem = (folder / "cert.pem").read_text()
    two = [{"targets": [f"127.0.0.1:{port}", f"localhost:{port}"]}]
    return [
        job("good", metric_relabel_configs=drop, extra_scrape_metrics=True),
        job("gzip"), job("open"), job("broken_open"), job("html"), job("garbage"), job("untyped"),
        job("fallback", fallback_scrape_protocol="PrometheusText0.0.4"),
        job("missing"), job("redirect"), job("not_followed", follow_redirects=False), job("loop"),
        job("hang", scrape_timeout="300ms"), job("stall", scrape_timeout="300ms"),
        job("endless", body_size_limit="1MB"), job("bomb", body_size_limit="1MB"),
        job("auth", basic_auth={"username": "user", "password": "pass word"}),
        job("denied"),
        job("bearer", authorization={"credentials_file": str(folder / "token")},
            http_headers={"X-Extra": {"values": ["more"]}}),
        job("many", sample_limit=20),
        job("labels", metrics_path="/good", label_limit=3, params={"x": ["y"]}),
        job("params", params={"module": ["a b"]}, static_configs=[
            {"targets": [f"127.0.0.1:{port}"], "labels": {"__param_target": "t&u"}}]),
        job("honor", metrics_path="/good", honor_labels=True),
        job("limited", metrics_path="/good", target_limit=1, static_configs=two),
        job("vanish"),
        tls("tls_named", ca_file=str(folder / "cert.pem"), server_name="inside.test"),
        tls("tls_inline", ca=pem, server_name="inside.test"),
        tls("tls_insecure", insecure_skip_verify=True),
        tls("tls_unknown"),
        tls("tls_misnamed", ca_file=str(folder / "cert.pem")),
        job("refused", static_configs=[{"targets": [f"127.0.0.1:{free_port()}"]}]),
        {"job_name": "files", "metrics_path": "/good",
         "file_sd_configs": [{"files": [str(folder / "sd" / "*.yml")]}]},
        {"job_name": "cluster", "kubernetes_sd_configs": [{"role": "pod"}]},
    ]


UP = ["good", "gzip", "open", "fallback", "redirect", "auth", "bearer", "params", "honor", "vanish",
      "tls_named", "tls_inline", "tls_insecure"]
DOWN = {
    "broken_open": "data does not end with # EOF",
    "html": 'received unsupported Content-Type "text/html"',
    "garbage": "line 1: expected",
    "untyped": "blank Content-Type and no fallback_scrape_protocol",
    "missing": "server returned HTTP status 404 Not Found",
    "not_followed": "server returned HTTP status 302 Found",
    "loop": "stopped after 10 redirects",
    "hang": "context deadline exceeded",
    "stall": "context deadline exceeded",
    "endless": "body size limit exceeded",
    "bomb": "body size limit exceeded",
    "denied": "server returned HTTP status 401 Unauthorized",
    "many": "sample limit exceeded",
    "labels": "label_limit exceeded",
    "limited": "target_limit exceeded (number of targets: 2, limit: 1)",
    "tls_unknown": "certificate",
    "tls_misnamed": "certificate",
    "refused": "connection refused",
}


class Server:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.process = subprocess.Popen(
            [LAPWING, f"--config.file={folder}/prometheus.yml", f"--storage.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-lifecycle"],
            stderr=open(folder / "log", "w"))
        wait_for("ready", lambda: self.get("/-/ready"))

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def query(self, expression):
        answer = json.loads(self.get("/api/v1/query?query=" + urllib.parse.quote(expression)))
        return [(s["metric"], s["value"][1]) for s in answer["data"]["result"]]

    def value(self, expression):
        found = self.query(expression)
        return found[0][1] if len(found) == 1 else None

    def targets(self):
        return json.loads(self.get("/api/v1/targets"))["data"]

    def reload(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/-/reload", method="POST", data=b"")
        urllib.request.urlopen(request, timeout=10).close()


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def equal(got, expected, what):
    assert got == expected, f"{what}: got {got}, expected {expected}"


def eventually(check, *arguments):
    """On a loaded machine a scrape may take longer than it has now and then, and be seen to."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return check(*arguments)
        except (AssertionError, IndexError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def wait_until_judged(server):
    def judged():
        health = {t["scrapePool"]: t["health"] for t in server.targets()["activeTargets"]}
        return all(health.get(j) == "up" for j in UP) and all(health.get(j) == "down" for j in DOWN)
    try:
        wait_for("every target judged", judged, 120)
    except AssertionError:
        for t in server.targets()["activeTargets"]:
            print(t["scrapePool"], t["health"], t["lastError"], file=sys.stderr)
        raise


def check_health(server):
    for target in server.targets()["activeTargets"]:
        reason = DOWN.get(target["scrapePool"])
        if reason:
            assert reason in target["lastError"], (target["scrapePool"], target["lastError"])
        else:
            equal(target["lastError"], "", target["scrapePool"])
    for job in UP:
        equal(server.value(f'up{{job="{job}"}}'), "1", job)
    for job in DOWN:
        equal({v for _, v in server.query(f'up{{job="{job}"}}')}, {"0"}, job)
    # Whatever a failing target sent before it failed is not stored.
    equal(server.query('{__name__=~"endless_.*|bomb_.*|stall_.*|many_.*|open_broken"}'), [], "no leftovers")


def check_samples(server):
    equal(server.value('good_total{job="good"}'), "7", "counter")
    equal(server.query('good_total{job="good"}')[0][0]["path"], '/a"b\n', "escapes")
    equal(server.value('good_ratio{job="good"}'), "NaN", "NaN")
    equal(server.value('{"good.dots","with space"="1",job="good"}'), "2", "UTF-8 names")
    equal(server.value('good_seconds_bucket{job="good",le="1.0"}'), "3", "le normalised")
    equal(server.query('noise_total{job="good"}'), [], "metric_relabel_configs")
    equal(server.value('owned{job="good",exported_job="theirs"}'), "1", "exported_job")
    equal(server.value('owned{job="theirs"}'), "1", "honor_labels")
    equal(server.value('scrape_samples_scraped{job="good"}'), "9", "samples scraped")
    equal(server.value('scrape_samples_post_metric_relabeling{job="good"}'), "8", "samples kept")
    equal(server.value('scrape_body_size_bytes{job="good"}'), str(len(GOOD)), "body size")
    equal(server.value('open_created'), "1520430000.123", "_created")
    equal(server.value('open_late - open_late'), "0", "sample with its own time")
    equal(server.query('params_value')[0][0]["query"], "module=a+b&target=t%26u", "parameters")
    equal(server.value('max_over_time(scrape_series_added{job="good"}[1m])'), "8", "series added")
    metadata = json.loads(server.get("/api/v1/metadata?metric=good_total"))["data"]["good_total"]
    equal(metadata, [{"type": "counter", "help": "Things done.", "unit": ""}], "metadata")


def check_requests():
    headers, _ = seen["/good"]
    assert headers["Accept"].startswith("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q="), headers
    assert "gzip" in headers["Accept-Encoding"] and headers["User-Agent"].startswith("Lapwing/"), headers
    equal(headers["X-Prometheus-Scrape-Timeout-Seconds"], "2", "timeout header")
    equal(seen["/hang"][0]["X-Prometheus-Scrape-Timeout-Seconds"], "0.3", "timeout header")
    equal(seen["/hang"][0]["Host"], seen["/good"][0]["Host"], "host header")


def check_staleness(server):
    eventually(lambda: equal(server.value('goes'), "1", "before"))
    vanish.set()
    wait_for("a series that vanished ends at once", lambda: not server.query("goes") and server.query("stays"))
    assert int(server.value("count_over_time(goes[1m])")) >= 1


def check_files(server, folder, port):
    (folder / "sd").mkdir()
    (folder / "sd" / "a.yml").write_text(f"- targets: ['127.0.0.1:{port}']\n  labels: {{shelf: top}}\n")
    wait_for("file target", lambda: server.value('up{job="files",shelf="top"}') == "1")
    (folder / "sd" / "a.yml").write_text("- targets: {no")
    wait_for("the bad file is read", lambda: "its last good content stays in force" in (folder / "log").read_text())
    eventually(lambda: equal(server.value('up{job="files",shelf="top"}'), "1", "a bad file keeps its targets"))
    (folder / "sd" / "a.yml").unlink()
    wait_for("a file that is gone ends its targets", lambda: not server.query('up{job="files"}'))
    equal([t for t in server.targets()["activeTargets"] if t["scrapePool"] == "files"], [], "targets")


def check_reload(server, folder, config):
    kept = [j for j in config["scrape_configs"] if j["job_name"] in ("good", "vanish")]
    kept[0]["metric_relabel_configs"] += [
        {"source_labels": ["__name__"], "regex": "good_total", "target_label": "__name__", "replacement": "renamed"}]
    (folder / "prometheus.yml").write_text(json.dumps({**config, "scrape_configs": kept}))
    server.reload()
    wait_for("jobs that are gone end", lambda: {m["job"] for m, _ in server.query("up")} == {"good", "vanish"})
    wait_for("new rules hold for old series", lambda: server.value("renamed") == "7")
    equal(server.query('good_total{job="good"}'), [], "the old name ended")


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lapwing-scrape-"))
    context = make_certificate(folder)
    port, tls_port = serve(), serve(context)
    (folder / "token").write_text("from-file\n")
    config = {"global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
              "scrape_configs": jobs(folder, port, tls_port)}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    server = Server(folder)
    try:
        wait_until_judged(server)
        eventually(check_health, server)
        eventually(check_samples, server)
        check_requests()
        check_staleness(server)
        check_files(server, folder, port)
        assert "kubernetes_sd_configs" in (folder / "log").read_text()
        check_reload(server, folder, config)
        server.process.send_signal(signal.SIGTERM)
        equal(server.process.wait(30), 0, "exit status")
    except BaseException:
        print((folder / "log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        if server.process.poll() is None:
            server.process.kill()
    shutil.rmtree(folder)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
