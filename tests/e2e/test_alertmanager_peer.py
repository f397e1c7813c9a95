"""Lapwing beside Debian's prometheus-alertmanager: the same requests get the same answers, and the
same configuration, alerts and timeline the same webhooks.

    test_alertmanager_peer.py PATH/TO/lapwing

Where Alertmanager 0.34 differs from Debian's 0.25, it is 0.34 that Lapwing follows: those differences
are named here.
"""
import json
import re
import sys
import time
import urllib.parse

from alerting_parts import Hook, alertmanager, folder, in_step, lapwing, wait_for

LAPWING = sys.argv[1]
CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 500ms
  group_interval: 1500ms
  repeat_interval: 1h
  routes:
  - receiver: critical
    match_re: {severity: "crit.*"}
    group_by: ['...']
    continue: true
  - receiver: team
    matchers: [ team=~"a|b", severity!="info" ]
    group_by: [team, cluster]
  - receiver: quiet
    match: {team: "night"}
    mute_time_intervals: [always]
time_intervals:
- name: always
  time_intervals:
  - years: ['2000:2100']
inhibit_rules:
- source_matchers: [ kind="src" ]
  target_matchers: [ kind="dst" ]
  equal: [ inst ]
receivers:
- name: hook
  webhook_configs: [ { url: "http://127.0.0.1:PORT/hook" } ]
- name: critical
  webhook_configs: [ { url: "http://127.0.0.1:PORT/critical", max_alerts: 1 } ]
- name: team
  webhook_configs: [ { url: "http://127.0.0.1:PORT/team", send_resolved: false } ]
- name: quiet
  webhook_configs: [ { url: "http://127.0.0.1:PORT/quiet" } ]
"""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def stamp(offset_s):
    at = time.time() + offset_s
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03}Z"


def silence(**changes):
    body = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": stamp(-3600),
            "endsAt": stamp(7200), "createdBy": "me", "comment": "c", **changes}
    return {k: v for k, v in body.items() if v is not None}


def matcher(**fields):
    return silence(matchers=[fields])


def equal(name, value):
    return {"name": name, "value": value, "isRegex": False}


# Method, path, body; compared by status and body, times and ids apart.
SAME = [
    ("GET", "/api/v2/receivers", None),
    ("GET", "/api/v2/alerts", None),
    ("GET", "/api/v2/silences", None),
    ("GET", "/api/v2/alerts/groups", None),
    ("POST", "/api/v2/alerts", []),
    ("POST", "/api/v2/alerts", [{}]),
    ("POST", "/api/v2/alerts", [{"labels": {}}]),
    ("POST", "/api/v2/alerts", [{"labels": {"a": ""}}]),
    ("POST", "/api/v2/alerts", [{"labels": {"a": "b"}, "startsAt": "2021-01-01T00:00:00Z",
                                 "endsAt": "2020-01-01T00:00:00Z"}]),
    ("POST", "/api/v2/alerts", [{"labels": {"a": "b"}, "startsAt": "2090-01-01T00:00:00+02:00"}]),
    ("POST", "/api/v2/alerts", [{"labels": {}}, {"labels": {"ok": "1"}}, {"labels": {}}]),
    ("POST", "/api/v2/alerts", [{"labels": {"a": "b"}, "generatorURL": "no url"}]),
    ("POST", "/api/v2/alerts", [{"labels": {"a": "b"}, "unknown": 1, "status": "x"}]),
    ("POST", "/api/v2/alerts", b""),
    ("POST", "/api/v2/alerts", b"null"),
    ("GET", "/api/v2/alerts?filter=bad{", None),
    ("GET", "/api/v2/alerts?filter=a=b&filter=x", None),
    ("GET", "/api/v2/alerts?active=maybe", None),
    ("GET", "/api/v2/alerts?silenced=", None),
    ("GET", "/api/v2/alerts?filter=ok=", None),
    ("GET", "/api/v2/alerts?filter=ok!=", None),
    ("GET", "/api/v2/alerts?receiver=none", None),
    ("GET", "/api/v2/alerts?receiver=ho.*", None),
    ("GET", "/api/v2/silences?filter=bad{", None),
    ("GET", "/api/v2/silence/xx", None),
    ("DELETE", "/api/v2/silence/xx", None),
    ("GET", "/api/v2/silence/d3b7b1d8-4d1c-4f5e-8f0d-aaaaaaaaaaaa", None),
    ("POST", "/api/v2/silences", silence()),
    ("POST", "/api/v2/silences", silence(endsAt=None)),
    ("POST", "/api/v2/silences", silence(matchers=None)),
    ("POST", "/api/v2/silences", silence(comment=None)),
    ("POST", "/api/v2/silences", {}),
    ("POST", "/api/v2/silences", b""),
    ("POST", "/api/v2/silences", b"null"),
    ("POST", "/api/v2/silences", silence(matchers=[])),
    ("POST", "/api/v2/silences", matcher()),
    ("POST", "/api/v2/silences", silence(startsAt=stamp(9000))),
    ("POST", "/api/v2/silences", silence(startsAt=stamp(-9000), endsAt=stamp(-8000))),
    ("POST", "/api/v2/silences", silence(id="d3b7b1d8-4d1c-4f5e-8f0d-aaaaaaaaaaaa")),
    ("POST", "/api/v2/silences", silence(id="nouuid")),
    ("POST", "/api/v2/silences", matcher(name="x", value="a|b", isRegex=True, isEqual=True)),
    ("POST", "/api/v2/silences", matcher(name="x", value="a|b", isRegex=True, isEqual=False)),
    ("GET", "/api/v2/silences?filter=a=b", None),
    ("GET", "/api/v2/silences?filter=x!~%22a|b%22", None),
    ("GET", "/api/v2/silences?filter=nope=", None),
]
# Only the status: the texts are each server's own, or changed since.
SAME_STATUS = [
    ("POST", "/api/v2/alerts", {}),
    ("POST", "/api/v2/alerts", b"x"),
    ("POST", "/api/v2/alerts", [{"labels": {"a": 1}}]),
    ("POST", "/api/v2/alerts", [{"labels": {"a": "b"}, "annotations": {"x": 3}}]),
    ("POST", "/api/v2/alerts", [{"labels": {"a": "b"}, "startsAt": "x"}]),
    ("PUT", "/api/v2/alerts", None),
    ("DELETE", "/api/v2/silences", None),
    ("GET", "/api/v2/nope", None),
    ("GET", "/api/v2/alerts?receiver=(", None),
    ("GET", "/api/v2/alerts/groups?receiver=(", None),
    ("POST", "/api/v2/silences", []),
    ("POST", "/api/v2/silences", b"x"),
    ("POST", "/api/v2/silences", silence(startsAt="bad")),
    ("POST", "/api/v2/silences", silence(startsAt=5)),
    ("POST", "/api/v2/silences", silence(matchers={})),
    ("POST", "/api/v2/silences", matcher(name="a", value="b", isRegex="x")),
    ("POST", "/api/v2/silences", matcher(name="", value="", isRegex=False)),
    ("POST", "/api/v2/silences", matcher(name="a", value="", isRegex=False)),
    ("POST", "/api/v2/silences", matcher(name="a", value="(", isRegex=True)),
    ("POST", "/api/v2/silences", matcher(name="a", value=".*", isRegex=True)),
]


def without(value, key):
    """0.34's alerts say mutedBy, too."""
    if isinstance(value, dict):
        return {k: without(v, key) for k, v in value.items() if k != key}
    return [without(v, key) for v in value] if isinstance(value, list) else value


def normal(body):
    body = TIME.sub("TIME", UUID.sub("ID", body))
    if not body.strip():
        return body.strip()
    value = without(json.loads(body), "mutedBy")
    if isinstance(value, list):
        value = sorted(value, key=json.dumps)  # silences of one moment stand in no order
    return json.dumps(value)  # with the order of keys


# With alerts of every kind, but those that a time interval mutes: 0.34 calls their groups suppressed.
LIVE = [f"/api/v2/alerts{rest}filter=alertname!=Night" for rest in (
    "?", "/groups?", "?active=false&", "?silenced=false&", "?inhibited=false&", "/groups?inhibited=false&",
    "?silenced=false&inhibited=false&", "/groups?active=false&", "?receiver=crit.*&", "/groups?receiver=team&",
    "?filter=alertname=~%22Dis.%7CBad%22&", "/groups?filter=instance=&", "?filter=severity!=critical&")]


def sorted_deep(value):
    if isinstance(value, dict):
        return {k: sorted_deep(v) for k, v in value.items()}
    return sorted(map(sorted_deep, value), key=json.dumps) if isinstance(value, list) else value


def compare_live(servers):
    for path in LIVE:
        mine, peer = (s.request("GET", path) for s in servers)
        assert mine[0] == peer[0] == 200, (path, mine, peer)
        a, b = (sorted_deep(json.loads(normal(text))) for _, text in (mine, peer))
        assert a == b, f"{path}\nlapwing      {json.dumps(a)}\nalertmanager {json.dumps(b)}"


def compare_answers(ours, theirs):
    for method, path, body in SAME:
        mine, peer = (s.request(method, path, body) for s in (ours, theirs))
        assert mine[0] == peer[0] and normal(mine[1]) == normal(peer[1]), \
            f"{method} {path} {body}\nlapwing      {mine}\nalertmanager {peer}"
    for method, path, body in SAME_STATUS:
        mine, peer = (s.request(method, path, body) for s in (ours, theirs))
        assert mine[0] == peer[0], f"{method} {path} {body}\nlapwing      {mine}\nalertmanager {peer}"
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        mine, peer = (s.request("POST", "/api/v2/alerts", b"[]", content_type) for s in (ours, theirs))
        assert mine[0] == peer[0] == 415 and json.loads(mine[1]) == json.loads(peer[1]), (mine, peer)
    # 0.34: a silence that is not there is 404; labels may have any name.
    assert ours.request("DELETE", "/api/v2/silence/d3b7b1d8-4d1c-4f5e-8f0d-aaaaaaaaaaaa")[0] == 404
    assert ours.request("POST", "/api/v2/alerts", [{"labels": {"a-b.c": "d"}}])[0] == 200


def alert(starts, ends=None, annotations=None, **labels):
    body = {"labels": labels, "startsAt": starts, "generatorURL": "http://example/graph?x=1",
            "annotations": annotations or {}}
    return {**body, "endsAt": ends} if ends else body


def both(servers, method, path, body):
    for server in servers:
        status, text = server.request(method, path, body)
        assert status == 200, (server.name, method, path, status, text)


def timeline(servers):
    # Now: a group with an alert older than group_wait is told at once, whatever else is being read.
    begin = stamp(0)
    both(servers, "POST", "/api/v2/silences", matcher(name="silenced", value="yes", isRegex=False))
    both(servers, "POST", "/api/v2/alerts", [
        alert(begin, alertname="Disk", instance="a", job="node", annotations={"summary": "full"}),
        alert(begin, alertname="Disk", instance="b", job="node"),
        alert(begin, alertname="Hidden", silenced="yes"),
        alert(begin, alertname="Source", kind="src", inst="1"),
        alert(begin, alertname="Target", kind="dst", inst="1"),
        alert(begin, alertname="Target", kind="dst", inst="2"),
        alert(begin, alertname="Bad", severity="critical", team="a", cluster="x y"),
        alert(begin, alertname="Worse", severity="crit\"2\\", team="b"),
        alert(begin, alertname="Night", team="night"),
    ])
    time.sleep(0.8)  # every group has been flushed
    compare_live(servers)
    time.sleep(0.2)
    both(servers, "POST", "/api/v2/alerts", [
        alert(begin, alertname="Disk", instance="c", job="api"),
        alert(begin, stamp(-0.1), alertname="Source", kind="src", inst="1"),
        alert(begin, stamp(-0.1), alertname="Bad", severity="critical", team="a", cluster="x y"),
    ])
    time.sleep(1.7)
    both(servers, "POST", "/api/v2/alerts", [
        alert(begin, stamp(-0.1), alertname="Disk", instance=i, job=j)
        for i, j in (("a", "node"), ("b", "node"), ("c", "api"))])
    time.sleep(2.0)


def told(hook):
    """By receiver and group, the payloads in order; fields that must differ replaced."""
    groups = {}
    for path, body in hook.received:
        body = dict(body, externalURL="URL")
        for a in body["alerts"]:
            a["endsAt"] = re.sub(r"^0001.*", "ZERO", a["endsAt"])
        groups.setdefault((path, body["groupKey"]), []).append(body)
    return groups


def compare_told(ours, theirs):
    mine, peer = told(ours), told(theirs)
    assert mine.keys() == peer.keys(), f"only lapwing {mine.keys() - peer.keys()}\n" \
                                       f"only alertmanager {peer.keys() - mine.keys()}"
    for key, bodies in peer.items():
        assert len(mine[key]) == len(bodies), f"{key}\nlapwing {mine[key]}\nalertmanager {bodies}"
        for a, b in zip(mine[key], bodies):
            for field in b:
                assert a.get(field) == b[field], \
                    f"{key} {field}\nlapwing      {a.get(field)}\nalertmanager {b[field]}"
            assert list(a) == list(b), (list(a), list(b))
    print(f"{sum(map(len, peer.values()))} webhooks of {len(peer)} groups are equal")


def main():
    with folder() as path:
        hooks, servers = (Hook(), Hook()), []
        try:
            for hook, make in zip(hooks, (lambda p: lapwing(LAPWING, p), alertmanager)):
                with open(f"{path}/alertmanager.yml", "w") as file:
                    file.write(CONFIG.replace("PORT", str(hook.port)))
                servers.append(make(path).start())
            timeline(servers)
            compare_told(*hooks)
            for server in servers:
                server.stop()
            for name in ("lapwing-data", "am-data"):
                __import__("shutil").rmtree(f"{path}/{name}")
            for server in servers:
                server.start()
            compare_answers(*servers)
            print(f"{len(SAME) + len(SAME_STATUS) + len(LIVE) + 2} answers are equal")
        except BaseException:
            for server in servers:
                print(server.log()[-3000:])
            raise
        finally:
            for server in servers:
                server.stop()


in_step(main)
