"""lapwing-bench with a real server: data generated, loaded, served and queried; faults are named, partial runs say so."""
import http.server
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

from ports import HttpServer, free_port

LAPWING, BENCH = sys.argv.pop(1), sys.argv.pop(1)
SMALL = ["--hosts=2", "--span=30m", "--missed=0", "--rounds=4", "--quiet"]


def bench(*arguments, **options):
    return subprocess.run([BENCH, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, **options)


class Server:
    def __init__(self, folder, config="{}"):
        self.folder, self.port = folder, free_port()
        (folder / "prometheus.yml").write_text(config)
        self.process = subprocess.Popen(
            [LAPWING, f"--config.file={folder}/prometheus.yml", f"--storage.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver"],
            stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + "/-/ready", timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("lapwing is not ready")

    def query(self, expr):
        with urllib.request.urlopen(f"{self.url}/api/v1/query?query={expr}", timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Liar(http.server.BaseHTTPRequestHandler):
    """Answers every query with one series of its own; refuses those with "refuse" in them and all writes."""

    def do_GET(self):
        refused = "refuse" in self.path
        body = (b'{"status":"error","errorType":"execution","error":"no"}' if refused else
                b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"5"]}]}}')
        self.reply(422 if refused else 200, b"" if self.path == "/metrics" else body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(400, b"not here")

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.pack = cls.folder / "small.pack"
        made = bench("generate", *SMALL, f"--output={cls.pack}")
        assert made.returncode == 0, made.stderr
        cls.samples = int(made.stderr.split()[0])
        cls.end = json.loads(made.stderr[made.stderr.index("{"):])["end_ms"] // 1000
        cls.server = Server(cls.folder)
        loaded = bench("load", cls.server.url, f"--pack={cls.pack}", "--connections=2", f"--json={cls.folder}/load.json")
        assert loaded.returncode == 0, loaded.stderr
        cls.liar = HttpServer(("127.0.0.1", 0), Liar)
        threading.Thread(target=cls.liar.serve_forever, daemon=True).start()
        cls.liar_url = f"http://127.0.0.1:{cls.liar.server_address[1]}"

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.liar.shutdown()
        cls.scratch.cleanup()

    def queries(self, text):
        path = self.folder / "queries.txt"
        path.write_text(text)
        return path

    def test_all_samples_are_taken(self):
        loaded = json.loads((self.folder / "load.json").read_text())
        self.assertTrue(loaded["complete"])
        self.assertEqual(loaded["samples"], self.samples)
        self.assertEqual(self.samples, 2 * 880 * 120)
        counted = self.server.query(f"sum(count_over_time(node_cpu_seconds_total[1d]@{self.end}))")
        self.assertEqual(float(counted[0]["value"][1]), 2 * 128 * 120)
        series = self.server.query(f"count({{job=~\".%2B\"}}@{self.end})")
        self.assertEqual(float(series[0]["value"][1]), 2 * 880)

    def test_answers_that_agree(self):
        path = self.queries("now instant sum(node_load1)\nday range 30m/1m avg by (job) (rate(node_intr_total[5m]))\n")
        json_path, html_path = self.folder / "r.json", self.folder / "r.html"
        run = bench("query", path, f"a={self.server.url}", f"b={self.server.url},data={self.folder}/data", f"--end={self.end}",
                    "--repetitions=6", "--warmup=1", "--concurrency=2", f"--json={json_path}", f"--html={html_path}", "--quiet")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        results = json.loads(json_path.read_text())
        self.assertTrue(results["complete"])
        self.assertEqual([t["kind"] for t in results["targets"]], ["lapwing", "lapwing"])
        self.assertEqual(results["targets"][0]["pid"], self.server.process.pid)
        self.assertGreater(results["targets"][0]["after"]["rss_anon"], 1 << 20)
        self.assertGreater(results["targets"][1]["disk_bytes"], 4096)
        for query in results["queries"]:
            for r in query["runs"]:
                self.assertEqual((r["status"], len(r["latencies_ms"])), ("ok", 12))
                self.assertLessEqual(r["min"], r["p50"])
                self.assertLessEqual(r["p99"], r["max"])
        self.assertIn("results", html_path.read_text())
        same = bench("compare", json_path, json_path)
        self.assertEqual(same.returncode, 0, same.stdout)
        again = bench("report", json_path)
        self.assertEqual((again.returncode, again.stdout), (0, run.stdout))

    def test_faults_are_named(self):
        path = self.queries("fine instant sum(node_load1)\nbad instant refuse(\n")
        json_path = self.folder / "bad.json"
        run = bench("query", path, self.server.url, f"liar={self.liar_url}", f"gone=127.0.0.1:{free_port()}",
                    f"--end={self.end}", "--repetitions=2", "--quiet", f"--json={json_path}")
        self.assertEqual(run.returncode, 1)
        self.assertIn("NOT A WHOLE RUN", run.stdout)
        self.assertRegex(run.stdout, r"gone +nocache +no answer: .*[Cc]onnect")
        self.assertRegex(run.stdout, r"lapwing +nocache +refused: answered 400: bad_data")
        self.assertRegex(run.stdout, r"liar +nocache +refused: answered 422: execution: no")
        self.assertIn("DIFFERS (1 values are missing; 1 values too many)", run.stdout)
        self.assertFalse(json.loads(json_path.read_text())["complete"])

    def test_refused_writes(self):
        run = bench("load", self.liar_url, f"--pack={self.pack}")
        self.assertEqual(run.returncode, 1)
        self.assertIn("/api/v1/write: answered 400: not here", run.stderr)
        run = bench("load", f"127.0.0.1:{free_port()}", f"--pack={self.pack}")
        self.assertEqual(run.returncode, 1)
        self.assertIn("onnect", run.stderr)

    def interrupted(self, *arguments):
        for seconds in (1, 5, 25):  # one that had not begun is killed by the signal, and begins again
            process = subprocess.Popen([BENCH, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True)
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
            if process.returncode != -signal.SIGINT:
                break
        return process.returncode, out, err

    def test_ctrl_c_leaves_a_partial_report(self):
        path = self.queries("now instant sum(node_load1)\n")
        json_path = self.folder / "part.json"
        code, out, _ = self.interrupted("query", path, self.server.url, f"--end={self.end}", "--repetitions=1000000",
                                        f"--json={json_path}")
        self.assertEqual(code, 1)
        self.assertIn("NOT A WHOLE RUN", out)
        results = json.loads(json_path.read_text())
        self.assertFalse(results["complete"])
        self.assertGreater(len(results["queries"][0]["runs"][0]["latencies_ms"]), 10)
        code, out, err = self.interrupted("load", self.server.url, f"--pack={self.pack}", "--rate=1")
        self.assertEqual(code, 1, out)
        code, out, err = self.interrupted("generate", "--hosts=200", f"--output={self.folder}/never.pack")
        self.assertEqual(code, 1)
        self.assertIn("interrupted", err)
        self.assertEqual(list(self.folder.glob("never*")), [])

    def test_targets_are_scraped(self):
        folder = self.folder / "scraping"
        folder.mkdir()
        config = folder / "targets.yml"
        targets = subprocess.Popen([BENCH, "serve", "--port=0", "--hosts=2", "--interval=1s", "--missed=0", "--quiet",
                                    f"--config={config}"])
        try:
            while not config.exists():
                time.sleep(0.05)
            server = Server(folder, config.read_text())
            try:
                deadline = time.monotonic() + 20
                while len(up := server.query("up==1")) < 4 and time.monotonic() < deadline:
                    time.sleep(0.2)
                self.assertEqual(len(up), 4)
                scraped = server.query('sum(scrape_samples_scraped)')
                self.assertEqual(float(scraped[0]["value"][1]), 2 * 880)
            finally:
                server.stop()
        finally:
            targets.terminate()
            targets.wait(10)

    def test_wrong_command_lines(self):
        for arguments, text in ((["query"], "expected a FILE of queries and a URL"), (["fly"], 'no such command: "fly"'),
                                (["load"], "expected a URL"), (["generate", "--hosts=0"], "--hosts: expected 1 to 100000"),
                                (["generate", "--workload=Z"], 'no workload is called "Z"'),
                                (["query", "q.txt", "a:1", "--tolerance=-1"], "--tolerance that is not negative"),
                                (["query", "q.txt", "a:1", "--end=soon"], "--end: expected now, rolling,"),
                                (["compare", "a"], "expected OLD.json NEW.json")):
            run = bench(*arguments)
            self.assertEqual(run.returncode, 2, arguments)
            self.assertIn(text, run.stderr)
        self.assertEqual(bench("--help").returncode, 0)
        self.assertTrue(re.match(r"lapwing-bench, version \d", bench("--version").stdout))


if __name__ == "__main__":
    unittest.main()
