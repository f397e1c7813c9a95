"""Reads windows as storage/FORMAT.md describes them, with nothing of Lapwing's code, and compares what it
finds with `lapwing storage dump`.

    test_format.py PATH/TO/lapwing
"""
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import time

import lmdb
import xxhash
import zstandard

LAPWING = sys.argv[1]
START_MS = (int(time.time()) - 30 * 3600) * 1000
MASK = (1 << 64) - 1
KINDS = 11
MET = set()  # forms that were read
FORMS = {"whole", "rice", "fixed", "escape", "sparse", "zigzag", "plain", "constant piece", "offsets", "steps", "changes",
         "exceptions", "raw", "decimal", "constant rest", "inner", "same stream", "constant series"}


def hash64(data):
    return xxhash.xxh3_64_intdigest(data)


def unzigzag(n):
    return (n >> 1) ^ -(n & 1)


def as_double(bits):
    return struct.unpack("<d", struct.pack("<Q", bits & MASK))[0]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, count):
        assert self.at + count <= len(self.data), "cut"
        self.at += count
        return self.data[self.at - count:self.at]

    def be(self, size):
        return int.from_bytes(self.bytes(size), "big")

    def signed64(self):
        return struct.unpack(">q", self.bytes(8))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.bytes(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def svarint(self):
        return unzigzag(self.varint())

    def sized(self):
        return self.bytes(self.varint())


class Bits:
    """From the lowest bit of each byte."""

    def __init__(self, data):
        self.value, self.at = int.from_bytes(data, "little"), 0

    def take(self, width):
        value = self.value >> self.at & (1 << width) - 1
        self.at += width
        return value

    def unary(self):
        zeros = 0
        while not self.take(1):
            zeros += 1
        return zeros

    def whole_byte(self):
        self.at = (self.at + 7) // 8 * 8


def coded(coding, bits, heads, count):
    width, unary = coding & 63, coding & 64
    MET.add("whole" if width == 57 else "rice" if unary else "fixed")
    if width == 57:
        return [int.from_bytes(bits.take(64).to_bytes(8, "little"), "big") for _ in range(count)]
    assert width <= 56
    numbers = [bits.take(width) for _ in range(count)]
    bits.whole_byte()
    if unary:
        for i in range(count):
            above = bits.unary()
            assert above <= 24
            MET.update({"escape"} if above == 24 else ())
            numbers[i] = heads.varint() if above == 24 else above << width | numbers[i]
        bits.whole_byte()
    return numbers


def numbers_of(coding, bits, heads, count):
    if coding & 63 != 63:
        numbers = coded(coding, bits, heads, count)
    else:
        MET.add("sparse")
        others = heads.varint()
        gap_coding, other_coding = heads.be(1), heads.be(1)
        gaps = coded(gap_coding, bits, heads, others)
        values = coded(other_coding, bits, heads, others)
        numbers = []
        for gap, value in zip(gaps, values):
            numbers += [0] * gap + [value + 1]
        numbers += [0] * (count - len(numbers))
    MET.add("zigzag" if coding & 128 else "plain")
    return [unzigzag(n) for n in numbers] if coding & 128 else numbers


def integers_of(order, heads, bits, count):
    if order == 0:
        return [heads.svarint()] * count
    coding, divisor, first = heads.be(1), heads.varint(), heads.svarint()
    if order == 1:
        return [first + n * divisor for n in numbers_of(coding, bits, heads, count)]
    base, out, step = heads.svarint(), [first], 0
    numbers = numbers_of(coding, bits, heads, count - 1)
    for n in numbers:
        if order == 3:
            base += n
            step = base
        else:
            step = base + n
        out.append(out[-1] + step * divisor)
    return out


def signed(n):
    n &= MASK
    return n - (1 << 64) if n >> 63 else n


def piece(head, heads, bits, count):
    exponent = head & 15
    MET.add("raw" if exponent == 15 else "decimal")
    integers = integers_of(head >> 4 & 3, heads, bits, count)
    values = [as_double(i) if exponent == 15 else float(signed(i)) / 10.0 ** exponent for i in integers]
    if head & 64:
        MET.add("exceptions")
        at = 0
        for _ in range(heads.varint()):
            at += heads.varint()
            values[at] = as_double(heads.be(8))
            at += 1
    return values


def stream(heads, bits, count):
    heads, values, taken = Reader(heads), [], 0
    while len(values) < count:
        head, left = heads.be(1), count - len(values)
        MET.add("constant rest" if head & 128 else ("constant piece", "offsets", "steps", "changes")[head >> 4 & 3])
        if head & 128:
            values += piece(head & 127, heads, None, left)
        elif left > 512:
            MET.add("inner")
            size = heads.varint()
            values += piece(head, Reader(heads.sized()), Bits(bits[taken:taken + size]), 512)
            taken += size
        else:
            values += piece(head, heads, Bits(bits[taken:]), left)
    return values


def block(entry, extents):
    _, _, extent, offset, stored, head_size, bit_size, total = entry
    data = extents[extent][offset:offset + stored]
    assert hash64(data) == total
    heads = Reader(zstandard.ZstdDecompressor().decompress(data[:stored - bit_size], max_output_size=head_size))
    bits, at, streams = data[stored - bit_size:], 0, []
    assert len(heads.data) == head_size
    while heads.at < head_size:
        size = heads.varint()
        if size & 1:
            MET.add("same stream")
            streams.append(streams[-(size >> 1)])
            continue
        size >>= 1
        own = heads.varint() if size else 0
        streams.append((heads.bytes(size), bits[at:at + own]))
        at += own
    assert at == bit_size
    return streams


def slice_start(window, k):
    length, n = window["max"] - window["min"], window["slices"]
    return window["min"] + length // n * k + length % n * k // n


def times_of(window, data):
    reader = Reader(data)
    heads = []
    for k in range(window["slices"]):
        count = reader.varint()
        heads.append((count, reader.varint(), reader.varint()) if count else (0, 0, 0))
    slices = []
    for k, (count, first, size) in enumerate(heads):
        body, times, distance = Reader(reader.bytes(size)), [slice_start(window, k) + first], 0
        while len(times) < count:
            change = body.svarint()
            distance += change
            for _ in range(1 if change else body.varint()):
                times.append(times[-1] + distance)
        assert body.at == size
        slices.append(times if count else [])
    return slices


def checked(value):
    assert int.from_bytes(value[:8], "big") == hash64(value[8:])
    return Reader(value[8:])


def read_header(value):
    reader = checked(value)
    assert reader.be(4) == 3, "version"
    window = {"min": reader.signed64(), "max": reader.signed64(), "sequence": reader.be(8), "slices": reader.be(4),
              "series": reader.be(8), "samples": reader.be(8)}
    window["sources"] = [reader.be(8) for _ in range(reader.be(8))]
    assert reader.at == len(reader.data)
    return window


def read_index(value):
    reader = checked(value)
    names = ("symbols", "names", "pairs", "series", "columns", "blocks", "symbol_bytes", "list_bytes", "record_bytes",
             "column_bytes")
    size = {name: reader.be(8) for name in names}
    offsets = [reader.be(4) for _ in range(size["symbols"] + 1)]
    texts = reader.bytes(size["symbol_bytes"])
    index = {"symbols": [texts[a:b].decode() for a, b in zip(offsets, offsets[1:])]}
    assert index["symbols"] == sorted(set(index["symbols"]), key=str.encode)
    index["names"] = [(reader.be(4), reader.be(4)) for _ in range(size["names"])]
    index["pairs"] = [(reader.be(4), reader.be(4), reader.be(4)) for _ in range(size["pairs"])]
    index["lists"] = reader.bytes(size["list_bytes"])
    index["hashes"] = [reader.be(8) for _ in range(size["series"])]
    index["record_offsets"] = [reader.be(4) for _ in range(size["series"])]
    index["records"] = reader.bytes(size["record_bytes"])
    columns = [(reader.signed64(), reader.signed64(), reader.be(4), reader.be(4)) for _ in range(size["columns"])]
    texts = reader.bytes(size["column_bytes"])
    ends = [c[3] for c in columns[1:]] + [len(texts)]
    index["columns"] = [(c[0], c[1], c[2], texts[c[3]:end]) for c, end in zip(columns, ends)]
    index["blocks"] = [tuple(reader.be(4) for _ in range(7)) + (reader.be(8),) for _ in range(size["blocks"])]
    assert reader.at == len(reader.data)
    return index


def record(index, offset):
    """(column, stream of a constant or None, numbers of pairs)"""
    reader = Reader(index["records"][offset:])
    column = reader.varint()
    constant = reader.sized() if column & 1 else None
    MET.update({"constant series"} if constant else ())
    pairs, pair = [], 0
    for _ in range(reader.varint()):
        pair += reader.varint()
        pairs.append(pair)
    return column >> 1, constant, pairs


def check_lists(index, series_of_pair):
    for number, (_, _, offset) in enumerate(index["pairs"]):
        reader, at, found = Reader(index["lists"][offset:]), 0, []
        for _ in range(reader.varint()):
            at += reader.varint()
            found.append(at)
        assert found == series_of_pair[number], number
    for (symbol, first), (_, end) in zip(index["names"], index["names"][1:] + [(None, len(index["pairs"]))]):
        assert all(pair[0] == symbol for pair in index["pairs"][first:end])


def check_trailer(path):
    data = path.read_bytes()
    assert data[-8:] == b"LWSUMS01"
    offset = int.from_bytes(data[-24:-16], "big")
    assert int.from_bytes(data[-16:-8], "big") == hash64(data[offset:-24])
    reader = Reader(data[offset:-24])
    page_size, count = reader.be(4), 0
    while reader.at < len(reader.data):
        page, total = reader.be(4), reader.be(8)
        assert hash64(data[page * page_size:(page + 1) * page_size]) == total, page
        count += 1
    assert count > 2


def read_window(path):
    """{(labels, t_ms, bits of the value)}, and the codings met."""
    check_trailer(path)
    environment = lmdb.open(str(path), subdir=False, readonly=True, lock=False, max_dbs=1)
    table = environment.open_db(b"window", create=False)
    with environment.begin(table) as txn:
        values = dict(txn.cursor())
    environment.close()
    window, index = read_header(values[b"header"]), read_index(values[b"index"])
    extents = [values[b"data" + struct.pack(">I", n)] for n in range(len(values) - 2)]
    blocks = {}
    for entry in index["blocks"]:
        for n, one in enumerate(block(entry, extents)):
            blocks[entry[0], entry[1] + n] = one
    out, series_of_pair, before = set(), [[] for _ in index["pairs"]], None
    for series, offset in enumerate(index["record_offsets"]):
        column, constant, pairs = record(index, offset)
        labels = tuple((index["symbols"][index["pairs"][p][0]], index["symbols"][index["pairs"][p][1]]) for p in pairs)
        assert before is None or before < labels
        before = labels
        for pair in pairs:
            series_of_pair[pair].append(series)
        first, last, count, data = index["columns"][column]
        slices = times_of(window, data)
        times = [t for part in slices for t in part]
        assert (times[0], times[-1], len(times)) == (first, last, count)
        for k, part in enumerate(slices):
            heads, bits = (constant, b"") if constant else blocks[k, series]
            for t, value in zip(part, stream(heads, bits, len(part))):
                out.add((labels, t, struct.unpack("<Q", struct.pack("<d", value))[0]))
    check_lists(index, series_of_pair)
    assert (len(index["hashes"]), len(out)) == (window["series"], window["samples"])
    return out


def value_at(rng, kind, i, last):
    """What the forms of pieces are for."""
    if kind == 0:
        return 42.5
    if kind == 1:
        return last + rng.randrange(40)
    if kind == 2:
        return round(last + rng.randrange(900, 1100) / 100, 2)
    if kind == 3:
        return rng.random()
    if kind == 4:
        return last + (rng.randrange(1, 9) if rng.random() < 0.05 else 0)
    if kind == 5:
        return float("inf") if rng.random() < 0.01 else -0.0 if rng.random() < 0.01 else float(rng.randrange(100))
    if kind == 6:
        return last + i
    if kind == 7:
        return 0 if rng.random() < 0.002 else last + 1000 + rng.randrange(5)
    if kind == 8:
        return as_double(rng.getrandbits(64) & ~(0x7ff << 52) | rng.randrange(2047) << 52)
    if kind == 9:
        return float("nan") if rng.random() < 0.02 else rng.randrange(1 << 50) * 4.0
    return float("nan") if rng.random() < 0.02 else 7.25


def write_samples(path):
    rng = random.Random()
    with open(path, "w", encoding="utf-8") as out:
        for n in range(50):
            rng.seed(n % 45)
            last = 0
            kind, step_ms = n % KINDS, 4000 if n == 2 else 20000 if n % 3 else 60000
            for i in range(28 * 3600_000 // step_ms):
                last = value_at(rng, kind, i, last)
                jitter = rng.randrange(20) if n % 4 == 0 and rng.random() < 0.1 else 0
                if kind != 0 or rng.random() < 0.99:
                    out.write(f'm{kind}{{n="{n}",text="ä b"}} {last!r} {(START_MS + i * step_ms + jitter) / 1000:.3f}\n')
        out.write("# EOF\n")


def tool(*arguments):
    done = subprocess.run([LAPWING, "storage", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def dumped(path):
    out = set()
    for line in tool("dump", path).splitlines():
        pairs, value, t_ms = re.match(r"\{(.*)\} (\S+) (-?\d+)$", line).groups()
        bits = struct.unpack("<Q", struct.pack("<d", float(value)))[0]
        out.add((tuple(sorted(re.findall(r"(\w+)=\"([^\"]*)\"", pairs))), int(t_ms), bits))
    return out


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_samples(folder / "samples.om")
        tool("import", "openmetrics", folder / "samples.om", f"--storage.path={folder / 'data'}")
        files = sorted((folder / "data").glob("*.lmdb"))
        assert files
        found = set().union(*map(read_window, files))
        wanted = dumped(folder / "data")
        nan = {bits for _, _, bits in found if bits & 0x7fffffffffffffff > 0x7ff << 52}
        found = {(labels, t, 0x7ff8000000000000 if bits in nan else bits) for labels, t, bits in found}
        assert found == wanted, (len(found), len(wanted), list(found ^ wanted)[:4])
        assert MET == FORMS, FORMS - MET
        print(f"{len(files)} files, {len(found)} samples read as FORMAT.md says")


main()
