"""The servers that are measured: how each is started, what /proc tells of it, and when it is settled."""
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def lapwing_arguments(program, folder, port):
    return [program, f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver", f"--config.file={folder}/prometheus.yml"]


def prometheus_arguments(program, folder, port):
    return [program, f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver", f"--config.file={folder}/prometheus.yml",
            "--storage.tsdb.retention.time=15d"]


def victoria_arguments(program, folder, port):
    return [program, f"-storageDataPath={folder}/data", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=1"]


# name: program, arguments, package
KINDS = {
    "lapwing": (None, lapwing_arguments, None),
    "prometheus": ("prometheus", prometheus_arguments, "prometheus"),
    "victoria-metrics": ("victoria-metrics", victoria_arguments, "victoria-metrics"),
}
PEERS = ("prometheus", "victoria-metrics")


def version_of(name, lapwing):
    """What --version says of Lapwing; of the others their package's name and version."""
    package = KINDS[name][2]
    command = ["dpkg-query", "-W", "-f", "${Package} ${Version}", package] if package else [lapwing, "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")[0]


class Server:
    """A server of one kind with its data in a folder of its own; start() and stop() may be repeated."""

    def __init__(self, name, folder, lapwing):
        program, self.arguments, _ = KINDS[name]
        self.name, self.program = name, program or lapwing
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "prometheus.yml").write_text("{}\n")
        self.process = None

    def version(self):
        return version_of(self.name, self.program)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self, wait=True):
        self.port = free_port()
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.arguments(self.program, self.folder, self.port),
                                            stdout=log, stderr=log)
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=60):
        path = "/health" if self.name == "victoria-metrics" else "/-/ready"
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.get(path)
            except OSError as fault:
                if self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended with {self.process.returncode}: see {self.folder}/log") \
                        from fault
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} is not ready after {seconds} s: {fault}") from fault
                time.sleep(0.002)

    def get(self, path, **parameters):
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        with urllib.request.urlopen(self.url + path + query, timeout=60) as answer:
            return answer.read().decode()

    def query(self, expr, at):
        """The values of an instant query at a Unix time."""
        answer = json.loads(self.get("/api/v1/query", query=expr, time=at))
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def stop(self, how=signal.SIGTERM):
        if not self.process or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def proc(self, file):
        return pathlib.Path(f"/proc/{self.process.pid}/{file}").read_text()

    def status_mib(self, key):
        for line in self.proc("status").splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
        return 0.0

    def cpu_seconds(self):
        fields = self.proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def bytes_written(self):
        for line in self.proc("io").splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
        return 0

    def disk_bytes(self):
        """Allocated blocks of its data folder."""
        total = 0
        for folder, _, files in os.walk(self.folder / "data"):
            for file in files:
                try:
                    total += os.lstat(os.path.join(folder, file)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total

    def settle(self, quiet=20, limit=240):
        """Waits until its disk use and what it has written stay as they are; returns the seconds that took."""
        start = last = time.monotonic()
        seen = None
        while time.monotonic() - last < quiet and time.monotonic() - start < limit:
            now = (self.disk_bytes(), self.bytes_written() >> 16)
            if now != seen:
                seen, last = now, time.monotonic()
            time.sleep(0.5)
        return time.monotonic() - start - quiet


def scratch_folder():
    """A folder on a real disk: BENCH_DIR, or the system's place for temporary files."""
    return pathlib.Path(tempfile.mkdtemp(prefix="lapwing-bench-", dir=os.environ.get("BENCH_DIR")))


def machine():
    model = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return f"{os.cpu_count()} x {model[0] if model else platform.machine()}, {memory} MiB, Linux {platform.release()}"
