"""Random valid queries as trees that can be shrunk.

A query is a Node: pieces of text with Nodes among them, and a type. Any Node may stand in for another
of its type, so a query that shows a difference is made smaller by putting descendants, or the
simplest of the type, in a Node's place for as long as the difference stays.

What 3.x does otherwise than 2.42 is left out: atan2 (it drops the metric name now), on (__name__),
a range vector pinned by @ in predict_linear(), stddev of Inf (NaN now), count_values into a label
that is grouped by.
"""
import random

VECTOR, SCALAR, RANGE = "vector", "scalar", "range"
SIMPLEST = {VECTOR: ["g", "one"], SCALAR: ["1"], RANGE: ["g[5m]"]}
# Set by whoever makes queries: a moment amid the data, for @.
PIN = 1200.567

COUNTERS = ["c_total", "steady_total", "steady_total", 'c_total{a="1"}', 'c_total{b!="x"}', "h_bucket"]
SELECTORS = COUNTERS + ["g", 'g{a="1"}', 'g{a=~"1|3"}', 'g{b!~"x.*"}', '{a="2",b="x"}', "one",
                        '{__name__=~"g|one"}', 'h_bucket{a="1"}', "nothing", "neg", "sparse"]
LABELS = ["", "a", "b", "a, b", "a, le", "a, b, le", "le", "n", "nope"]


class Node:
    def __init__(self, kind, *parts):
        self.kind = kind
        self.parts = list(parts)

    def __str__(self):
        return "".join(map(str, self.parts))

    def nodes(self):
        """(parent, index) of every Node below."""
        for i, part in enumerate(self.parts):
            if isinstance(part, Node):
                yield self, i
                yield from part.nodes()

    def below(self, kind):
        return [p.parts[i] for p, i in self.nodes() if p.parts[i].kind == kind]


def pick(*choices):
    return random.choice(choices)


def modifiers():
    return pick("", "", "", "", "", " offset 70s", " offset -1m", f" @ {PIN:.3f}", " @ start()",
                " @ end()", f" @ {PIN:.3f} offset 2m")


def selector(range_text=""):
    return random.choice(SELECTORS) + range_text + modifiers()


def scalar(depth):
    kind = random.randrange(5 if depth > 0 else 2)
    if kind == 0:
        return Node(SCALAR, pick("0", "1", "2", "0.5", "-3", "NaN", "Inf", "100", "1e-3", "0x1F"))
    if kind == 1:
        return Node(SCALAR, pick("time()", "pi()", "1"))
    if kind == 2:
        return Node(SCALAR, "scalar(", vector(depth - 1), ")")
    if kind == 3:
        return Node(SCALAR, "(-", scalar(depth - 1), ")")
    operator = pick("+", "*", "/", "-", "%", "^", "> bool", "== bool", "<= bool", "!= bool")
    return Node(SCALAR, "(", scalar(depth - 1), f" {operator} ", scalar(depth - 1), ")")


def range_vector(depth):
    if depth <= 0 or random.random() < .7:
        return Node(RANGE, selector(pick("[1m]", "[97s]", "[5m]", "[7s]", "[10m]", "[29m]")))
    # The millisecond keeps steps off the boundaries, which are open in 3.x and closed in 2.42.
    window = pick("[3m1ms:1m]", "[2m1ms:13s]", "[5m1ms:]", "[4m1ms:30s] offset 1m",
                  "[10m1ms:20s]", f"[4m1ms:30s] @ {PIN:.3f}", "[3m1ms:20s] @ end()")
    return Node(RANGE, "(", vector(depth - 1), ")" + window)


MAPS = ["abs", "floor", "ceil", "sgn", "exp", "ln", "log2", "log10", "sqrt", "minute", "hour",
        "month", "year", "day_of_week", "day_of_month", "days_in_month", "day_of_year", "timestamp",
        "deg", "rad", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
        "acosh", "atanh", "round", "sort", "sort_desc", "-", "+", "absent"]
OVER_TIME = ["delta", "irate", "idelta", "changes", "resets", "sum_over_time", "avg_over_time",
             "min_over_time", "max_over_time", "count_over_time", "last_over_time", "deriv",
             "stddev_over_time", "stdvar_over_time", "present_over_time", "absent_over_time", "rate",
             "increase"]


def histogram(depth):
    kind = random.randrange(4)
    if kind == 0:
        return Node(VECTOR, "h_bucket" + modifiers())
    if kind == 1:
        return Node(VECTOR, "rate(h_bucket[5m])")
    if kind == 2:
        return Node(VECTOR, "sum by (", pick("le", "a, le"), ") (rate(h_bucket[3m]))")
    return vector(depth - 1)


def call(depth):
    kind = random.randrange(16)
    if kind == 0:
        return Node(VECTOR, pick("clamp_min(", "clamp_max(", "round("), vector(depth - 1), ", ",
                    scalar(depth - 1), ")")
    if kind == 1:
        return Node(VECTOR, "clamp(", vector(depth - 1), ", ", scalar(depth - 1), ", ",
                    scalar(depth - 1), ")")
    if kind == 2:
        target, replacement, source = pick("n", "a", "z"), pick("$1", "x-$1-$2", ""), pick("a", "b")
        pattern = pick("(.*)", "(.)(.?)", "1|x", "", "[")
        return Node(VECTOR, "label_replace(", vector(depth - 1),
                    f', "{target}", "{replacement}", "{source}", "{pattern}")')
    if kind == 3:
        return Node(VECTOR, "label_join(", vector(depth - 1),
                    f', "{pick("n", "a", "z")}", "{pick("", "-")}"{pick("", ", " + chr(34) + "a" + chr(34))}, "b")')
    if kind in (4, 5):
        return Node(VECTOR, "histogram_quantile(", scalar(depth - 1), ", ", histogram(depth), ")")
    if kind == 6:
        return Node(VECTOR, "vector(", scalar(depth - 1), ")")
    if kind == 7:
        return Node(VECTOR, "quantile_over_time(", scalar(depth - 1), ", ", range_vector(depth - 1),
                    ")")
    if kind == 8:
        return Node(VECTOR, "predict_linear(", pick("g", "c_total", "neg"), pick("[10m]", "[5m]"),
                    ", ", scalar(depth - 1), ")")
    if kind == 9:
        return Node(VECTOR, "double_exponential_smoothing(", range_vector(depth - 1), ", ",
                    pick("0.3", "0.9"), ", ", pick("0.1", "0.5"), ")")
    if kind in (10, 11):
        return Node(VECTOR, random.choice(MAPS) + "(", vector(depth - 1), ")")
    return Node(VECTOR, random.choice(OVER_TIME) + "(", range_vector(depth - 1), ")")


def grouping():
    if random.random() < .35:
        return ""
    return f" {pick('by', 'without')} ({random.choice(LABELS)}{pick('', '', '', '')})"


def aggregate(depth):
    by = pick(grouping(), grouping(), grouping(), " by (__name__)", " by (a, __name__)")
    kind = random.randrange(10)
    if kind < 2:
        # Of equal values any may stay.
        return Node(VECTOR, pick("topk", "bottomk") + by + " (",
                    pick("1", "2", "3", "-1", "2.7", "0"), ", ", pick("neg", "-neg"), ")")
    if kind == 2:
        return Node(VECTOR, "quantile" + by + " (", scalar(depth - 1), ", ", vector(depth - 1), ")")
    if kind == 3:
        return Node(VECTOR, "count_values" + by + ' ("v", ', pick("floor(g)", "one", "neg > 0"), ")")
    if kind == 4:
        return Node(VECTOR, pick("stddev", "stdvar") + by + " (", pick("neg", "h_bucket", "-neg"),
                    ")")
    return Node(VECTOR, pick("sum", "avg", "count", "min", "max", "group") + by + " (",
                vector(depth - 1), ")")


def binary(depth):
    left, right = vector(depth - 1), vector(depth - 1)
    on = pick("", "", "on (a) ", "ignoring (b) ", "on () ", "on (a, b, le) ", "ignoring (b, n, le) ",
              "ignoring (a, b, n, le) ", "on (nope) ")
    if random.random() < .3:
        return Node(VECTOR, "(", left, f" {pick('and', 'or', 'unless')} {on}", right, ")")
    group = ""
    if on:
        group = pick("", "", "group_left () ", "group_right () ", "group_left (n) ",
                     "group_right (n) ", "group_left (z) ")
    operator = pick("+", "-", "*", "/", "%", "^", ">", "<", ">=", "<=", "==", "!=", "> bool",
                    "!= bool", "<= bool")
    return Node(VECTOR, "(", left, f" {operator} {on}{group}", right, ")")


def vector(depth):
    kind = random.randrange(9) if depth > 0 else 0
    if kind == 0:
        return Node(VECTOR, selector())
    if kind in (1, 2):
        return aggregate(depth)
    if kind in (3, 4):
        return binary(depth)
    if kind == 5:
        operator = pick("+", "-", "*", "/", "^", "%", ">", "<", "==", "!=", ">=", "<= bool",
                        "> bool", "!= bool")
        sides = [vector(depth - 1), scalar(depth - 1)]
        random.shuffle(sides)
        return Node(VECTOR, "(", sides[0], f" {operator} ", sides[1], ")")
    return call(depth)


def query():
    return Node(VECTOR, vector(random.randrange(1, 5)))


def smaller(root):
    """Queries like it that are shorter; each is in effect until the next is asked for."""
    if len(root.parts) == 1:
        for node in sorted(root.parts[0].below(VECTOR), key=lambda n: len(str(n))):
            yield node
    for parent, i in list(root.nodes()):
        before = parent.parts[i]
        candidates = [Node(before.kind, text) for text in SIMPLEST[before.kind]]
        candidates += sorted(before.below(before.kind), key=lambda n: len(str(n)))
        for candidate in candidates:
            if len(str(candidate)) < len(str(before)):
                parent.parts[i] = candidate
                yield root
        parent.parts[i] = before


def shrink(root, fails):
    """The smallest query found for which fails(text) still holds."""
    progress = True
    while progress:
        progress = False
        for candidate in smaller(root):
            if fails(str(candidate)):
                root = Node(VECTOR, *candidate.parts) if candidate is not root else root
                progress = True
                break
    return str(root)


# Queries that must fail, with the words in which both fail.
WRONG = r"""sum(
sum(g
g{a="1"
g{a=1}
g{a}
g{a=~"*"}
{}
{a=""}
g[5m
g[5m:1m
g[5m:1m]]
g offset 5m offset 5m
g @
g @ x
g @ start
g @ 1 @ 2
rate(g)
rate(g[5m], 1)
rate()
foo(g)
sum by (a
sum by a (g)
sum(g) by
topk(g)
topk("a", g)
quantile(g, g)
count_values(1, g)
g +
+
g + on a g
g + on (a) group_left (a) g
g and on (a) group_left g
1 and 2
g and 1
1 > 2
"a" + "b"
g > bool
g + bool g
1 + on (a) g
"abc
`abc
"\q"
g{a="\q"}
g $ 1
g ! 1
1 2
g g
(g
g)
((g)
0x
sum(1)
-"a"
abs(1)
abs("x")
scalar(1)
vector(g)
time(1)
label_replace(g, "a")
label_replace(g, 1, "a", "b", "c")
label_replace(g, "a", "b", "c", "(")
histogram_quantile(g, g)
clamp(g, 1)
g[5m] + 1
sum(g[5m])
g{a="1",,}
g{,}
g{a="1" b="2"}
a{__name__="b"}
absent()
g{a=="1"}
sort(1)
round(g, g)
g * on (a) h_bucket
one + on () one
g / ignoring (a, b) g
group_left(g)
#""".split("\n")
