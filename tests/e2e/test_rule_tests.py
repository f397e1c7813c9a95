#!/usr/bin/env python3
"""Unit tests for rules: `lapwing test rules` and Debian's promtool agree on files that pass and files
that fail; what promtool 2.42 doesn't know is tested alone."""
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

LAPWING = os.path.abspath(sys.argv.pop(1))

RULES = """
groups:
- name: recorded
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - record: job:requests:rate
    expr: sum by (job) (rate(requests_total[10m]))
    labels: {source: rules}
- name: alerts
  interval: 30s
  rules:
  - alert: Down
    expr: up == 0
    for: 3m
    labels: {severity: page, team: "{{ $labels.job }}-team"}
    annotations:
      summary: "{{ $labels.instance }} of {{ $labels.job }} is down"
      value: "{{ $value }} {{ printf \\"%.1f\\" 2.0 }} {{ humanize 12345.0 }}"
  - alert: Lingering
    expr: up{job="db"} == 0
    keep_firing_for: 4m
  - alert: AllDown
    expr: job:up:sum == 0
    labels: {severity: critical}
  - alert: NoMetrics
    expr: absent(up{job="cache"})
  - alert: Site
    expr: vector(1)
    annotations:
      where: "{{ $externalLabels.site }} {{ $externalURL }}"
- name: more
  rules:
  - alert: Down
    expr: up{job="db"} == 0
    labels: {severity: info}
"""

SERIES = """
  input_series:
  - {series: 'up{job="web",instance="a"}', values: '1 1 0x10'}
  - {series: 'up{job="web",instance="b"}', values: '1x3 _x4 1x5'}
  - {series: 'up{job="db",instance="c"}', values: '1 0 0 0 0 0 1x10'}
  - {series: 'requests_total{job="web"}', values: '0+60x30'}
  - {series: 'gone{job="web"}', values: '1 2 stale 4'}
"""

HEAD = """
rule_files: [rules*.yml]
evaluation_interval: 1m
tests:
- interval: 1m
""" + SERIES

# Groups that no order names run in a random one in promtool; AllDown reads what "recorded" writes.
ORDERED = "group_eval_order: [recorded, alerts, more]\n" + HEAD


def alert(time, name, *expected):
    text = f"  alert_rule_test:\n  - eval_time: {time}\n    alertname: {name}\n    exp_alerts:\n"
    for labels, annotations in expected:
        text += f"    - exp_labels: {labels}\n      exp_annotations: {annotations}\n"
    return text


def expr(query, time, *samples):
    text = f"  promql_expr_test:\n  - expr: '{query}'\n    eval_time: {time}\n    exp_samples:\n"
    for labels, value in samples:
        text += f"    - labels: '{labels}'\n      value: {value}\n"
    return text


DOWN_A = ("{severity: page, team: web-team, job: web, instance: a}",
          '{summary: "a of web is down", value: "0 2.0 12.35k"}')
DOWN_C = ("{severity: page, team: db-team, job: db, instance: c}",
          '{summary: "c of db is down", value: "0 2.0 12.35k"}')
INFO_C = ("{severity: info, job: db, instance: c}", "{}")

# (name, text of the test file, whether it passes)
FILES = [
    ("firing", HEAD + alert("5m", "Down", DOWN_A, DOWN_C, INFO_C), True),
    ("in another order", HEAD + alert("5m", "Down", INFO_C, DOWN_C, DOWN_A), True),
    ("between evaluations", HEAD + alert("5m59s", "Down", DOWN_A, DOWN_C, INFO_C), True),
    ("one too many", HEAD + alert("5m", "Down", DOWN_A, DOWN_A, DOWN_C, INFO_C), False),
    ("one too few", HEAD + alert("5m", "Down", DOWN_A, INFO_C), False),
    ("another annotation", HEAD + alert("5m", "Down", (DOWN_A[0], "{summary: no}"), DOWN_C, INFO_C),
     False),
    ("another label", HEAD + alert("5m", "Down", ("{severity: page}", DOWN_A[1]), DOWN_C, INFO_C),
     False),
    ("still pending", HEAD + alert("3m", "Down", INFO_C), True),
    ("pending is not firing", HEAD + alert("3m", "Down", DOWN_A, INFO_C), False),
    ("none", HEAD + alert("0m", "Down"), True),
    ("unknown alert", HEAD + alert("5m", "NoSuchAlert"), True),
    ("keeps firing", HEAD + alert("9m", "Lingering", ("{job: db, instance: c}", "{}")), True),
    ("stops", HEAD + alert("11m", "Lingering"), True),
    ("rule upon rule", ORDERED + alert("2m", "AllDown", ("{severity: critical, job: db}", "{}")),
     True),
    ("absent", HEAD + alert("0", "NoMetrics", ("{job: cache}", "{}")), True),
    ("external", HEAD + "  external_labels: {site: north}\n  external_url: http://p.example/x\n" +
     alert("1m", "Site", ("{}", '{where: "north http://p.example/x"}')), True),
    ("no alertname", HEAD + "  alert_rule_test:\n  - eval_time: 1m\n    exp_alerts: []\n", False),

    ("recorded", HEAD + expr("job:up:sum", "2m", ('job:up:sum{job="web"}', 1),
                             ('job:up:sum{job="db"}', 0)), True),
    ("wrong value", HEAD + expr("job:up:sum", "2m", ('job:up:sum{job="web"}', 2),
                                ('job:up:sum{job="db"}', 0)), False),
    ("wrong labels", HEAD + expr("job:up:sum", "2m", ('job:up:sum{job="web"}', 1)), False),
    ("no name", HEAD + expr("job:up:sum + 0", "2m", ('{job="web"}', 1), ('{job="db"}', 0)), True),
    ("rule's labels", HEAD + expr("job:requests:rate", "20m",
                                  ('job:requests:rate{job="web",source="rules"}', 1)), True),
    ("scalar", HEAD + expr("1 + 1", "2m", ("{}", 2)), True),
    ("time", HEAD + expr("time()", "2m", ("{}", 120)), True),
    ("empty", HEAD + expr("nothing", "2m"), True),
    ("empty, wanted", HEAD + expr("nothing", "2m", ("nothing", 1)), False),
    ("stale", HEAD + expr("gone", "2m"), True),
    ("back", HEAD + expr("gone", "3m", ('gone{job="web"}', 4)), True),
    ("past the data", HEAD + expr("gone", "7m", ('gone{job="web"}', 4)), True),
    ("infinite", HEAD + expr("1 / vector(0)", "1m", ("{}", ".inf")), True),
    ("negative", HEAD + expr("-1 / vector(0)", "1m", ("{}", "-.inf")), True),
    ("exponents", HEAD + expr("vector(1000)", "1m", ("{}", "1e3")), True),
    ("alerts series", ORDERED + expr('ALERTS{alertname="AllDown"}', "2m",
                                  ('ALERTS{alertname="AllDown",alertstate="firing",job="db",'
                                   'severity="critical"}', 1)), True),
    ("since when", ORDERED + expr('ALERTS_FOR_STATE{alertname="AllDown"}', "4m",
                               ('ALERTS_FOR_STATE{alertname="AllDown",job="db",'
                                'severity="critical"}', 60)), True),
    ("matrix", HEAD + expr("up[5m]", "2m"), False),
    ("bad expression", HEAD + expr("sum(", "2m"), False),
    ("bad labels", HEAD + expr("up", "2m", ("{{", 1)), False),
    ("both", HEAD + alert("5m", "Down", DOWN_A) + expr("job:up:sum", "2m"), False),

    ("unknown key", HEAD + "  promql_test: []\n", False),
    ("unknown key at the top", "rule_file: []\n" + HEAD, False),
    ("no yaml", "tests: [\n", False),
    ("no tests", "rule_files: [rules.yml]\n", True),
    ("no such rules", HEAD.replace("rules*", "elsewhere*") + expr("1", "1m", ("{}", 1)), True),
    ("bad rules", HEAD.replace("rules*", "broken") + expr("1", "1m", ("{}", 1)), False),
    ("rules fail", HEAD.replace("rules*", "duplicate") + expr("1", "1m", ("{}", 1)), False),
    ("over the limit", HEAD.replace("rules*", "limit") + expr("1", "1m", ("{}", 1)), False),
    ("bad values", "tests:\n- input_series: [{series: up, values: '1 x'}]\n" +
     expr("up", "0", ("up", 1)), False),
    ("bad series", "tests:\n- input_series: [{series: 'up{', values: '1'}]\n" +
     expr("up", "0", ("up", 1)), False),
    ("series twice", "tests:\n- input_series: [{series: up, values: '1'}, {series: up, values: 2}]\n"
     + expr("up", "0", ("up", 2)), True),
    ("own interval", "evaluation_interval: 30s\ntests:\n- interval: 10s\n  input_series:\n"
     "  - {series: x, values: '0+1x10'}\n" + expr("x", "30s", ("x", 3)), True),
    ("expanding", "tests:\n- interval: 1m\n  input_series:\n  - {series: x, values: '-2+4x3 1-2x4 1x4 1 _x3 2'}\n" +
     expr("sum_over_time(x[2h])", "1h", ("{}", 16 - 15 + 5 + 3)), True),
    ("order", "group_eval_order: [second, first]\n" + HEAD.replace("rules*", "order") +
     expr("chained", "0", ("chained", 2)), True),
    ("order, the other way", "group_eval_order: [first, second]\n" +
     HEAD.replace("rules*", "order") + expr("chained", "0", ("chained", 2)), False),
    ("order, twice", "group_eval_order: [first, first]\n" + HEAD + expr("1", "0", ("{}", 1)), False),
    ("two tests", HEAD + expr("1", "0", ("{}", 1)) + "- name: other\n" + expr("2", "0", ("{}", 1)),
     False),
]

OTHER_RULES = {
    "rules.yml": RULES,
    "broken.yml": "groups:\n- name: a\n  rules: [{record: x, expr: 'sum('}]\n",
    "duplicate.yml": "groups:\n- name: a\n  rules:\n  - {record: x, expr: up, "
                     "labels: {job: same, instance: same}}\n",
    "limit.yml": "groups:\n- name: a\n  limit: 1\n  rules: [{record: x, expr: up}]\n",
    "order.yml": "groups:\n- name: first\n  rules: [{record: chained, expr: base + 1}]\n"
                 "- name: second\n  rules: [{record: base, expr: vector(1)}]\n",
}


class RuleTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        for name, text in OTHER_RULES.items():
            cls.write(name, text)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def write(cls, name, text):
        path = os.path.join(cls.folder.name, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def run_one(self, *command):
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def lapwing(self, *arguments):
        return self.run_one(LAPWING, "test", "rules", *arguments)

    def test_files_have_the_same_outcome(self):
        for name, text, passes in FILES:
            with self.subTest(name):
                path = self.write("test.yml", text)
                ours = self.lapwing(path)
                theirs = self.run_one("promtool", "test", "rules", path)
                said = ours.stdout + ours.stderr + theirs.stdout + theirs.stderr
                self.assertEqual(theirs.returncode, 0 if passes else 1, said)
                self.assertEqual(ours.returncode, theirs.returncode, said)
                self.assertEqual("SUCCESS" in ours.stdout, passes, said)
                self.assertEqual("FAILED" in ours.stderr, not passes, said)

    def test_a_failure_says_what_was_expected(self):
        path = self.write("test.yml", HEAD.replace("- interval", "- name: storm\n  interval") +
                          alert("3m", "Down", DOWN_A) +
                          expr("job:up:sum", "2m", ('job:up:sum{job="web"}', 7)))
        said = self.lapwing(path).stderr
        for text in ["test.yml:", "name: storm", "alertname: Down, time: 3m", "exp:[", "got:[",
                     'Labels:{alertname="Down", instance="a", job="web", severity="page"',
                     'expr: "job:up:sum", time: 2m', 'exp: job:up:sum{job="web"} 7',
                     'got: job:up:sum{job="db"} 0, job:up:sum{job="web"} 1']:
            self.assertIn(text, said)

    def test_diff(self):
        path = self.write("test.yml", HEAD + alert("3m", "Down", DOWN_A))
        said = self.lapwing("--diff", path).stderr
        self.assertRegex(said, r'(?m)^ *- .*instance="a"')
        self.assertRegex(said, r'(?m)^ *\+ .*instance="c"')

    def test_run_picks_tests_by_name(self):
        path = self.write("test.yml", "tests:\n- name: good one\n" + expr("1", "0", ("{}", 1)) +
                          "- name: bad one\n" + expr("1", "0", ("{}", 2)))
        self.assertEqual(self.lapwing(path).returncode, 1)
        self.assertEqual(self.lapwing("--run=good", path).returncode, 0)
        self.assertEqual(self.lapwing("--run", "^g.*one$", path).returncode, 0)
        self.assertEqual(self.lapwing("--run=good", "--run=bad", path).returncode, 1)
        self.assertEqual(self.lapwing("--run=neither", path).returncode, 0)

    def test_debug_prints_what_is_stored(self):
        path = self.write("test.yml", HEAD + expr("1", "1m", ("{}", 1)))
        said = self.lapwing("--debug", path).stdout
        self.assertIn("DEBUG: Starting test unnamed#0", said)
        self.assertIn('job:up:sum{job="db"} 1@0.000 0@60.000', said)

    def test_junit(self):
        path = self.write("test.yml", "tests:\n- name: good\n" + expr("1", "0", ("{}", 1)) +
                          "- name: <bad>\n" + expr("1", "0", ("{}", 2)))
        broken = self.write("broken_test.yml", "tests: [")
        report = os.path.join(self.folder.name, "junit.xml")
        for arguments in (["rules", "--junit=" + report], ["--junit", report, "rules"]):
            self.run_one(LAPWING, "test", *arguments, path, broken)
            suites = xml.etree.ElementTree.parse(report).getroot()
            self.assertEqual([(s.get("name"), s.get("tests"), s.get("failures"), s.get("errors"))
                              for s in suites], [(path, "2", "1", "0"), (broken, "1", "0", "1")])
            cases = list(suites[0])
            self.assertEqual([c.get("name") for c in cases], ["good", "<bad>"])
            self.assertIn("exp: {} 2", cases[1].find("failure").text)
            os.unlink(report)

    def test_fuzzy_compare(self):
        text = "tests:\n- name: thirds\n" + expr("0.1 + 0.2", "0", ("{}", 0.3))
        self.assertEqual(self.lapwing(self.write("test.yml", text)).returncode, 1)
        path = self.write("test.yml", "fuzzy_compare: true\n" + text)
        self.assertEqual(self.lapwing(path).returncode, 0)

    def test_start_timestamp(self):
        for start in ("1704067200", '"2024-01-01T00:00:00Z"'):
            path = self.write("test.yml", f"tests:\n- start_timestamp: {start}\n  input_series: "
                              "[{series: x, values: '0+10x9'}]\n" +
                              expr("x @ 1704067320", "5m", ("x", 20)) +
                              "- start_timestamp: 100\n" + expr("time()", "5m", ("", 400)))
            result = self.lapwing(path)
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_histograms_are_refused_by_name(self):
        path = self.write("test.yml", "tests:\n- input_series: [{series: h, values: "
                          "'{{schema:0 sum:1 count:1}}x3'}]\n" + expr("1", "0", ("{}", 1)))
        result = self.lapwing(path)
        self.assertEqual(result.returncode, 1)
        self.assertIn("native histograms are not supported yet", result.stderr)

    def test_input_comes_every_evaluation_interval_by_default(self):
        path = self.write("test.yml", "evaluation_interval: 30s\ntests:\n- input_series:\n"
                          "  - {series: x, values: '0+1x10'}\n" + expr("x", "1m", ("x", 2)))
        self.assertEqual(self.lapwing(path).returncode, 0)

    def test_features(self):
        path = self.write("test.yml", "tests:\n- input_series: [{series: x, values: '3 1 2'}]\n" +
                          expr("mad_over_time(x[5m])", "2m", ("{}", 1)))
        self.assertEqual(self.lapwing(path).returncode, 1)
        self.assertEqual(
            self.lapwing("--enable-feature=promql-experimental-functions", path).returncode, 0)
        self.assertEqual(self.lapwing("--enable-feature=nonsense", path).returncode, 1)

    def test_usage(self):
        self.assertEqual(self.lapwing().returncode, 1)
        self.assertEqual(self.lapwing("--nonsense", "x").returncode, 1)
        self.assertEqual(self.lapwing("/nonexistent/test.yml").returncode, 1)


if __name__ == "__main__":
    unittest.main()
