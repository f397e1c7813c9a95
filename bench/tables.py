"""Tables of figures with ratios to the peers and what is required, as Markdown and as JSON."""
import datetime
import json
import math
import operator
import os
import sys

import servers

# Of the minute before the suite began: what else the machine was doing.
LOAD_BEFORE = os.getloadavg()[0]
RELATIONS = {"<=": operator.le, ">=": operator.ge}


def judge(row, rows, key, limit, parts):
    """(what is required as text, whether it is met), or ("", None)."""
    texts, met = [], []
    if key not in row:
        return "", None
    if limit:
        texts.append(f"{limit[0]} {limit[1]}")
        met.append(RELATIONS[limit[0]](row[key], limit[1]))
    for peer, (relation, part) in parts.items():
        if peer in rows:
            texts.append(f"{relation} {part}x {peer}")
            met.append(RELATIONS[relation](row[key], part * rows[peer][key]))
    return ", ".join(texts), all(met) if met else None


def ratio(row, peer, key):
    return f"{row[key] / peer[key]:.2f}" if peer.get(key) and key in row else "-"


def cell(layout, row, key):
    if key not in row:
        return "-"
    return "lost data" if math.isinf(row[key]) else layout.format(row[key])


def build(figures, rows):
    """Lines of a Markdown table, and the names of figures that were missed."""
    own = rows.get("lapwing")
    peers = [name for name in rows if name != "lapwing"]
    head = ["", *rows] + ([f"/ {name}" for name in peers] + ["required", ""] if own else [])
    lines, missed = [head, ["---"] + ["---:"] * (len(head) - 1)], []
    for key, heading, layout, limit, parts in figures:
        cells = [heading] + [cell(layout, row, key) for row in rows.values()]
        if own:
            required, met = judge(own, rows, key, limit, parts)
            cells += [ratio(own, rows[name], key) for name in peers]
            cells += [required, "" if met is None else "met" if met else "**missed**"]
            missed += [heading] if met is False else []
        lines.append(cells)
    return ["| " + " | ".join(cells) + " |" for cells in lines], missed


def update(path, name, lines):
    """Replaces what stands between <!-- bench:NAME --> and <!-- /bench:NAME -->."""
    text = path.read_text()
    begin, end = f"<!-- bench:{name} -->\n", f"<!-- /bench:{name} -->"
    if begin not in text or end not in text:
        sys.exit(f"{path}: no marks {begin.strip()} and {end}")
    before, rest = text.split(begin, 1)
    path.write_text(before + begin + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1])


def publish(name, title, figures, rows, versions, options, more=(), failures=()):
    """Prints the table and the lines `more`, writes them where options.update and options.json say; 1 when
    something was missed. `failures` say in words what could not be measured: such a run is not a whole one, and
    no document is changed by it."""
    table, missed = build(figures, rows)
    table += more
    table += ["", "**Not a whole run:**", *[f"- {failure}" for failure in failures]] if failures else []
    today = datetime.date.today().isoformat()
    given = "".join(f" --{option}" for option in ("short", "cold") if getattr(options, option, False))
    machine = f"{servers.machine()}, load {LOAD_BEFORE:.1f} before"
    head = [f"`./dev bench {name}{given}`, {today}: {title}.", "", f"On {machine}: {', '.join(versions)}.", ""]
    print("\n".join(head + table))
    if options.update and not failures:
        update(options.update, name, head + table)
    if options.json:
        options.json.write_text(json.dumps({"name": name, "date": today, "title": title, "machine": machine,
                                            "versions": versions, "rows": rows, "missed": missed,
                                            "failures": list(failures),
                                            "figures": [[key, heading, layout] for key, heading, layout, *_ in figures]}, indent=1) + "\n")
    if missed:
        print(f"\nmissed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed or failures else 0
