"""Mail through a real server: alerts go to Postfix over STARTTLS and over TLS from the first byte, logged in by
PLAIN, LOGIN and CRAM-MD5, and what lies in the mailboxes afterwards is read with Python's email package.

    test_postfix.py PATH/TO/lapwing

Postfix runs from a folder of its own on free ports and is gone afterwards; it needs root. Without that, or
without Postfix, the test is skipped (77).
"""
import email
import email.policy
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import time

from alerting_parts import folder, free_port, lapwing, wait_for

LAPWING = sys.argv[1]
PROGRAMS = "/usr/lib/postfix/sbin"
PEOPLE = ("ann", "ben", "cleo", "dora")
SERVICES = ("cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "tlsmgr unix - - n 1000? 1 tlsmgr",
            "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce", "proxymap unix - - n - - proxymap", "error unix - - n - - error",
            "retry unix - - n - - error", "virtual unix - n n - - virtual", "anvil unix - - n - 1 anvil",
            "postlog unix-dgram n - n - 1 postlogd")
LONG = "a line of ninety nine words and more, " * 60
# Dots at the beginning of lines, one of them alone, and a line that a mail must not hold.
TEXT = ".\n..two\n.three {{ .CommonAnnotations.summary }}\nFrom here\n{{ .CommonAnnotations.long }}\n.\nthe end"
HTML = "<p class='x'>{{ .CommonAnnotations.summary }}</p>\n.\n<b>{{ len .Alerts }}</b>"


class Postfix:
    def __init__(self, base):
        self.base = pathlib.Path(base)
        self.port, self.tls_port = free_port(), free_port()
        self.user = pwd.getpwnam("postfix")
        for name in ("etc", "queue", "data", "mail"):
            (self.base / name).mkdir()
        os.chmod(self.base, 0o755)
        for name in ("data", "mail"):
            os.chown(self.base / name, self.user.pw_uid, self.user.pw_gid)
        self.certificate()
        self.passwords()
        self.configure()
        with open(self.base / "master.out", "w", encoding="utf-8") as out:
            subprocess.run(["postfix", "-c", self.base / "etc", "check"], stdout=out, stderr=out, check=True)
            self.process = subprocess.Popen([f"{PROGRAMS}/master", "-c", self.base / "etc", "-d"], stdout=out, stderr=out,
                                            start_new_session=True)

    def certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", self.base / "key.pem",
                        "-out", self.base / "cert.pem"], check=True, capture_output=True)

    def passwords(self):
        sasl = self.base / "etc" / "sasl"  # where Debian looks for it
        sasl.mkdir()
        (sasl / "smtpd.conf").write_text("pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
                                         "mech_list: PLAIN LOGIN CRAM-MD5\n" f"sasldb_path: {sasl}/db\n")
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", sasl / "db", "-u", "mail.test", "lapwing"],
                       input=b"s3cret!", check=True)
        shutil.chown(sasl / "db", "postfix")

    def configure(self):
        base, etc = self.base, self.base / "etc"
        settings = {
            "compatibility_level": "3.6", "queue_directory": base / "queue", "data_directory": base / "data",
            "myhostname": "mail.test", "mydestination": "", "mynetworks": "", "inet_interfaces": "127.0.0.1",
            "maillog_file": base / "log", "maillog_file_prefixes": base, "alias_maps": "", "alias_database": "",
            "smtputf8_enable": "no", "virtual_mailbox_domains": "mail.test", "virtual_mailbox_base": base / "mail",
            "virtual_mailbox_maps": f"texthash:{etc}/people", "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{self.user.pw_uid}", "virtual_gid_maps": f"static:{self.user.pw_gid}",
            "smtpd_tls_cert_file": base / "cert.pem", "smtpd_tls_key_file": base / "key.pem",
            "smtpd_tls_security_level": "encrypt", "smtpd_tls_auth_only": "yes", "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_local_domain": "mail.test", "cyrus_sasl_config_path": etc / "sasl",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject", "smtpd_tls_received_header": "yes",
            "smtpd_sasl_authenticated_header": "yes", "line_length_limit": "2048", "smtpd_forbid_bare_newline": "yes",
        }
        (etc / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        (etc / "people").write_text("".join(f"{name}@mail.test {name}/\n" for name in PEOPLE))
        (etc / "master.cf").write_text("\n".join((
            f"127.0.0.1:{self.port} inet n - n - - smtpd",
            f"127.0.0.1:{self.tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes", *SERVICES)) + "\n")

    def mails(self, person):
        """What lies in the mailbox, the oldest first, as bytes."""
        found = sorted((self.base / "mail" / person / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes() for path in found]

    def log(self):
        path = self.base / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def receivers(postfix):
    starttls = {"smarthost": f"localhost:{postfix.port}", "from": "Lapwing <lapwing@mail.test>",
                "tls_config": {"ca_file": f"{postfix.base}/cert.pem"}, "hello": "edge.test", "send_resolved": True,
                "auth_username": "lapwing@mail.test", "auth_password": "s3cret!"}
    return [
        {"name": "all", "email_configs": [
            {**starttls, "to": "ann@mail.test, Ben Ödegård <ben@mail.test>", "text": TEXT, "html": HTML,
             "headers": {"Subject": "Störung – {{ .CommonAnnotations.summary }} " + "sehr lang " * 30,
                         "X-Severity": "{{ .CommonLabels.severity }}", "Reply-To": "ops@mail.test"}},
            {**starttls, "to": "cleo@mail.test", "smarthost": f"localhost:{postfix.tls_port}",
             "force_implicit_tls": True, "auth_password_file": "password", "auth_password": ""},
            {**{key: starttls[key] for key in ("smarthost", "from", "tls_config", "hello")}, "to": "dora@mail.test",
             "auth_username": "lapwing@mail.test", "auth_secret": "s3cret!", "html": "", "text": "{{ .Status }}"},
        ]},
        # Neither is ever delivered: no TLS is offered in clear, and the password is another.
        {"name": "wrong", "email_configs": [{**starttls, "to": "ann@mail.test", "auth_password": "hush-hush"}]},
    ]


def configure(base, postfix):
    (base / "password").write_text("s3cret!\n")
    config = {"route": {"receiver": "all", "group_wait": "0s", "group_interval": "1s", "repeat_interval": "4h",
                        "routes": [{"matchers": ['job="wrong"'], "receiver": "wrong", "group_wait": "0s"}]},
              "receivers": receivers(postfix)}
    for mail in config["receivers"][0]["email_configs"]:
        if not mail.get("auth_password", "x"):
            del mail["auth_password"]
    (base / "alertmanager.yml").write_text(json.dumps(config))


def post(server, job, **more):
    alert = {"labels": {"alertname": "Größe", "job": job, "severity": "page"},
             "annotations": {"summary": "<Läuft> über & mehr", "long": LONG}, **more}
    status, body = server.request("POST", "/api/v2/alerts", [alert])
    assert status == 200, (status, body)


def parse(mail):
    for line in mail.split(b"\n"):
        assert len(line) <= 998, len(line)  # of RFC 5322
        assert max(line, default=0) < 128, line
    return email.message_from_bytes(mail, policy=email.policy.default)


def lines(part):
    return part.get_content().replace("\r\n", "\n").rstrip("\n")


def check_first(message):
    assert message["Subject"].startswith("Störung – <Läuft> über & mehr sehr lang"), message["Subject"]
    assert message["Subject"].rstrip().endswith("sehr lang"), message["Subject"]
    assert [a.addr_spec for a in message["To"].addresses] == ["ann@mail.test", "ben@mail.test"], message["To"]
    assert message["To"].addresses[1].display_name == "Ben Ödegård", message["To"]
    assert message["From"].addresses[0].addr_spec == "lapwing@mail.test"
    assert (message["X-Severity"], message["Reply-To"]) == ("page", "ops@mail.test")
    assert message["Message-Id"] and message["Date"].datetime.tzinfo, message.items()
    assert "edge.test" in message["Received"] and "with ESMTPSA" in message["Received"], message["Received"]
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    wanted = TEXT.replace("{{ .CommonAnnotations.summary }}", "<Läuft> über & mehr")
    assert lines(text) == wanted.replace("{{ .CommonAnnotations.long }}", LONG), lines(text)
    assert lines(html) == "<p class='x'>&lt;Läuft&gt; über &amp; mehr</p>\n.\n<b>1</b>", lines(html)


def check_defaults(message, status):
    assert message["Subject"].startswith(f"[{status}"), message["Subject"]
    html = message.get_body(("html",)).get_content()
    assert "Größe" in html and "alert" in html, html[:500]


def check_mails(server, postfix):
    post(server, "a")
    wait_for("the first mails", lambda: all(postfix.mails(person) for person in PEOPLE))
    ann, ben = (postfix.mails(person) for person in ("ann", "ben"))
    check_first(parse(ann[0]))
    check_first(parse(ben[0]))
    check_defaults(parse(postfix.mails("cleo")[0]), "FIRING:1")
    dora = parse(postfix.mails("dora")[0])
    parts = list(dora.iter_parts())
    assert [(part.get_content_type(), lines(part)) for part in parts] == [("text/plain", "firing")], dora
    for mechanism in ("PLAIN", "CRAM-MD5"):
        assert f"sasl_method={mechanism}" in postfix.log(), postfix.log()
    post(server, "a", endsAt=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1)))
    wait_for("the mails of the end", lambda: all(len(postfix.mails(p)) == 2 for p in ("ann", "ben", "cleo")))
    check_defaults(parse(postfix.mails("cleo")[1]), "RESOLVED")
    assert len(postfix.mails("dora")) == 1, "send_resolved is false for mail unless asked for"


def check_wrong_password(server, postfix):
    post(server, "wrong")
    wait_for("the refusal", lambda: "SASL" in postfix.log() and "authentication failed" in postfix.log())
    events = wait_for("it in the ledger", lambda: [
        e for e in server.get("/api/v1/alerts/history?filter=job%3D%22wrong%22")["data"]["events"]
        if e["event"] in ("failed", "refused")])
    for shown in (json.dumps(events), server.log(), server.request("GET", "/api/v2/status")[1]):
        assert "hush-hush" not in shown and "s3cret!" not in shown
    assert len(postfix.mails("ann")) == 2


def main():
    if os.geteuid() != 0 or not pathlib.Path(PROGRAMS, "master").exists() or not shutil.which("saslpasswd2"):
        print("skipped: needs root, postfix, sasl2-bin and libsasl2-modules")
        return 77
    with folder() as base:
        base = pathlib.Path(base)
        (base / "postfix").mkdir()
        os.chmod(base, 0o755)
        postfix = Postfix(base / "postfix")
        server = None
        try:
            configure(base, postfix)
            server = lapwing(LAPWING, base).start()
            check_mails(server, postfix)
            check_wrong_password(server, postfix)
        except BaseException:
            print(postfix.log()[-4000:], (postfix.base / "master.out").read_text(), server and server.log()[-3000:])
            raise
        finally:
            if server:
                server.stop()
            postfix.stop()
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
