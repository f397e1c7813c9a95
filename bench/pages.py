"""The tables of suites as a part of the HTML report: a group of bars for each figure."""
import html
import math

COLORS = ("#0b7285", "#d9480f", "#5f3dc4", "#2b8a3e")  # of targets, as in report/report.js
STYLE = "<style>body { margin: 2rem auto; max-width: 75rem; font: 15px/1.5 system-ui, sans-serif }</style>"


def bar(value, most, color, layout):
    finite = math.isfinite(value)
    width = 80 * abs(value) / most if most and finite else 0
    text = layout.format(value) if finite else "lost data"
    return f'<div class="bar"><i style="width:{width:.1f}%;background:{color}"></i>{html.escape(text)}</div>'


def figure(document, key, heading, layout):
    values = [(row.get(key), COLORS[i % len(COLORS)]) for i, row in enumerate(document["rows"].values())]
    most = max((abs(v) for v, _ in values if v is not None and math.isfinite(v)), default=0)
    bars = "".join(bar(v, most, color, layout) for v, color in values if v is not None)
    missed = ' <span class="bad">missed</span>' if heading in document["missed"] else ""
    return f"<span>{html.escape(heading)}{missed}</span><div>{bars}</div>"


def section(document):
    """One suite's results, as tables.publish() wrote them."""
    legend = " ".join(f'<span class="swatch" style="background:{COLORS[i % len(COLORS)]}"></span>{html.escape(name)}'
                      for i, name in enumerate(document["rows"]))
    failures = "".join(f'<p class="bad">Not a whole run: {html.escape(f)}</p>' for f in document["failures"])
    figures = "".join(figure(document, *columns) for columns in document["figures"])
    return (f"<section><h2>{html.escape(document['name'].capitalize())}</h2><p>{html.escape(document['title'])}. "
            f"{html.escape(document['date'])}, {html.escape(document['machine'])}: "
            f"{html.escape(', '.join(document['versions']))}.</p>{failures}<p>{legend}</p>"
            f'<div class="bars">{figures}</div></section>\n')


def add_sections(page, documents):
    """The page of `lapwing-bench query --html` (None: there is none) with a section for each suite before its end."""
    page = page or f"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">{STYLE}</head>\n<body>\n</body>\n</html>\n"
    before, end = page.rsplit("</body>", 1)
    return before + "".join(section(d) for d in documents) + "</body>" + end
