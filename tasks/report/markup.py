"""The parts of a report page: the self-contained document, its tables, and its numbers as text."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape

#: Nothing is loaded or executed: styles are inline, pictures are embedded.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:"
ABSENT = "–"
#: Characters above which a text wraps or takes a row of its own; an order id is not broken.
LONG_TEXT = 30
#: Columns from which on a table is set more densely.
DENSE_COLUMNS = 10
#: Commands to type are in backquotes in a warning.
_TYPED, _CODE = re.compile(r"`([^`]+)`"), r"<code>\1</code>"

STYLE = """
:root{color-scheme:light dark;--ground:#eef2f7;--card:#fff;--ink:#0f172a;--soft:#526074;--line:#dde4ee;
--good:#0b7a53;--bad:#b93a15;--shade:#0f172a38;--warn:#fff6e0;--warn-line:#e0b252;--stop:#fdebe6;--stop-line:#d9542b}
@media (prefers-color-scheme:dark){:root{--ground:#0a1120;--card:#111a2b;--ink:#f1f5f9;--soft:#a3b1c6;--line:#26334a;
--good:#4cc793;--bad:#f58a6b;--shade:#0009;--warn:#2b2412;--warn-line:#8f6c1e;--stop:#321a14;--stop-line:#b9502f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:24px;line-height:1.25;margin:0}h2{font-size:16px;margin:0 0 10px}
p{margin:4px 0}.soft{color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;margin-top:16px}
.notice{background:var(--warn);border-color:var(--warn-line)}.stop{background:var(--stop);border-color:var(--stop-line)}
.notice ul,.stop ul{margin:0;padding-left:20px}.notice li{font-size:14px}
code{font-family:ui-monospace,monospace;font-size:.93em}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px 20px;margin:0}
dt{color:var(--soft);font-size:13px}dd{margin:0;overflow-wrap:anywhere}
.figures dd{font-size:19px;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.3}
.told{grid-template-columns:repeat(auto-fill,minmax(230px,1fr))}.told dd{font-weight:600}
.told dd.soft{font-size:13px;font-weight:400}
.long{grid-column:1/-1}.figures .long dd{font-size:15px;font-weight:400}
.origin{grid-template-columns:repeat(auto-fit,minmax(260px,1fr))}
.origin+details{margin-top:14px}.origin dd{font-size:13px;font-family:ui-monospace,monospace}
.scroll{overflow-x:auto;background:linear-gradient(270deg,var(--card) 30%,transparent) right/32px 100% no-repeat local,
linear-gradient(270deg,var(--shade),transparent) right/12px 100% no-repeat scroll}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:6px 10px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600;font-size:13px;vertical-align:bottom}tbody tr:last-child td{border-bottom:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}
.up1{background:color-mix(in srgb,var(--good) 10%,transparent)}
.up2{background:color-mix(in srgb,var(--good) 24%,transparent)}
.up3{background:color-mix(in srgb,var(--good) 42%,transparent)}
.down1{background:color-mix(in srgb,var(--bad) 10%,transparent)}
.down2{background:color-mix(in srgb,var(--bad) 24%,transparent)}
.down3{background:color-mix(in srgb,var(--bad) 42%,transparent)}
[class*=" up"],[class*=" down"]{color:var(--ink)}
th.number{white-space:normal}td:first-child{font-weight:600}th:first-child,td:first-child{position:sticky;left:0;background:var(--card)}td.text{white-space:nowrap}td.prose{width:100%;min-width:240px;font-size:13px}
table.dense{font-size:13px}table.dense th,table.dense td{padding:6px 5px}
details{margin-top:12px}summary{cursor:pointer;color:var(--soft)}summary h2{display:inline;color:var(--ink)}
section>details{margin-top:0}details .scroll{margin-top:10px}
.drawn{padding:6px;overflow:hidden}.spread{padding:8px 10px}
.picture svg{display:block;width:100%;height:auto}.picture .narrow{display:none}
@media (max-width:640px){main{padding:14px 10px 32px}h1{font-size:20px}section{padding:12px}
.drawn{padding:2px}.picture .wide{display:none}.picture .narrow{display:block}th,td{padding:6px 8px}
.named{font-size:13px}.named th,.named td{padding:6px 5px}.named td.text{white-space:normal}
.worded,.worded tbody{display:block}.worded thead{display:none}
.worded tr{display:grid;grid-template-columns:repeat(3,1fr);gap:4px 12px;padding:8px 0;
border-bottom:1px solid var(--line)}.worded tbody tr:last-child{border-bottom:0}
.worded td{border:0;padding:0;text-align:left}.worded td.text{white-space:normal}
.worded td.prose{grid-column:1/-1;width:auto;min-width:0}
.worded td::before{content:attr(data-name);display:block;color:var(--soft);font-size:12px;font-weight:400}}
@media (min-width:641px){.plain.named{table-layout:fixed}.plain.named th:first-child{width:22%}}
@media print{body{background:#fff;font-size:12px}section{break-inside:avoid}main{max-width:none;padding:0}
.scroll{overflow:visible;background:none}table,table.dense{font-size:10px}th,table.dense{font-size:9px}
th,td,table.dense th,table.dense td,.named th,.named td{padding:3px 4px}
th:first-child,td:first-child{position:static}td.text,td.prose{white-space:normal;overflow-wrap:anywhere;min-width:0}
td.prose{font-size:9px}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Texts in rows under a heading; `numbers` names the right-aligned columns, `empty` is shown if there are no rows.

    `tones` are the styles of the cells, one tuple per row, or empty.
    """

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    tones: tuple[tuple[str, ...], ...] = ()
    empty: str = "None."

    def __post_init__(self) -> None:
        wrong = next((row for row in (*self.rows, *self.tones) if len(row) != len(self.columns)), None)
        if wrong is not None:
            raise ValueError(f"{self.heading}: a row has {len(wrong)} cells; the table has {len(self.columns)} columns")


def document(title: str, sections: Sequence[str]) -> str:
    """Return a whole HTML document around finished sections; the title is escaped."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def table(content: Table) -> str:
    """Return a table as a section that scrolls sideways on narrow screens."""
    heading = f"<h2>{escape(content.heading)}</h2>"
    if not content.rows:
        return f'<section>{heading}<p class="soft">{escape(content.empty)}</p></section>'
    return f"<section>{heading}{_grid(content)}</section>"


def folded(content: Table) -> str:
    """Return a table as a section of which only the heading shows until it is opened."""
    if not content.rows:
        return table(content)
    summary = f"<summary><h2>{escape(content.heading)}</h2></summary>"
    return f"<section><details>{summary}{_grid(content)}</details></section>"


def _grid(content: Table) -> str:
    kinds = ["number" if column in content.numbers else "text" for column in content.columns]
    heads = "".join(
        f'<th class="{kind}" scope="col">{escape(column)}</th>'
        for kind, column in zip(kinds, content.columns, strict=True)
    )
    tones = content.tones or [("",) * len(kinds)] * len(content.rows)
    worded = any(len(text) > LONG_TEXT for row in content.rows for text in row)
    # Where sentences leave no room for columns, each cell is labelled with its column.
    names = [f' data-name="{escape(column)}"' if worded else "" for column in content.columns]
    body = "".join(
        f"<tr>{''.join(map(_cell, kinds, row, styles, names))}</tr>"
        for row, styles in zip(content.rows, tones, strict=True)
    )
    styles = ["dense" if len(content.columns) > DENSE_COLUMNS else "plain"]
    styles += ["worded"] * worded + ["named"] * (not content.columns[0])
    whole = f'<table class="{" ".join(styles)}"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{whole}</div>'


def _cell(kind: str, text: str, tone: str, name: str) -> str:
    if kind == "number":
        tone = tone or {"+": "good", "−": "bad"}.get(text[:1], "")
        return f'<td class="{f"number {tone}".rstrip()}"{name}>{escape(text)}</td>'
    return f'<td class="{"prose" if len(text) > LONG_TEXT else "text"}"{name}>{escape(text)}</td>'


def pairs(style: str, entries: Sequence[tuple[str, str]]) -> str:
    """Return names with their values, in as many columns as fit; a long value takes a row of its own."""
    cells = (
        f'<div class="{_width(value)}"><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>' for name, value in entries
    )
    return f'<dl class="{style}">{"".join(cells)}</dl>'


def told(entries: Sequence[tuple[str, str, str]]) -> str:
    """Return names with their values and the meaning of each value, in as many columns as fit."""
    cells = (
        f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd><dd class="soft">{escape(meaning)}</dd></div>'
        for name, value, meaning in entries
    )
    return f'<dl class="told">{"".join(cells)}</dl>'


def _width(value: str) -> str:
    return "long" if len(value) > LONG_TEXT else "short"


def notice(style: str, heading: str, lines: Sequence[str]) -> str:
    """Return a highlighted box of sentences; empty if there are none."""
    if not lines:
        return ""
    return f'<section class="{style}"><h2>{escape(heading)}</h2>{_points(lines)}</section>'


def folded_notice(heading: str, lines: Sequence[str]) -> str:
    """Return a box of sentences of which only their number shows until it is opened; empty if there are none."""
    if not lines:
        return ""
    summary = f"<summary><h2>{escape(heading)}, {len(lines):,}</h2></summary>"
    return f'<section class="notice"><details>{summary}{_points(lines)}</details></section>'


def _points(lines: Sequence[str]) -> str:
    points = (f"<li>{_TYPED.sub(_CODE, escape(line))}</li>" for line in lines)
    return f"<ul>{''.join(points)}</ul>"


def money(value: Decimal) -> str:
    """Return money as text, to the cent.

    >>> money(Decimal("-1234.5"))
    '−1,234.50'
    """
    return f"{value:,.2f}".replace("-", "−")


def exactly(value: Decimal) -> str:
    """Return a quantity or price as text with all its digits and no trailing zeros.

    >>> exactly(Decimal("1234.500000")), exactly(Decimal("0E-12"))
    ('1,234.5', '0')
    """
    text = f"{value:,f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def priced(value: Decimal) -> str:
    """Return a price as text, to six digits and at least to the cent.

    >>> priced(Decimal("331.930933895874")), priced(Decimal("28923.635")), priced(Decimal("0.0001234567"))
    ('331.931', '28,923.64', '0.000123457')
    """
    decimals = max(2, 5 - value.adjusted())
    return f"{value:,.{decimals}f}".replace("-", "−")


def share(value: float | None) -> str:
    """Return a fraction in percent; a dash if it is None or not finite.

    >>> share(0.1234), share(None)
    ('12.3%', '–')
    """
    return ABSENT if value is None or not math.isfinite(value) else f"{value * 100:,.1f}%".replace("-", "−")


def figure(value: float | None) -> str:
    """Return a number to two decimals; a dash if it is None or not finite."""
    return ABSENT if value is None or not math.isfinite(value) else f"{value:,.2f}".replace("-", "−")


def signed(value: float | None) -> str:
    """Return a number to three decimals with its sign; a dash if it is None or not finite.

    >>> signed(0.5), signed(-0.25), signed(0.0)
    ('+0.500', '−0.250', '0.000')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    text = f"{value:+,.3f}".replace("-", "−")
    return text[1:] if text.strip("+−0.") == "" else text
