"""Report pages filled from their templates, their tables, and their numbers as text."""

import math
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from tasks.report import small_numbers

if TYPE_CHECKING:
    from jinja2 import Environment

ABSENT = "–"
#: The only script of a page, which a browser runs by its hash alone.
SCRIPT = Path(__file__).with_name("templates").joinpath("pictures.js")
#: Commands to type are in backquotes in a warning.
_TYPED, _CODE = re.compile(r"`([^`]+)`"), r"<code>\1</code>"
#: A hyphen that is the sign of a number.
_NEGATIVE = re.compile(r"(?<![^\s(\[+])-(?=\d)")


def render(template: str, values: Mapping[str, object], back: str = "") -> str:
    """Return the page of that template; every value is escaped, and one that the template lacks is an error.

    `back` is the address of the page of all accounts; empty for a page that does not lie beside it.
    """
    return _templates().get_template(template).render({**values, "back": back})


@cache
def script_source() -> str:
    """Return the source of the script by its hash, as a Content-Security-Policy names it."""
    return f"'sha256-{b64encode(sha256(SCRIPT.read_bytes()).digest()).decode()}'"


@cache
def _templates() -> "Environment":
    # Most commands draw no page.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("tasks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"commands": _commands, "several": several}
    # The file is ours, and neither it nor the data of a picture holds an end of a script.
    made.globals["script"] = Markup(SCRIPT.read_text(encoding="utf-8"))  # noqa: S704
    made.globals["script_source"] = script_source()
    return made


def _commands(line: str) -> Markup:
    """Return a warning as HTML, with its commands as code; else as it is, as it may quote an exchange's code."""
    return Markup(_TYPED.sub(_CODE, str(escape(line))))  # noqa: S704 (escaped first)


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

    def prose(self, longest: int) -> frozenset[str]:
        """Return the columns in which a text is longer than so many characters."""
        cells = ((name, text) for row in self.rows for name, text in zip(self.columns, row, strict=True))
        return frozenset(name for name, text in cells if len(text) > longest)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePicture:
    """A drawing of one thing for a wide and for a narrow screen, as SVG, and its numbers as JSON for the script."""

    wide: str
    narrow: str
    data: str


def several(names: Sequence[str], most: int = 4) -> str:
    """Return the names, or how many symbols they are if that would fill a heading.

    >>> several(["SPY", "TLT"]), several(["SPY", "TLT", "GLD"], most=2)
    ('SPY, TLT', '3 symbols')
    """
    return ", ".join(names) if len(names) <= most else f"{len(names)} symbols"


def money(value: Decimal) -> str:
    """Return money as text, to the cent; less than half a cent has no sign.

    >>> money(Decimal("-1234.5")), money(Decimal("-0.004"))
    ('−1,234.50', '0.00')
    """
    return f"{value:z,.2f}".replace("-", "−")


def cost(value: Decimal) -> str:
    """Return a cost or a small gain as text, to the cent or, below ten cents, to two digits.

    >>> cost(Decimal("-0.004047")), cost(Decimal("12.5")), cost(Decimal(0))
    ('−0.0040', '12.50', '0.00')
    """
    return minus(small_numbers.cost(value))


def held_quantity(value: Decimal) -> str:
    """Return a quantity as text to the digits of its lot: six decimals, eight for a small one.

    >>> held_quantity(Decimal("92.262491630772")), held_quantity(Decimal("-0.00012345678"))
    ('92.262492', '−0.00012346')
    """
    return exactly(round(value, 8 if abs(value) < Decimal("0.001") else 6))


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


def converted(price: Decimal, fx_rate: Decimal) -> str:
    """Return a price as text, with its rate in the account's currency if that is another one.

    >>> converted(Decimal("101.5"), Decimal(1)), converted(Decimal("101.5"), Decimal("1.1"))
    ('101.500', '101.500 × 1.10000')
    """
    return priced(price) if fx_rate == 1 else f"{priced(price)} × {priced(fx_rate)}"


def share(value: float | None) -> str:
    """Return a fraction in percent, one near zero to two digits; a dash if it is None or not finite.

    >>> share(0.1234), share(-0.00038), share(None)
    ('12.3%', '−0.038%', '–')
    """
    return ABSENT if value is None or not math.isfinite(value) else minus(small_numbers.percent(value))


def exposed(value: float | None) -> str:
    """Return an exposure, a multiple of equity, in percent with its sign; a dash if it is None or not finite.

    >>> exposed(0.457), exposed(-0.0256), exposed(0.0), exposed(None)
    ('+45.7%', '−2.6%', '0.0%', '–')
    """
    return ABSENT if value is None or not math.isfinite(value) else minus(small_numbers.change(value))


def minus(text: str) -> str:
    """Return a number as text with a minus sign for its hyphen."""
    return text.replace("-", "−")


def with_minus_signs(sentence: str) -> str:
    """Return a sentence with minus signs before its negative numbers; dates, names and options keep their hyphens.

    >>> with_minus_signs("the target of -0.0256 on 2018-12-31, (-8.78%), --fee 1, ^A-1")
    'the target of −0.0256 on 2018-12-31, (−8.78%), --fee 1, ^A-1'
    """
    return _NEGATIVE.sub("−", sentence)


def figure(value: float | None) -> str:
    """Return a number to two decimals; a dash if it is None or not finite.

    >>> figure(-1234.5), figure(-0.001), figure(None)
    ('−1,234.50', '0.00', '–')
    """
    return ABSENT if value is None or not math.isfinite(value) else f"{value:z,.2f}".replace("-", "−")


def chance(p: float | None) -> str:
    """Return a p-value to two decimals; a dash if it is None or not finite.

    >>> chance(0.994), chance(0.0004), chance(None)
    ('0.99', '< 0.01', '–')
    """
    return "< 0.01" if p is not None and p < 0.01 else figure(p)


def signed(value: float | None) -> str:
    """Return a number to three decimals with its sign; a dash if it is None or not finite.

    >>> signed(0.5), signed(-0.25), signed(0.0)
    ('+0.500', '−0.250', '0.000')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    text = f"{value:+,.3f}".replace("-", "−")
    return text[1:] if text.strip("+−0.") == "" else text
