"""Remote read: a prometheus that reads what only Lapwing has, and messages made by hand.

    test_remote_read.py PATH/TO/lapwing
"""
import json
import math
import struct
import sys
import time

import snappy

from web_parts import field, lapwing, prometheus, remote_write, varint

LAPWING = sys.argv[1]
NOW_MS = int(time.time()) * 1000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7ff0000000000002))[0]


def fields(message):
    at = 0

    def take():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(message):
        key = take()
        if key & 7 == 0:
            yield key >> 3, take()
        elif key & 7 == 1:
            yield key >> 3, message[at:at + 8]
            at += 8
        else:
            size = take()
            yield key >> 3, message[at:at + size]
            at += size


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def matcher(kind, name, value):
    return field(1, 0, varint(kind)) + field(2, 2, name.encode()) + field(3, 2, value.encode())


def query(start, end, *matchers):
    return field(1, 0, varint(start)) + field(2, 0, varint(end)) + b"".join(
        field(3, 2, m) for m in matchers) + field(4, 2, field(1, 0, varint(60000)) + field(3, 0, varint(start)) +
                                                  field(4, 0, varint(end)))


def send(server, message, compressed=True):
    return server.call("POST", "/api/v1/read", snappy.compress(message) if compressed else message,
                       {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
                        "Accept-Encoding": "gzip", "X-Prometheus-Remote-Read-Version": "0.1.0"})


def read(server, *queries, types=b""):
    answer = send(server, b"".join(field(1, 2, q) for q in queries) + types)
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert answer.headers["Content-Encoding"] == "snappy"
    results = []
    for _, result in fields(snappy.decompress(answer.body)):
        series = []
        for _, one in fields(result):
            labels, samples = [], []
            for number, part in fields(one):
                inner = dict(fields(part))
                if number == 1:
                    labels.append((inner[1].decode(), inner[2].decode()))
                else:
                    samples.append((signed(inner[2]), struct.unpack("<d", inner[1])[0]))
            assert labels == sorted(labels)
            series.append((dict(labels), samples))
        results.append(series)
    return results


def load(server):
    times = [NOW_MS - 600000 + i * 15000 for i in range(40)]
    remote_write(server, [
        ({"__name__": "rr_total", "job": job, "instance": str(i)}, [(t, n * i + 0.25) for n, t in enumerate(times)])
        for job in ("a", "b") for i in range(1, 4)])
    remote_write(server, [({"__name__": "odd"}, [(NOW_MS - 5000, math.inf), (NOW_MS - 4000, math.nan),
                                                 (NOW_MS - 3000, STALE)])])
    return times


def test_by_hand(server, times):
    first, last = times[0], times[-1]
    [series] = read(server, query(first, last, matcher(0, "__name__", "rr_total"), matcher(0, "job", "a")))
    assert [s[0] for s in series] == [
        {"__name__": "rr_total", "cluster": "edge", "instance": str(i), "job": "a"} for i in range(1, 4)]
    assert series[1][1] == [(t, n * 2 + 0.25) for n, t in enumerate(times)]
    # Both ends are in; results come by query, an empty one too.
    results = read(server, query(times[3], times[4], matcher(2, "instance", "1|2"), matcher(1, "job", "a")),
                   query(-1000, 0, matcher(0, "__name__", "rr_total")),
                   query(last, first, matcher(0, "__name__", "rr_total")),
                   query(last, last, matcher(3, "instance", "2|3"), matcher(2, "job", ".+")))
    assert [len(r) for r in results] == [2, 0, 0, 2], results
    assert [t for t, _ in results[0][0][1]] == times[3:5]
    # External labels: satisfied ones select everything, others nothing.
    assert len(read(server, query(first, last, matcher(0, "cluster", "edge"), matcher(0, "job", "b")))[0]) == 3
    assert read(server, query(first, last, matcher(0, "cluster", "other"), matcher(0, "job", "b"))) == [[]]
    # Values to the bit.
    [[(_, samples)]] = read(server, query(0, NOW_MS, matcher(0, "__name__", "odd")))
    bits = [struct.pack(">d", v).hex() for _, v in samples]
    assert bits[0] == "7ff0000000000000" and bits[2] == "7ff0000000000002", bits
    assert math.isnan(samples[1][1])


def test_response_types(server, times):
    """The first known one of the list."""
    q = query(times[0], times[-1], matcher(0, "job", "a"))
    for types in (b"", field(2, 0, varint(0)) + field(2, 0, varint(1)), field(2, 2, b"\x00\x01"),
                  field(2, 0, varint(7)) + field(2, 0, varint(0))):
        assert len(read(server, q, types=types)[0]) == 3
    for types in (field(2, 0, varint(1)), field(2, 2, b"\x01\x00"), field(2, 2, b"\x07\x01")):
        assert len(read_chunks(server, q, types=types)) == 3
    answer = send(server, field(1, 2, q) + field(2, 0, varint(7)))
    assert answer.status == 400 and "does not support any of the requested" in answer.text, answer.text


class Bits:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        value = 0
        for _ in range(count):
            value = value << 1 | self.data[self.at >> 3] >> (7 - (self.at & 7)) & 1
            self.at += 1
        return value

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(8)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value


def decode_chunk(data):
    """[(t_ms, bits of the value)] of an XOR chunk, by the format's description."""
    bits = Bits(data)
    count, samples = bits.take(16), []
    leading = trailing = t = delta = value = 0
    for i in range(count):
        if i == 0:
            t = bits.varint()
            t = t >> 1 ^ -(t & 1)
            value = bits.take(64)
        else:
            if i == 1:
                delta = bits.varint()
            else:
                ones = 0
                while ones < 4 and bits.take(1):
                    ones += 1
                size = (0, 14, 17, 20, 64)[ones]
                change = bits.take(size)
                if size and change > 1 << (size - 1):
                    change -= 1 << size
                delta += change
            t += delta
            if bits.take(1):
                if bits.take(1):
                    leading, size = bits.take(5), bits.take(6) or 64
                    trailing = 64 - leading - size
                value ^= bits.take(64 - leading - trailing) << trailing
        samples.append((t, value))
    return samples


def read_chunks(server, *queries, types=field(2, 0, varint(1))):
    """[(index of the query, labels, samples)], the chunks of a series joined."""
    answer = send(server, b"".join(field(1, 2, q) for q in queries) + types)
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
    assert answer.headers["Content-Encoding"] in (None, "")
    data, found = answer.body, []
    while data:
        size = shift = at = 0
        while True:
            size |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                break
        checksum, frame, data = data[at:at + 4], data[at + 4:at + 4 + size], data[at + 4 + size:]
        assert checksum == struct.pack(">I", crc32c(frame)), "a frame's checksum"
        index = 0
        for number, part in fields(frame):
            if number == 2:
                index = part
        for number, part in fields(frame):
            if number != 1:
                continue
            labels, samples = {}, []
            for kind, inner in fields(part):
                if kind == 1:
                    label = dict(fields(inner))
                    labels[label[1].decode()] = label[2].decode()
                else:
                    chunk = dict(fields(inner))
                    decoded = decode_chunk(chunk[4])
                    assert chunk[3] == 1 and signed(chunk.get(1, 0)) == decoded[0][0] and signed(chunk[2]) == decoded[-1][0]
                    samples += decoded
            if found and found[-1][:2] == (index, labels):
                found[-1][2].extend(samples)
            else:
                found.append((index, labels, samples))
    return found


def crc32c(data):
    state = 0xffffffff
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82f63b78 if state & 1 else 0)
    return state ^ 0xffffffff


def test_chunks(server, times):
    """Chunks and samples say the same, and Debian's prometheus streams the same of the same samples."""
    peer = prometheus("--web.enable-remote-write-receiver").start()
    random = __import__("random").Random(7)
    jumps = [0, 1, 15000, 15000, 15001, 14999, 23191, 6808, 80536, 79000, 540000, 600000, 2000000, 5000]
    t, series = NOW_MS - 3000000, []
    points = []
    for i in range(500):
        t += jumps[i] if i < len(jumps) and jumps[i] else 1 + random.randrange(30 if i % 7 else 900)
        points.append((t, random.choice([0.0, 1.0, -1.5, i * 0.1, random.random(), 1e300, -1e-300, math.inf, float(i)])))
    for target in (server, peer):
        remote_write(target, [({"__name__": "chunky"}, points), ({"__name__": "chunky", "x": "one"}, points[:1]),
                              ({"__name__": "chunky", "x": "same"}, [(p[0], 3.25) for p in points[:240]])])
    queries = [query(0, NOW_MS, matcher(0, "__name__", "nothing")),
               query(points[0][0], points[-1][0], matcher(0, "__name__", "chunky"))]
    ours, theirs = read_chunks(server, *queries), read_chunks(peer, *queries)
    for index, labels, _ in ours:
        assert index == 1 and labels.pop("cluster") == "edge"
    for mine, other in zip(ours, theirs):
        assert mine == other, [pair for pair in zip(mine[2], other[2]) if pair[0] != pair[1]][:3] or (mine[:2], other[:2],
                                                                                                     len(mine[2]), len(other[2]))
    assert len(ours) == len(theirs)
    assert [len(samples) for _, _, samples in ours] == [500, 1, 240]
    plain = read(server, *queries)[1]
    assert [[(t, struct.unpack(">Q", struct.pack(">d", v))[0]) for t, v in samples] for _, samples in plain] == [
        samples for _, _, samples in ours]
    # Part of a chunk is a chunk of its own.
    middle = read_chunks(server, query(points[100][0], points[130][0], matcher(0, "__name__", "chunky"), matcher(0, "x", "")))
    assert [t for t, _ in middle[0][2]] == [t for t, _ in points[100:131]]
    peer.stop()


def test_bad_input(server, times):
    good = field(1, 2, query(times[0], times[-1], matcher(0, "job", "a")))
    for message, part in (
            (b"\xff", "malformed"), (good[:-3], "malformed"),
            (field(1, 2, query(0, 1, matcher(7, "a", "b"))), "matcher type"),
            (field(1, 2, query(0, 1, matcher(2, "a", "("))), "("),
            (field(1, 0, varint(3)), "malformed"),
            (b"".join(field(1, 2, b"") for _ in range(1001)), "too many")):
        answer = send(server, message)
        assert answer.status == 400 and part in answer.text, (message[:50], answer.status, answer.text)
    assert send(server, b"no snappy", compressed=False).status == 400
    assert read(server) == []
    answer = server.get("/api/v1/read")
    assert answer.status == 405 and answer.headers["Allow"] == "POST, OPTIONS"
    # A limit of samples.
    limited = lapwing(LAPWING, "--web.enable-remote-write-receiver",
                      "--storage.remote.read-sample-limit=100").start()
    load(limited)
    answer = send(limited, good)
    assert answer.status == 400 and "exceeded sample limit (100)" in answer.text, answer.text
    assert limited.stop() == 0


def test_prometheus_reads(server, times):
    peer = prometheus(config=f"""global: {{}}
remote_read:
- url: http://127.0.0.1:{server.port}/api/v1/read
  read_recent: true
""").start()
    for expression in ("rr_total", "sum by (job) (rr_total)", "rr_total{instance=~'1|3'} > 10",
                       "max_over_time(rr_total{job='b',cluster='edge'}[3m])", "nothing", "odd"):
        params = {"query": expression, "start": times[0] / 1000, "end": times[-1] / 1000, "step": 30}
        theirs, ours = peer.get("/api/v1/query_range", **params), server.get("/api/v1/query_range", **params)
        assert theirs.status == 200, theirs.text
        expected = theirs.json["data"]["result"]
        # There the label is part of the series, here it is only for readers.
        for series in expected:
            series["metric"].pop("cluster", None)
        got = ours.json["data"]["result"]
        if "cluster" in expression:
            assert len(expected) == 3, expected
            continue
        key = lambda s: json.dumps(s["metric"], sort_keys=True)
        assert sorted(expected, key=key) == sorted(got, key=key), (expression, expected, got)
    # Label values come from the local store alone; series of a remote one are found.
    params = {"match[]": "rr_total", "start": times[0] / 1000, "end": times[-1] / 1000}
    assert len(peer.get("/api/v1/series", **params).json["data"]) == 6
    peer.stop()


def main():
    server = lapwing(LAPWING, "--web.enable-remote-write-receiver",
                     config="global: {external_labels: {cluster: edge}}\n").start()
    times = load(server)
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test(server, times)
            print(name, "passed", flush=True)
    assert server.stop() == 0


main()
