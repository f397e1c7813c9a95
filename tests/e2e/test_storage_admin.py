"""Moving in from a Prometheus, moving samples as text, and what an administrator does with a store,
with Debian's prometheus and promtool beside it.

    test_storage_admin.py PATH/TO/lapwing
"""
import fcntl
import math
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

import snappy

from web_parts import field, lapwing, prometheus, remote_write, varint, wait_for

LAPWING = sys.argv[1]
NOW_MS = int(time.time()) * 1000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7ff0000000000002))[0]
LATE = "storage:\n  tsdb:\n    out_of_order_time_window: 2h\n"


def tool(*arguments, status=0, stdin=None):
    done = subprocess.run([LAPWING, "storage", *map(str, arguments)], capture_output=True, text=True,
                          stdin=stdin)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done


def promtool(*arguments):
    done = subprocess.run(["promtool", "tsdb", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return sorted(line for line in done.stdout.splitlines() if line)


def bits(text):
    return struct.unpack("<Q", struct.pack("<d", float(text)))[0]


def samples(server, selector="{__name__=~\".+\"}", before="3h"):
    """{(labels, t_ms, text of the value)} by the API; staleness markers are not among them."""
    answer = server.post("/api/v1/query", query=f"{selector}[{before}]", time=NOW_MS / 1000 + 60)
    assert answer.status == 200, answer.text
    return {(tuple(sorted(s["metric"].items())), round(t * 1000), bits(v))
            for s in answer.json["data"]["result"] for t, v in s["values"]}


LINE = re.compile(r"\{(.*)\} (\S+) (-?\d+)$")
PAIR = re.compile(r"(\w+)=\"([^\"]*)\"")


def dumped(path, *options):
    out = set()
    for line in tool("dump", path, *options).stdout.splitlines():
        pairs, value, t_ms = LINE.match(line).groups()
        out.add((tuple(sorted(PAIR.findall(pairs))), int(t_ms), bits(value)))
    return out


def series_at(moment, step):
    """Counters, gauges, constants and oddities; 40 series."""
    rng = random.Random(step)
    for n in range(40):
        value = [step, round(rng.random() * 100, 2), rng.random(), 5, -0.0 if step % 2 else math.inf][n % 5]
        yield {"__name__": f"m{n % 7}", "n": str(n), "job": "j"}, [(moment + n * 7, float(value))]


def native_histogram(t_ms, count):
    def zigzag(value):
        return varint(value << 1 if value >= 0 else ~(value << 1))
    return (field(1, 0, varint(count)) + field(3, 1, struct.pack("<d", 5.0 * count)) + field(4, 0, zigzag(1)) +
            field(5, 1, struct.pack("<d", 1e-9)) + field(6, 0, varint(0)) +
            field(11, 2, field(1, 0, zigzag(0)) + field(2, 0, varint(1))) + field(12, 2, zigzag(count)) +
            field(15, 0, varint(t_ms)))


def send_native_histogram(server, t_ms, count):
    body = field(1, 2, field(1, 2, b"__name__") + field(2, 2, b"native")) + field(
        4, 2, native_histogram(t_ms, count))
    server.call("POST", "/api/v1/write", snappy.compress(field(1, 2, body)),
                {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"})


def run_prometheus(folder, ending, *flags):
    """Fills a data folder with blocks, a checkpoint, a log, late samples, tombstones and native
    histograms. Returns what its API said before it was stopped."""
    server = prometheus("--web.enable-remote-write-receiver", "--web.enable-admin-api",
                        "--enable-feature=native-histograms", "--storage.tsdb.min-block-duration=10m",
                        "--storage.tsdb.max-block-duration=1h", "--storage.tsdb.retention.time=10y",
                        *flags, config=LATE).start()
    start = NOW_MS - 3600_000
    for step in range(240):
        moment = start + step * 15000
        remote_write(server, series_at(moment, step))
        if step % 10 == 3:
            remote_write(server, [({"__name__": "m1", "n": "1", "job": "j"}, [(moment - 300_001, 0.5)])])
        if step % 20 == 7:
            remote_write(server, [({"__name__": "ends", "s": "x"}, [(moment, STALE if step > 200 else 1.5)])])
        send_native_histogram(server, moment, step)
    time.sleep(1)
    for selector, first, last in (("m3", 600, 1500), ("m4{n=\"4\"}", 3000, 3300)):
        answer = server.post("/api/v1/admin/tsdb/delete_series", **{
            "match[]": selector, "start": start / 1000 + first, "end": start / 1000 + last})
        assert answer.status == 204, answer.text
    seen = samples(server, "{__name__=~\"m.|ends\"}")
    server.process.send_signal(ending)
    server.process.wait()
    shutil.copytree(server.folder / "data", folder)
    server.stop()
    assert any(re.fullmatch("[0-9A-Z]{26}", name) for name in os.listdir(folder))
    return seen


def test_prometheus(work, ending, *flags):
    source, store = work / "prometheus", work / "store"
    seen = run_prometheus(source, ending, *flags)
    said = tool("import", "prometheus", source, f"--storage.path={store}")
    assert "samples that were deleted" in said.stdout and "native histograms" in said.stdout, said.stdout
    assert re.search("native histograms are not supported yet: .* skipped: native$", said.stderr, re.M), said.stderr
    tool("verify", store)
    got = dumped(store)
    stale = {s for s in got if s[2] == bits("nan")}
    assert len(stale) == 2 or not stale, stale
    assert got - stale == seen, (len(got), len(seen), list(seen - got)[:3], list(got - stale - seen)[:3])
    # A server takes it from there, and the marker is one: the series has ended.
    server = start_lapwing(store)
    assert samples(server) == seen
    ended = server.get("/api/v1/query", query="ends", time=NOW_MS / 1000 - 1)
    assert ended.json["data"]["result"] == [], ended.text
    remote_write(server, series_at(NOW_MS + 1000, 1000))
    assert len(samples(server, before="4h")) == len(seen) + 40
    stop(server)
    shutil.rmtree(source)
    shutil.rmtree(store)


def test_damaged_block(work):
    source = work / "prometheus"
    text = work / "h.om"
    with open(text, "w") as out:
        for i in range(400):
            out.write(f"history{{a=\"b\"}} {i} {NOW_MS // 1000 - 40000 + i * 60}\n")
        out.write("# EOF\n")
    promtool("create-blocks-from", "openmetrics", text, source)
    blocks = sorted(os.listdir(source))
    (source / "wal").mkdir()
    assert len(blocks) > 2
    for name, offset in (("chunks/000001", -9), ("index", -60)):
        path = source / blocks[1] / name
        sound = path.read_bytes()
        path.write_bytes(sound[:offset] + bytes([sound[offset] ^ 1]) + sound[offset + 1:])
        store = work / "store"
        said = tool("import", "prometheus", source, f"--storage.path={store}", status=1)
        assert f"block {blocks[1]}: " in said.stderr and "is skipped" in said.stderr, said.stderr
        assert "1 blocks are damaged" in said.stdout
        path.write_bytes(sound)
        part = dumped(store)
        assert 100 < len(part) < 400
        shutil.rmtree(store)
    lock = open(source / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    said = tool("import", "prometheus", source, f"--storage.path={work / 'store'}", status=1)
    assert "running Prometheus" in said.stderr, said.stderr
    lock.close()
    said = tool("import", "prometheus", work, "--storage.path", work / "store", status=1)
    assert "no data of Prometheus" in said.stderr
    shutil.rmtree(source)


def start_lapwing(store, *flags, config="global: {}\n"):
    server = lapwing(LAPWING, "--web.enable-remote-write-receiver", "--web.enable-admin-api",
                     "--storage.retention.time=10y", *flags, config=config)
    server.arguments = [a.replace(f"{server.folder}/data", str(store)) for a in server.arguments]
    return server.start()


def stop(server):
    assert server.stop() == 0


def test_openmetrics(work):
    store, again, blocks = work / "store", work / "again", work / "blocks"
    server = start_lapwing(store)
    for step in range(100):
        remote_write(server, series_at(NOW_MS - 3_000_000 + step * 15007, step))
    remote_write(server, [({"__name__": "odd_total", "text": "a\"b\\c\nd é"},
                           [(NOW_MS - 1001, STALE), (NOW_MS - 999, float("nan")), (NOW_MS, 1e-9)])])
    live = tool("export", store).stdout
    stop(server)
    text = tool("export", store).stdout
    assert text == live, "the same while it runs"
    assert text.endswith("# EOF\n") and text.count("\n") > 4000
    (work / "text").write_text(text)
    said = tool("import", "openmetrics", work / "text", f"--storage.path={again}").stdout
    assert said.startswith("Stored 4003 samples of 41 series"), said
    assert tool("export", again).stdout == text
    assert tool("dump", again).stdout == tool("dump", store).stdout
    # What prometheus makes of it is the same, times to the millisecond.
    promtool("create-blocks-from", "openmetrics", work / "text", blocks)
    (blocks / "wal").mkdir()
    assert promtool("dump", blocks) == sorted(tool("dump", store).stdout.splitlines())
    shutil.rmtree(again)
    with open(work / "text") as piped:
        tool("import", "openmetrics", "-", "--storage.path", again, stdin=piped)
    assert tool("export", again).stdout == text
    # Parts of it.
    part = tool("export", again, "--match=m1", "--match={n=\"2\"}",
                f"--start={(NOW_MS - 2_900_000) / 1000}", f"--end={(NOW_MS - 2_800_000) / 1000}").stdout
    assert 0 < part.count("\n") < 60 and all(
        line.startswith(("m1{", "m2{", "#")) for line in part.splitlines()), part
    # Twice the same is the same; a text with a mistake leaves nothing.
    tool("import", "openmetrics", work / "text", f"--storage.path={again}")
    assert tool("export", again).stdout == text
    for bad, expected in (("a 1\n# EOF\n", "expected a timestamp"), ("a 1 5\n", "does not end with # EOF"),
                          ("a{ 1 5\n# EOF\n", "line 1"), (f"a 1 {NOW_MS}\n# EOF\n", "in the future")):
        (work / "text").write_text(bad)
        said = tool("import", "openmetrics", work / "text", f"--storage.path={again}", status=1)
        assert expected in said.stderr and "text" in said.stderr, said.stderr
    assert tool("export", again).stdout == text
    for folder in (store, again, blocks):
        shutil.rmtree(folder)


def test_inspect_and_verify(work):
    store = work / "store"
    server = start_lapwing(store)
    for step in range(60):
        remote_write(server, series_at(NOW_MS - 3_000_000 + step * 15000, step))
    said = tool("inspect", store).stdout
    assert "A server has the folder open" in said and "40 series" in said and "2400 samples" in said, said
    tool("verify", store)
    refused = tool("import", "openmetrics", "/dev/null", f"--storage.path={store}", status=1)
    assert "/dev/null" in refused.stderr
    (work / "empty").write_text("# EOF\n")
    refused = tool("import", "openmetrics", work / "empty", f"--storage.path={store}", status=1)
    assert "in use by another process" in refused.stderr, refused.stderr
    stop(server)
    (work / "old").write_text(f"old 1 {NOW_MS / 1000 - 9000}\nold 2 {NOW_MS / 1000 - 8000}\n# EOF\n")
    tool("import", "openmetrics", work / "old", f"--storage.path={store}")
    said = tool("inspect", store).stdout
    assert "A server" not in said and "2402 samples" in said and "\nold " in said, said
    tool("verify", store)
    for name in (n for n in os.listdir(store) if n.endswith(".lmdb")):
        path, found = store / name, 0
        sound = path.read_bytes()
        # Not every byte counts: pages have room that nothing is in, and heads of their own.
        used = [at for at, byte in enumerate(sound) if byte]
        for at in random.Random(1).sample(used, 40):
            path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x20]) + sound[at + 1:])
            done = subprocess.run([LAPWING, "storage", "verify", store], capture_output=True, text=True)
            assert done.returncode in (0, 1) and (done.returncode == 0 or name in done.stderr), done.stderr
            found += done.returncode
        path.write_bytes(sound[:len(sound) // 2])
        assert name in tool("verify", store, status=1).stderr
        path.write_bytes(sound)
        assert found, name
    tool("verify", store)
    said = tool("inspect", work / "nothing", status=1)
    assert "no store" in said.stderr
    shutil.rmtree(store)


def overwrite(path, at, what):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(what)


# A sector of values gone bad costs those values; tools and a server that starts with it go on with the rest.
def test_damaged_day(work):
    text, store = work / "text", work / "store"
    rng = random.Random(7)
    start = NOW_MS // 1000 - 3 * 86400
    with open(text, "w") as out:
        for series in range(10):
            out.writelines(f"noise{{n=\"{series}\"}} {rng.random()} {start + i * 120}\n" for i in range(2000))
        out.write("# EOF\n")
    tool("import", "openmetrics", text, f"--storage.path={store}")
    days = sorted(store.glob("day-*"))
    assert len(days) > 2
    overwrite(days[1], days[1].stat().st_size // 2, b"\xff" * 512)
    for command in ("dump", "export", "inspect"):
        done = tool(command, store, status=1)
        assert days[1].name in done.stderr and len(done.stdout.splitlines()) > 10, done.stderr
    left = len(tool("dump", store, status=1).stdout.splitlines())
    assert 20000 * 0.6 < left < 20000, left
    assert days[1].name in tool("verify", store, status=1).stderr
    assert "no store" in tool("verify", work, status=1).stderr
    server = start_lapwing(store)
    count = lambda: sum(int(s["value"][1]) for s in server.get(
        "/api/v1/query", query="count_over_time(noise[10d])", time=NOW_MS / 1000).json["data"]["result"])
    assert count() == left, "the first query is answered from the rest"
    wait_for("setting aside", lambda: (store / (days[1].name + ".corrupt")).exists())
    assert "lapwing_storage_corrupt_windows_total 1" in server.get("/metrics").text
    assert days[1].name in server.log() and "samples are left" in server.log(), server.log()
    assert count() == left
    stop(server)
    assert len(tool("dump", store).stdout.splitlines()) == left
    shutil.rmtree(store)


def delete(server, status=204, **parameters):
    answer = server.post("/api/v1/admin/tsdb/delete_series", **parameters)
    assert answer.status == status, (answer.status, answer.text)
    return answer


def test_delete(work):
    store = work / "store"
    server = start_lapwing(store)
    start = NOW_MS - 3_000_000
    for step in range(100):
        remote_write(server, series_at(start + step * 15000, step))
    before = samples(server)

    def graph():
        return server.get("/api/v1/query_range", query="sum by (__name__) (rate({__name__=~\"m[012]\"}[1m]))",
                          start=start / 1000, end=(start + 1_500_000) / 1000, step=15).json["data"]["result"]

    whole = [graph(), graph()][1]
    first, last = start + 300_000, start + 600_000
    delete(server, **{"match[]": ["m1", "m2{n=\"2\"}"], "start": first / 1000, "end": last / 1000})

    def hit(sample):
        labels = dict(sample[0])
        chosen = labels["__name__"] == "m1" or (labels["__name__"] == "m2" and labels["n"] == "2")
        return chosen and first <= sample[1] <= last

    left = {s for s in before if not hit(s)}
    assert 0 < len(left) < len(before)
    assert samples(server) == left, "at once"
    now = graph()
    assert now != whole, "results that were kept are made anew"
    # The answer was given: it is on disk.
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server.start()
    assert samples(server) == left, "after kill -9"
    assert graph() == now
    delete(server, **{"match[]": "m5"})
    left = {s for s in left if dict(s[0])["__name__"] != "m5"}
    assert samples(server) == left
    names = server.get("/api/v1/series", **{"match[]": "m5"})
    assert names.json["data"] == [], names.text
    remote_write(server, [({"__name__": "m5", "n": "5", "job": "j"}, [(NOW_MS, 3.0)])])
    assert len(samples(server, "m5")) == 1, "what comes later is there"
    answer = server.call("PUT", "/api/v1/admin/tsdb/clean_tombstones")
    assert answer.status == 204 and not answer.body, answer.text
    assert len(samples(server)) == len(left) + 1
    stop(server)
    assert len(dumped(store)) == len(left) + 1
    # An import on top of what was deleted, and a cleaning of files.
    (work / "m5").write_text(f"m5{{n=\"5\",job=\"j\"}} 9 {first / 1000}\n# EOF\n")
    tool("import", "openmetrics", work / "m5", f"--storage.path={store}")
    server = start_lapwing(store)
    assert len(samples(server)) == len(left) + 2, "what was imported after the deletion is seen"
    delete(server, **{"match[]": "{__name__=~\"m[01]\"}"})
    left = {s for s in samples(server)}
    files = sorted(n for n in os.listdir(store) if n.endswith(".lmdb"))
    assert server.post("/api/v1/admin/tsdb/clean_tombstones").status == 204
    assert samples(server) == left and files != sorted(n for n in os.listdir(store) if n.endswith(".lmdb"))
    tool("verify", store)
    stop(server)
    assert dumped(store) == left
    shutil.rmtree(store)


def test_admin_errors(work):
    server = start_lapwing(work / "store")
    for path, parameters, status, text in (
            ("delete_series", {}, 400, "no match[] parameter provided"),
            ("delete_series", {"match[]": "a{"}, 400, "invalid parameter \"match[]\": "),
            ("delete_series", {"match[]": "a", "start": "x"}, 400, "invalid parameter \"start\": "),
            ("snapshot", {"skip_head": "x"}, 400, "invalid parameter \"skip_head\": unable to parse boolean")):
        answer = server.post("/api/v1/admin/tsdb/" + path, **parameters)
        assert answer.status == status and answer.json["error"].startswith(text), answer.text
        assert answer.json["errorType"] == "bad_data"
    assert server.get("/api/v1/admin/tsdb/snapshot").status == 405
    stop(server)
    server = lapwing(LAPWING, config="global: {}\n").start()
    for name in ("delete_series", "clean_tombstones", "snapshot"):
        answer = server.post("/api/v1/admin/tsdb/" + name, **{"match[]": "a"})
        assert answer.status == 503 and answer.json == {
            "status": "error", "errorType": "unavailable", "error": "admin APIs disabled"}, answer.text
    stop(server)
    shutil.rmtree(work / "store")


def test_snapshot(work):
    store = work / "store"
    (work / "old").write_text("".join(f"old{{n=\"{n}\"}} {n} {NOW_MS / 1000 - 20000 + n}\n" for n in range(50)) +
                              "# EOF\n")
    tool("import", "openmetrics", work / "old", f"--storage.path={store}")
    server = start_lapwing(store)
    sent, done = [], threading.Event()

    def ingest():
        step = 0
        while not done.is_set():
            batch = list(series_at(NOW_MS - 3_000_000 + step * 1000, step))
            remote_write(server, batch)
            sent.append(batch)
            step += 1

    writer = threading.Thread(target=ingest)
    writer.start()
    wait_for("samples", lambda: len(sent) > 20)
    least = len(sent)
    answer = server.post("/api/v1/admin/tsdb/snapshot")
    most = len(sent) + 1
    assert answer.status == 200 and answer.json["status"] == "success", answer.text
    name = answer.json["data"]["name"]
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{16}", name), name
    wait_for("more", lambda: len(sent) > most + 20)
    bare = server.post("/api/v1/admin/tsdb/snapshot", skip_head="true").json["data"]["name"]
    done.set()
    writer.join()
    tool("verify", store / "snapshots" / name)
    copy = start_lapwing(store / "snapshots" / name)
    got = samples(copy, before="6h")
    stop(copy)
    old = {s for s in got if dict(s[0])["__name__"] == "old"}
    assert len(old) == 50
    batches = (len(got) - 50) / 40
    assert batches == int(batches) and least <= batches <= most, (least, batches, most)
    expected = {(tuple(sorted(labels.items())), t_ms, bits(value))
                for batch in sent[:int(batches)] for labels, ((t_ms, value),) in batch}
    assert got - old == expected, "whole batches, in order"
    assert dumped(store / "snapshots" / bare) == old, "without the head"
    assert len(samples(server, before="6h")) == 50 + 40 * len(sent), "the store went on"
    # The snapshot is on its own: what the store drops stays in it.
    delete(server, **{"match[]": "old"})
    assert server.post("/api/v1/admin/tsdb/clean_tombstones").status == 204
    stop(server)
    assert len(dumped(store / "snapshots" / name)) == len(got)
    shutil.rmtree(store)


def test_usage():
    done = subprocess.run([LAPWING, "storage"], capture_output=True, text=True)
    assert done.returncode == 2 and "lapwing storage import" in done.stderr
    for arguments in (("import", "prometheus"), ("dump", "a", "b"), ("export", "--match=a{"),
                      ("export", "--start=x"), ("inspect", "--what=1"), ("import", "x", "y")):
        done = subprocess.run([LAPWING, "storage", *arguments], capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr, arguments


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="storage-admin-"))
    try:
        test_usage()
        test_admin_errors(work)
        test_openmetrics(work)
        test_inspect_and_verify(work)
        test_damaged_day(work)
        test_delete(work)
        test_snapshot(work)
        test_damaged_block(work)
        test_prometheus(work, signal.SIGKILL)
        test_prometheus(work, signal.SIGTERM, "--no-storage.tsdb.wal-compression")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
