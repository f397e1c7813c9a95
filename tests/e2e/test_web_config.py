"""web.config.file with curl and openssl: TLS, client certificates, passwords, headers, rate limit, and
changes of the files while the server runs.

    test_web_config.py PATH/TO/lapwing
"""
import crypt
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from web_parts import free_port, lapwing, wait_for

LAPWING = sys.argv[1]
CERTS = pathlib.Path(tempfile.mkdtemp(prefix="lapwing-certs-"))


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=CERTS)


def make_ca(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", 5, "-subj", f"/CN={name}")


def make_certificate(name, sans, usage, ca="ca"):
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", f"/CN={name}")
    (CERTS / "extensions").write_text(f"subjectAltName={sans}\nextendedKeyUsage={usage}\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-days", 5, "-extfile", "extensions", "-out", f"{name}.crt")


def bcrypt(password, rounds=16):
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=rounds))


class Web:
    """A server with a web.config.file; paths in it are relative to its folder."""

    def __init__(self, config, *flags):
        self.server = lapwing(LAPWING, "--web.config.file=FOLDER/web.yml", *flags)
        self.server.arguments = [a.replace("FOLDER", str(self.server.folder))
                                 for a in self.server.arguments]
        for file in filter(pathlib.Path.is_file, CERTS.iterdir()):
            shutil.copy(file, self.server.folder)
        self.server.write("alertmanager.yml", "route: {receiver: r}\nreceivers: [{name: r}]\n")
        self.tls = "tls_server_config" in config
        self.configure(config)
        self.server.start(wait=False)
        wait_for("listening", lambda: "lapwing is ready" in self.server.log())

    def configure(self, config):
        self.server.write("web.yml", config)

    def curl(self, *options, path="/-/ready"):
        """(status, HTTP head) or (0, curl's error)"""
        scheme = "https" if self.tls else "http"
        run = subprocess.run(
            ["curl", "-sS", "-i", "--compressed", "-m", "20", "--cacert", self.server.folder / "ca.crt", *options,
             f"{scheme}://localhost:{self.server.port}{path}"],
            capture_output=True, text=True, cwd=self.server.folder)
        if run.returncode:
            return 0, run.stderr
        return int(run.stdout.split()[1]), run.stdout

    def status(self, *options, path="/-/ready"):
        return self.curl(*options, path=path)[0]

    def stop(self):
        log = self.server.log()
        assert self.server.stop() == 0, log


def test_basic_auth():
    web = Web(f"basic_auth_users:\n  alice: {bcrypt('secret')}\n  bob: {bcrypt('hunter2')}\n")
    status, text = web.curl()
    assert status == 401 and "WWW-Authenticate: Basic" in text and "Unauthorized\n" in text, text
    assert web.status("-u", "alice:secret") == 200
    assert web.status("-u", "bob:hunter2", path="/metrics") == 200
    for user in ("alice:hunter2", "alice:", ":secret", "carol:secret", "alice:secret "):
        assert web.status("-u", user) == 401, user
    for header in ("Basic", "Basic !!!", "Basic YWxpY2U=", "Bearer YWxpY2U6c2VjcmV0", "Basic " + "QQ" * 900):
        assert web.status("-H", f"Authorization: {header}") == 401, header
    # Bodies of strangers are not even read.
    assert web.status("-d", "@" + LAPWING, path="/api/v1/query") == 401
    web.configure(f"basic_auth_users:\n  alice: {bcrypt('changed')}\n")
    assert web.status("-u", "alice:secret") == 401
    assert web.status("-u", "alice:changed") == 200
    # What cannot be used changes nothing, and is mended by itself.
    web.configure("basic_auth_users:\n  alice: plain\n")
    assert web.status("-u", "alice:changed") == 200
    status, text = web.curl("-u", "alice:changed", path="/metrics")
    assert "lapwing_web_config_last_reload_successful 0" in text
    assert "not a bcrypt hash" in web.server.log()
    web.configure("")
    assert web.status() == 200
    web.stop()


def test_password_is_remembered():
    web = Web(f"basic_auth_users: {{alice: {bcrypt('secret', 1 << 11)}}}\n")
    start = time.monotonic()
    assert web.status("-u", "alice:secret") == 200
    first = time.monotonic() - start
    start = time.monotonic()
    for _ in range(5):
        assert web.status("-u", "alice:secret") == 200
    assert time.monotonic() - start < 5 * first, "five known passwords took longer than one new"
    web.stop()


def test_headers():
    web = Web("""http_server_config:
  http2: false
  headers:
    Content-Security-Policy: "default-src 'none'"
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: 1; mode=block
    Strict-Transport-Security: max-age=31536000
""")
    for path in ("/-/ready", "/nowhere", "/api/v1/query?query=up", "/query"):
        text = web.curl(path=path)[1]
        for line in ("Content-Security-Policy: default-src 'none'\n", "X-Frame-Options: deny\n",
                     "X-Content-Type-Options: nosniff\n", "X-XSS-Protection: 1; mode=block\n",
                     "Strict-Transport-Security: max-age=31536000\n"):
            assert text.count(line) == 1, (path, line, text)
        assert text.lower().count("content-security-policy") == 1, text
    web.stop()


def test_rate_limit():
    web = Web("rate_limit: {interval: 1h, burst: 3}\n")
    statuses = [web.status() for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429], statuses
    web.configure("")
    assert web.status() == 200
    web.stop()


def test_tls():
    web = Web("tls_server_config: {cert_file: server.crt, key_file: server.key}\n")
    assert web.status() == 200
    assert web.status("--tls-max", "1.2") == 200
    assert web.status("--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0") == 0
    assert web.status("--http2") == 200  # agrees on 1.1
    query = web.curl("--data-urlencode", "query=vector(1)", path="/api/v1/query")[1]
    assert '"value":[' in query, query
    # Many requests over one connection, large bodies both ways.
    big = web.server.folder / "big"
    big.write_text("query=" + "%2B".join(["1"] * 900) + "&padding=" + "x" * 3000000)
    status, text = web.curl("-H", "Expect:", "-d", f"@{big}", path="/api/v1/query")
    assert status == 200, text
    assert subprocess.run(["curl", "-sS", "http://localhost:%d/" % web.server.port],
                          capture_output=True).returncode != 0
    # A renewed certificate is for the next connection.
    before = served_certificate(web)
    shutil.copy(web.server.folder / "renewed.key", web.server.folder / "server.key")
    assert served_certificate(web) == before  # the key does not fit yet
    shutil.copy(web.server.folder / "renewed.crt", web.server.folder / "server.crt")
    wait_for("the new certificate", lambda: served_certificate(web) != before)
    assert web.status() == 200
    # TLS itself stays.
    web.configure("basic_auth_users: {}\n")
    assert web.status() == 200
    assert "without a restart" in web.server.log()
    web.stop()


def served_certificate(web):
    run = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{web.server.port}"],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return run.stdout.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0]


def test_tls_choices():
    for choice, good, bad in (
            ("min_version: TLS13", [["--tlsv1.3"]], [["--tls-max", "1.2"]]),
            ("max_version: TLS12", [["--tlsv1.2"]], [["--tlsv1.3"]]),
            ("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]",
             [["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES256-GCM-SHA384"], ["--tlsv1.3"]],
             [["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES128-GCM-SHA256"]]),
            ("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]",
             [["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES128-SHA@SECLEVEL=0"]],
             [["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES128-GCM-SHA256"]]),
            ("curve_preferences: [CurveP384]", [["--curves", "P-384"]], [["--curves", "P-256"]])):
        web = Web("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  "
                  + choice + "\n")
        for options in good:
            assert web.status(*options) == 200, (choice, options, web.curl(*options))
        for options in bad:
            assert web.status(*options) == 0, (choice, options)
        web.stop()


def test_client_certificates():
    base = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_auth_type: "
    mine = ["--cert", "client.crt", "--key", "client.key"]
    other = ["--cert", "stranger.crt", "--key", "stranger.key"]
    ca = "\n  client_ca_file: ca.crt\n"
    for config, none, known, stranger in (
            ("RequestClientCert\n", 200, 200, 200),
            ("RequireAnyClientCert\n", 0, 200, 200),
            ("VerifyClientCertIfGiven" + ca, 200, 200, 0),
            ("RequireAndVerifyClientCert" + ca, 0, 200, 0),
            ("RequireAndVerifyClientCert" + ca + "  client_allowed_sans: [alice.example]\n", 0, 200, 0),
            ("RequireAndVerifyClientCert" + ca + "  client_allowed_sans: [x, 10.0.0.7]\n", 0, 200, 0),
            ("RequireAndVerifyClientCert" + ca + "  client_allowed_sans: [alice]\n", 0, 0, 0)):
        web = Web(base + config)
        for version in ("1.2", "1.3"):
            got = [web.status("--tls-max", version, *options) for options in ([], mine, other)]
            assert got == [none, known, stranger], (config, version, got)
        web.stop()


def test_command_line():
    """lapwing alerts reaches a server that asks for a certificate and a password."""
    config = ("tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt, "
              f"client_auth_type: RequireAndVerifyClientCert}}\nbasic_auth_users: {{alice: {bcrypt('secret')}}}\n")
    web = Web(config, "--alertmanager.config.file=FOLDER/alertmanager.yml")
    web.server.write("http.yml", "basic_auth: {username: alice, password: secret}\n"
                     "tls_config: {ca_file: ca.crt, cert_file: client.crt, key_file: client.key}\n")
    web.server.write("wrong.yml", "basic_auth: {username: alice}\ntls: {}\n")

    def alerts(*options):
        run = subprocess.run([LAPWING, "alerts", "history", f"--url=https://localhost:{web.server.port}", *options,
                              "alertname=x"], capture_output=True, text=True, cwd=web.server.folder)
        return run.returncode, run.stdout + run.stderr
    status, output = alerts("--http.config.file=http.yml")
    assert status == 0 and '"events":[]' in output, output
    assert alerts()[0] == 1
    status, output = alerts("--http.config.file=wrong.yml")
    assert status == 1 and "wrong.yml:2:1: " in output, output
    web.stop()


def check(text):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lapwing-check-"))
    for file in filter(pathlib.Path.is_file, CERTS.iterdir()):
        shutil.copy(file, folder)
    (folder / "web.yml").write_text(text)
    run = subprocess.run([LAPWING, "check", "web-config", "web.yml"], capture_output=True, text=True,
                         cwd=folder)
    shutil.rmtree(folder)
    return run.returncode, run.stdout + run.stderr


def test_check():
    assert check("tls_server_config: {cert_file: server.crt, key_file: server.key}\n") == (
        0, "web.yml SUCCESS\n")
    assert check("") == (0, "web.yml SUCCESS\n")
    for text, part in (
            ("tls_server_config: {cert_file: nowhere.crt, key_file: server.key}", "nowhere.crt"),
            ("tls_server_config: {cert_file: server.crt, key_file: renewed.key}", "server.crt: cannot use"),
            ("tls_server_config: {cert_file: server.crt}", "web.yml:1:20: missing one of key"),
            ("tls_server_config: {cert_file: server.crt, key_file: server.key, client_ca_file: server.key, "
             "client_auth_type: RequireAndVerifyClientCert}", "client CA"),
            ("basic_auth_user: {}", "basic_auth_user"),
            ("basic_auth_users: {a: b}", "web.yml:1:23: the password of user \"a\" is not a bcrypt hash")):
        status, output = check(text)
        assert status == 1 and output.startswith("web.yml FAILED: ") and part in output, (text, output)
    run = subprocess.run([LAPWING, "--web.config.file=/nowhere.yml", f"--storage.path={CERTS}/data",
                          f"--web.listen-address=127.0.0.1:{free_port()}"], capture_output=True, text=True)
    assert run.returncode == 1 and "/nowhere.yml" in run.stderr, run.stderr


def test_promtool_agrees():
    """What Debian's promtool takes and refuses is taken and refused."""
    pair = "cert_file: server.crt, key_file: server.key"
    hashed, differ = bcrypt("x"), []
    for text in (
            "", "{}", "tls_server_config: {}", "tls_server_config:", f"tls_server_config: {{{pair}}}",
            f"tls_server_config: {{{pair}, client_auth_type: NoClientCert}}",
            f"tls_server_config: {{{pair}, client_auth_type: RequireAnyClientCert}}",
            f"tls_server_config: {{{pair}, client_auth_type: RequireClientCert}}",
            f"tls_server_config: {{{pair}, client_auth_type: ''}}",
            f"tls_server_config: {{{pair}, client_auth_type: nonsense}}",
            f"tls_server_config: {{{pair}, client_ca_file: ca.crt}}",
            f"tls_server_config: {{{pair}, client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert}}",
            f"tls_server_config: {{{pair}, client_ca_file: nowhere, client_auth_type: RequireAndVerifyClientCert}}",
            "tls_server_config: {cert_file: server.crt}", "tls_server_config: {key_file: server.key}",
            "tls_server_config: {cert_file: nowhere, key_file: server.key}",
            "tls_server_config: {cert_file: server.crt, key_file: renewed.key}",
            "tls_server_config: {cert_file: server.key, key_file: server.crt}",
            f"tls_server_config: {{{pair}, min_version: TLS12}}", f"tls_server_config: {{{pair}, min_version: TLS14}}",
            f"tls_server_config: {{{pair}, max_version: TLS11, min_version: TLS10}}",
            f"tls_server_config: {{{pair}, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}}",
            f"tls_server_config: {{{pair}, cipher_suites: [TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256]}}",
            f"tls_server_config: {{{pair}, cipher_suites: [TLS_RSA_WITH_AES_256_CBC_SHA]}}",
            f"tls_server_config: {{{pair}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}}",
            f"tls_server_config: {{{pair}, cipher_suites: [nonsense]}}", f"tls_server_config: {{{pair}, cipher_suites: []}}",
            f"tls_server_config: {{{pair}, curve_preferences: [X25519, CurveP521]}}",
            f"tls_server_config: {{{pair}, curve_preferences: [P-256]}}",
            f"tls_server_config: {{{pair}, prefer_server_cipher_suites: false}}",
            f"tls_server_config: {{{pair}, unheard_of: 1}}", "tls_server_config: [a]", "nonsense", "unheard_of: 1", "a: [",
            "http_server_config: {http2: false}", "http_server_config: {http2: maybe}", "http_server_config: {http3: true}",
            "http_server_config: {headers: {X-Frame-Options: deny}}", "http_server_config: {headers: {X-Frame-Options: x}}",
            "http_server_config: {headers: {X-Content-Type-Options: nosniff}}",
            "http_server_config: {headers: {Strict-Transport-Security: anything}}",
            "http_server_config: {headers: {Server: x}}", "http_server_config: {headers: {}}",
            f"basic_auth_users: {{alice: {hashed}}}", "basic_auth_users: {alice: plain}", "basic_auth_users: {}",
            f"basic_auth_users: {{alice: {hashed}, bob: ''}}"):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="lapwing-check-"))
        for file in filter(pathlib.Path.is_file, CERTS.iterdir()):
            shutil.copy(file, folder)
        (folder / "web.yml").write_text(text)
        theirs, ours = (subprocess.run([*tool, "check", "web-config", "web.yml"], capture_output=True, text=True, cwd=folder)
                        for tool in (["promtool"], [LAPWING]))
        shutil.rmtree(folder)
        if ours.returncode != theirs.returncode:
            differ.append((text, ours.stdout + ours.stderr, theirs.stdout + theirs.stderr))
    assert not differ, differ


def main():
    make_ca("ca")
    make_ca("otherca")
    make_certificate("server", "DNS:localhost,IP:127.0.0.1", "serverAuth")
    make_certificate("renewed", "DNS:localhost", "serverAuth")
    make_certificate("client", "DNS:alice.example,IP:10.0.0.7", "clientAuth")
    make_certificate("stranger", "DNS:alice.example", "clientAuth", ca="otherca")
    try:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test()
                print(name, "passed", flush=True)
    finally:
        shutil.rmtree(CERTS, ignore_errors=True)


main()
