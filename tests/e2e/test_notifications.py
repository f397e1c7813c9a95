"""A real rule over real samples fires and resolves: a webhook, a Slack-shaped endpoint and mail servers
with STARTTLS, TLS from the first byte, and every way to log in are told, field by field.

    test_notifications.py PATH/TO/lapwing
"""
import base64
import email
import email.policy
import hmac
import http.server
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from ports import HttpServer, free_port

LAPWING = sys.argv[1]
RULES = """
groups:
- name: toy
  labels: {team: fleet}
  rules:
  - record: toy:load:double
    expr: toy_load * 2
  - alert: ToyLoad
    expr: toy:load:double > 10
    for: 1s
    labels: {severity: page}
    annotations:
      summary: '{{ $labels.instance }} runs <hot> & loud: {{ $value | humanize }}'
      others: '{{ range query "toy_load" }}{{ .Labels.job }}={{ .Value }}{{ end }}'
"""
TEMPLATES = """
{{ define "fleet.text" }}{{ range .Alerts }}{{ .Status | toUpper }} {{ .Labels.severity }}: {{ .Annotations.summary }}
{{ end }}{{ end }}
{{ define "fleet.html" }}<ul>{{ range .Alerts }}<li title="{{ .Labels.alertname }}">{{ .Annotations.summary }}</li>{{ end }}</ul>{{ end }}
"""


class Load(http.server.BaseHTTPRequestHandler):
    """The target: one gauge that the test sets."""
    value = 1

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(f"# TYPE toy_load gauge\ntoy_load {Load.value}\n".encode())

    def log_message(self, *args):
        pass


class Hook(http.server.BaseHTTPRequestHandler):
    received = []  # (path, headers, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Hook.received.append((self.path, self.headers, json.loads(body)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


def serve(handler):
    server = HttpServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


class Mails:
    """Keeps what arrives, and how its sender logged in."""

    def __init__(self):
        self.received = []  # (envelope from, recipients, message, mechanism, used TLS, HELO name)

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.received.append((envelope.mail_from, envelope.rcpt_tos, message,
                              getattr(session, "mechanism", None), session.ssl is not None,
                              session.host_name))
        return "250 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        session.mechanism = mechanism
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"fleet", b"s3cret")
        return AuthResult(success=good, handled=False)

    async def auth_CRAM__MD5(self, server, args):
        challenge = b"<17.42@peer>"
        await server.push("334 " + base64.b64encode(challenge).decode())
        user, _, digest = base64.b64decode((await server._reader.readline()).strip()).partition(b" ")
        wanted = hmac.new(b"shared", challenge, "md5").hexdigest().encode()
        server.session.mechanism = "CRAM-MD5"
        return AuthResult(success=user == b"fleet" and digest == wanted)


def greet(port):
    """The controller's own check of being up does not speak TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as s:
        s.recv(100)


def mail_server(folder, exclude=(), implicit=False):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    mails, port = Mails(), free_port()
    tls = {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}
    controller = Controller(mails, hostname="127.0.0.1", port=port, auth_required=True,
                            auth_require_tls=not implicit, authenticator=mails.authenticate,
                            auth_exclude_mechanism=exclude, **tls)
    if implicit:
        controller._trigger_server = lambda: greet(port)
    controller.start()
    return mails, port


def wait_for(what, condition, seconds=40):
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


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj",
                    "/CN=mail.test", "-addext", "subjectAltName=DNS:mail.test,IP:127.0.0.1"],
                   check=True, capture_output=True)


def mail_config(port, **more):
    return {"to": "Ann <ann@fleet.test>, bob@fleet.test", "from": "lapwing@fleet.test",
            "smarthost": f"127.0.0.1:{port}", "auth_username": "fleet",
            "tls_config": {"ca_file": "cert.pem"}, "send_resolved": True, **more}


def write_configuration(folder, load_port, hook_port, mail_port):
    (folder / "rules.yml").write_text(RULES)
    (folder / "fleet.tmpl").write_text(TEMPLATES)
    (folder / "password").write_text("s3cret\n")
    (folder / "slack").write_text(f"http://127.0.0.1:{hook_port}/slack\n")
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s",
                   "external_labels": {"site": "north"}},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "toy", "static_configs": [
            {"targets": [f"127.0.0.1:{load_port}"]}]}]}))
    config = {
        "global": {"smtp_hello": "edge.fleet.test"},
        "templates": ["*.tmpl"],
        "route": {"receiver": "all", "group_by": ["alertname"], "group_wait": "1s",
                  "group_interval": "1s", "repeat_interval": "1h"},
        "receivers": [{
            "name": "all",
            "webhook_configs": [{"url": f"http://127.0.0.1:{hook_port}/hook", "http_config": {
                "basic_auth": {"username": "u", "password": "p"}}}],
            "slack_configs": [{
                "api_url_file": "slack", "channel": "#fleet", "send_resolved": True,
                "fields": [{"title": "Team", "value": "{{ .CommonLabels.team }}", "short": True}]}],
            "email_configs": [mail_config(
                mail_port, auth_password_file="password",
                headers={"X-Fleet": "{{ .CommonLabels.site }}", "reply-to": "ops@fleet.test"},
                text="{{ template \"fleet.text\" . }}", html="{{ template \"fleet.html\" . }}")],
        }]}
    (folder / "alertmanager.yml").write_text(json.dumps(config))
    return config


def check_webhook(status, load_port):
    _, headers, body = wait_for(f"webhook {status}", lambda: [
        r for r in Hook.received if r[0] == "/hook" and r[2]["status"] == status])[0]
    labels = {"alertname": "ToyLoad", "instance": f"127.0.0.1:{load_port}", "job": "toy",
              "severity": "page", "site": "north", "team": "fleet"}
    annotations = {"summary": f"127.0.0.1:{load_port} runs <hot> & loud: 14", "others": "toy=7"}
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode(), headers
    assert headers["Content-Type"] == "application/json", headers
    assert list(body) == ["receiver", "status", "alerts", "groupLabels", "commonLabels",
                          "commonAnnotations", "externalURL", "version", "groupKey",
                          "truncatedAlerts"], body
    assert body["receiver"] == "all" and body["version"] == "4", body
    assert body["groupLabels"] == {"alertname": "ToyLoad"}, body
    assert body["groupKey"] == '{}:{alertname="ToyLoad"}' and body["truncatedAlerts"] == 0, body
    assert body["commonLabels"] == labels and body["commonAnnotations"] == annotations, body
    assert len(body["alerts"]) == 1, body
    alert = body["alerts"][0]
    assert alert["labels"] == labels and alert["annotations"] == annotations, alert
    assert alert["status"] == status and len(alert["fingerprint"]) == 16, alert
    assert alert["generatorURL"] == body["externalURL"] + \
        "/graph?g0.expr=toy%3Aload%3Adouble+%3E+10&g0.tab=1", alert
    ended = alert["endsAt"] != "0001-01-01T00:00:00Z"
    assert ended == (status == "resolved"), alert
    assert not ended or alert["endsAt"] > alert["startsAt"], alert
    return body["externalURL"]


def check_slack(status, external_url, load_port):
    color = "danger" if status == "firing" else "good"
    _, _, body = wait_for(f"slack {status}", lambda: [
        r for r in Hook.received if r[0] == "/slack" and r[2]["attachments"][0]["color"] == color])[0]
    head = "[FIRING:1]" if status == "firing" else "[RESOLVED]"
    title = f"{head} ToyLoad (127.0.0.1:{load_port} toy page north fleet)"
    link = f"{external_url}/#/alerts?receiver=all"
    assert body == {
        "channel": "#fleet", "username": "Alertmanager",
        "attachments": [{
            "title": title, "title_link": link, "text": "", "fallback": f"{title} | {link}",
            "callback_id": "", "footer": "", "color": color,
            "fields": [{"title": "Team", "value": "fleet", "short": True}],
            "mrkdwn_in": ["fallback", "pretext", "text"]}]}, body


def check_mail(mails, status, load_port):
    sender, recipients, message, mechanism, tls, hello = wait_for(f"mail {status}", lambda: [
        m for m in mails.received if m[2]["Subject"].startswith(f"[{status.upper()}")])[0]
    assert sender == "lapwing@fleet.test", sender
    assert recipients == ["ann@fleet.test", "bob@fleet.test"], recipients
    assert (mechanism, tls, hello) == ("PLAIN", True, "edge.fleet.test"), (mechanism, tls, hello)
    head = "[FIRING:1]" if status == "firing" else "[RESOLVED]"
    assert message["Subject"] == f"{head} ToyLoad (127.0.0.1:{load_port} toy page north fleet)"
    assert message["To"] == "Ann <ann@fleet.test>, bob@fleet.test", message["To"]
    assert message["From"] == "lapwing@fleet.test" and message["X-Fleet"] == "north", message
    assert message["Reply-To"] == "ops@fleet.test" and message["Date"] and message["Message-Id"]
    assert message.get_content_type() == "multipart/alternative", message
    text, html = message.get_payload()
    summary = f"127.0.0.1:{load_port} runs <hot> & loud: 14"
    assert text.get_content_type() == "text/plain" and html.get_content_type() == "text/html"
    assert text.get_content().rstrip() == f"{status.upper()} page: {summary}", text.get_content()
    assert html.get_content().rstrip() == \
        f"<ul><li title=\"ToyLoad\">127.0.0.1:{load_port} runs &lt;hot&gt; &amp; loud: 14</li></ul>", html


def check_logins(folder, config, post):
    """The other ways to log in, each to a server of its own, after a reload."""
    servers = {
        "LOGIN": mail_server(folder, exclude=["PLAIN"]),
        "CRAM-MD5": mail_server(folder, exclude=["PLAIN", "LOGIN"]),
        "implicit": mail_server(folder, implicit=True),
    }
    config["receivers"].append({"name": "mails", "email_configs": [
        mail_config(servers["LOGIN"][1], auth_password="s3cret"),
        mail_config(servers["CRAM-MD5"][1], auth_secret="shared"),
        mail_config(servers["implicit"][1], auth_password="s3cret", force_implicit_tls=True),
    ]})
    config["route"]["receiver"] = "mails"
    (folder / "alertmanager.yml").write_text(json.dumps(config))
    status, text = post("/-/reload")
    assert status == 200, text
    Load.value = 8
    for name, (mails, _) in servers.items():
        mail = wait_for(f"mail by {name}", lambda: mails.received)[0]
        # The session knows of TLS only where it was negotiated.
        wanted = ("PLAIN", False) if name == "implicit" else (name, True)
        assert mail[3:5] == wanted, (name, mail)
        body = mail[2].get_body(("html",)).get_content()
        assert "1 alert for" in body and "&lt;hot&gt; &amp; loud: 16" in body, body


def run(folder):
    make_certificate(folder)
    load_port, hook_port, port = serve(Load), serve(Hook), free_port()
    mails, mail_port = mail_server(folder)
    config = write_configuration(folder, load_port, hook_port, mail_port)
    subprocess.run(["amtool", "check-config", folder / "alertmanager.yml"], check=True,
                   capture_output=True)
    subprocess.run([LAPWING, "check", "alertmanager", folder / "alertmanager.yml"], check=True,
                   capture_output=True)

    def post(path):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST", data=b"")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    server = subprocess.Popen(
        [LAPWING, f"--config.file={folder}/prometheus.yml",
         f"--alertmanager.config.file={folder}/alertmanager.yml",
         f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
         "--web.enable-lifecycle"], stderr=open(folder / "log", "w"))
    try:
        wait_for("up", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5))
        Load.value = 7
        external_url = check_webhook("firing", load_port)
        check_slack("firing", external_url, load_port)
        check_mail(mails, "firing", load_port)
        Load.value = 1
        check_webhook("resolved", load_port)
        check_slack("resolved", external_url, load_port)
        check_mail(mails, "resolved", load_port)
        assert len([r for r in Hook.received if r[0] == "/hook"]) == 2, Hook.received
        assert len(mails.received) == 2, mails.received
        check_logins(folder, config, post)
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    except BaseException:
        print((folder / "log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        if server.poll() is None:
            server.kill()
        server.wait()


with tempfile.TemporaryDirectory() as name:
    run(pathlib.Path(name))
print("ok")
