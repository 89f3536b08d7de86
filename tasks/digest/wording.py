"""A digest in words: at most one screen of a phone, the account, the date, the equity and its change first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from textwrap import wrap

from strategy.account.cash_flows import FlowKind
from strategy.account.orders import Fill, Order, OrderState, ReasonCode
from strategy.portfolio.drawdown_halt import HaltKind
from tasks.digest.facts import DayFacts, DayKind, Equity
from tasks.report.markup import converted, exactly, minus, money, share
from tasks.report.scales import signed_percent
from tasks.report.small_numbers import change

#: A line of a phone held upright.
WIDTH = 60
#: Its height, with room for the subject.
MOST_LINES = 25
#: Items that a list shows before it counts the rest.
SHOWN = 3
#: Fewer days make no picture.
FEWEST_DRAWN = 3
#: Heights of a bar, lowest first: characters that every kind of message can carry.
BARS = "▁▂▃▄▅▆▇█"
#: Reasons for which an order stays here although it was decided.
_STAYED = frozenset({ReasonCode.HALTED, ReasonCode.NOT_SENT})
#: What is remarkable of an order that left.
_OUTCOMES = {
    OrderState.REJECTED: " (refused)",
    OrderState.UNKNOWN: " (outcome unknown)",
    OrderState.CANCELLED: " (cancelled)",
    OrderState.EXPIRED: " (expired)",
}
_KINDS = {
    DayKind.PARTIAL: ", incomplete",
    DayKind.HALTED: ", halted",
    DayKind.FAILED: ", failed",
    DayKind.UNFINISHED: ", not finished",
    DayKind.MISSED: ", not run",
}
_MOVED = {FlowKind.DEPOSIT: "Deposited", FlowKind.WITHDRAWAL: "Withdrawn", FlowKind.TRANSFER: "Transferred in"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a digest tells besides the day: open concerns in sentences, the next run, and the pages to read on.

    `next_run` and each page are whole lines; empty texts are left out.
    """

    concerns: tuple[str, ...] = ()
    next_run: str = ""
    pages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to a person: its subject, and its body, whose lines are at most WIDTH long but for a page's address."""

    subject: str
    body: str


def next_run(start: datetime | None) -> str:
    """Return the line on the next run, None being none that is scheduled.

    >>> next_run(datetime(2020, 6, 15, 20, 30, tzinfo=UTC)), next_run(None)
    ('Next run: Mon 2020-06-15 20:30 UTC.', 'Next run: none is scheduled.')
    """
    return f"Next run: {start.astimezone(UTC):%a %Y-%m-%d %H:%M} UTC." if start else "Next run: none is scheduled."


def message(facts: DayFacts, beside: Beside) -> Message:
    """Return the digest of a day in words; its lists are shortened if it would exceed a screen."""
    lines = _lines(facts, beside, SHOWN)
    if len(lines) > MOST_LINES:
        lines = _lines(facts, beside, 1)
    kind = ", flattened" if facts.flattened and facts.kind is DayKind.DONE else _KINDS.get(facts.kind, "")
    return Message(subject=f"TurboDMT: {facts.account}{kind}", body="\n".join(lines))


def _lines(facts: DayFacts, beside: Beside, shown: int) -> list[str]:
    return [
        *_first(facts),
        *_curve(facts.equity),
        *_outcome(facts),
        *_halted(facts),
        *_traded(facts, shown),
        *_moved(facts),
        *_undecided(facts),
        *_warned(facts, beside),
        *_cut(beside.next_run, 1),
        *filter(None, beside.pages),
    ]


def _first(facts: DayFacts) -> list[str]:
    """Return account, date, equity and change; of a day that is not settled the equity has its own date."""
    told = f"{facts.account}, {facts.as_of:%a} {facts.as_of}"
    equity = facts.equity
    if equity is None:
        return _cut(f"{told}: no equity yet", 2)
    value = f"equity {money(equity.value)}"
    if equity.day != facts.as_of:
        return _cut(f"{told}: {value} as of {equity.day}", 2)
    whole, short = (f"{told}: {value}, {change}" for change in _changes(equity))
    return _cut(whole if len(whole) <= WIDTH else short, 2)


def _changes(equity: Equity) -> tuple[str, str]:
    """Return the day's change in money and in percent, and in fewer characters."""
    if equity.gain is None:
        return "its first day", "its first day"
    gained = f"{'+' if equity.gain > 0 else ''}{money(equity.gain)}"
    if not gained.strip("+−0."):
        return "unchanged", "unchanged"
    if equity.change is None:
        return gained, gained
    percent = _percent(equity.change)
    return f"{gained} ({percent})", percent


def _percent(fraction: float) -> str:
    """Return a change of one day, which is often below a tenth of a percent.

    >>> _percent(0.0042), _percent(-0.000012), _percent(0.0)
    ('+0.42%', '−0.0012%', '0.00%')
    """
    return minus(change(fraction, 2))


def _curve(equity: Equity | None) -> list[str]:
    """Return the equity of the last days as bars, with its change over them; none for less than three days."""
    if equity is None or len(equity.curve) < FEWEST_DRAWN:
        return []
    first, last = equity.curve[0], equity.curve[-1]
    grown = f" {signed_percent(last / first - 1)} in {len(equity.curve) - 1} days," if first > 0 else ""
    where = f"{share(equity.drawdown)} below its peak" if equity.drawdown > 0 else "at its peak"
    return _cut(f"{bars(equity.curve)}{grown} {where}", 2)


def bars(values: Sequence[float]) -> str:
    """Return a bar for each value, from the lowest to the highest of them.

    >>> bars([1.0, 2.0, 1.5]), bars([3.0, 3.0])
    ('▁█▅', '▅▅')
    """
    low, high = min(values), max(values)
    if high == low:
        return BARS[len(BARS) // 2] * len(values)
    return "".join(BARS[round((value - low) / (high - low) * (len(BARS) - 1))] for value in values)


def _outcome(facts: DayFacts) -> list[str]:
    """Return what kept the day from being done, but for a halt and symbols that are not decided."""
    match facts.kind:
        case DayKind.FAILED if facts.decided:
            return _cut(f"The run failed: {facts.failure}", 3)
        case DayKind.FAILED:
            return _cut(f"Nothing was decided, the run failed: {facts.failure}", 3)
        case DayKind.UNFINISHED:
            return _cut("A run began and has not ended; run the day again: it repairs what was left.", 2)
        case DayKind.MISSED:
            return _cut("No run of the day has begun: see whether its schedule is on and a worker runs.", 2)
    return []


def _halted(facts: DayFacts) -> list[str]:
    """Return the halt in force, and that the day was flattened if it is in force no longer."""
    halt = facts.halt
    over = facts.flattened and (halt is None or halt.kind is not HaltKind.FLATTEN)
    closes = ["Flattened on this day: its orders close every position."] if over else []
    if halt is None:
        return closes
    state = "Flattened" if halt.kind is HaltKind.FLATTEN else "Halted"
    since = f" since {halt.since}" if halt.since else ""
    return [*closes, *_cut(f"{state}{since}: {halt.reason}", 2)]


def _traded(facts: DayFacts, shown: int) -> list[str]:
    """Return fills and orders; that there were none is said of a day that was decided."""
    fills = [_filled(fill) for fill in facts.fills]
    left = [order for order in facts.orders if order.state not in {OrderState.SKIPPED, OrderState.INTENDED}]
    stayed = [order for order in facts.orders if order.state is OrderState.INTENDED or order.code in _STAYED]
    if facts.decided and not (fills or left or stayed):
        return ["Nothing filled, nothing ordered."]
    return [
        *(_listed("Filled", fills, shown) or (["Nothing filled."] if facts.decided else [])),
        *(
            _listed("Ordered", [*map(_ordered, left)], shown)
            or (["Nothing ordered."] if facts.decided and not stayed else [])
        ),
        *_listed("Not sent", [*map(_ordered, stayed)], shown),
    ]


def _filled(fill: Fill) -> str:
    did = "bought" if fill.signed_quantity >= 0 else "sold"
    return f"{did} {exactly(fill.quantity)} {fill.symbol} at {converted(fill.price, fill.fx_rate)}"


def _ordered(order: Order) -> str:
    return f"{order.side} {exactly(order.quantity)} {order.symbol}{_OUTCOMES.get(order.state, '')}"


def _moved(facts: DayFacts) -> list[str]:
    """Return the money and positions that the day has booked from outside, in one line."""
    told = []
    for flow in facts.flows:
        value = money(abs(flow.value or Decimal(0)))
        told.append(f"{exactly(flow.quantity)} {flow.symbol}, worth {value}" if flow.symbol else value)
    named = [f"{_MOVED[flow.kind]} {each}" for flow, each in zip(facts.flows, told, strict=True)]
    return _cut(f"{'; '.join(named)}.", 2) if named else []


def _undecided(facts: DayFacts) -> list[str]:
    """Return the symbols that came late, and those that the day has not decided."""
    late = _cut(f"Came late, decided in a second pass: {', '.join(facts.late)}.", 1) if facts.late else []
    held = facts.held_back
    if not held:
        return late
    if len(held) == 1:
        ((symbol, reason),) = held.items()
        return [*late, *_cut(f"Held back, position kept. {reason or symbol}", 2)]
    return [*late, *_cut(f"Held back, positions kept: {', '.join(held)}.", 2)]


def _warned(facts: DayFacts, beside: Beside) -> list[str]:
    """Return new warnings and open concerns, the first ones in two lines each, and how many more there are."""
    told = [*beside.concerns, *facts.warnings]
    shown = told if len(told) < SHOWN else told[: SHOWN - 1]
    lines = [line for each in shown for line in _cut(f"! {each}", 2, "  ")]
    more = [f"{len(told) - len(shown)} more"] if len(told) > len(shown) else []
    others = (" other" if facts.repeated == 1 else " others") if told else ""
    again = f"{facts.repeated}{others} as on the day before"
    more += [again] if facts.repeated else []
    counted = _cut(f"{'!' if told else 'Warnings:'} {', '.join(more)}", 1) if more else []
    return [*lines, *counted]


def _listed(heading: str, items: Sequence[str], most: int) -> list[str]:
    """Return at most so many items under their heading, or beside it if there is one; the rest is counted."""
    if not items:
        return []
    rest = f", and {len(items) - 1} more" if len(items) > 1 else ""
    if not rest or most == 1:
        return _cut(f"{heading}: {items[0]}{rest}", 1)
    shown = items if len(items) <= most else items[: most - 1]
    counted = [f"  and {len(items) - len(shown)} more"] if len(items) > len(shown) else []
    return [f"{heading}:", *(line for each in shown for line in _cut(f"  {each}", 1)), *counted]


def _cut(sentence: str, lines: int, indent: str = "") -> list[str]:
    """Return a sentence in so many lines at most; what it lacks, the day's page has."""
    if not sentence:
        return []
    return wrap(
        sentence,
        WIDTH,
        max_lines=lines,
        placeholder=" …",
        subsequent_indent=indent,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
