"""Audit of a user's strategy before its first trade: its values may depend on nothing but the bars up to their rows.

Every call is made on bars that are cut off, altered later, altered in single rows, or the bare window, in an order in
which nothing is seen too early: state that keeps later bars shows when an early call is repeated.

This finds mistakes, not malice. It cannot find what the strategy's author knew (a crash's date as a constant, or
parameters fitted to these bars), a file read before the audit began, a peek of less than 1e-9 (the windows are then
called alone, which cannot peek), what differs only from day to day or between processes (a date, `hash` of a text), or
code that behaves while it is audited, for example for so many calls. State that a first call sets for good shows only
where the code can be loaded anew. A peek at few rows is found with the probability that one of them is a cut, the end
of a probed window, or stands before an altered row; the latter are all rows if `history_bars` is at most 312.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from strategy.audit.kept_state import state_of_first_calls, state_of_other_symbols
from strategy.audit.signal_calls import SignalCalls, gaps
from strategy.audit.signal_examination import Examination, examination
from strategy.market.altered_bars import reordered
from strategy.market.bars import Bars
from strategy.market.price_panel import PricePanel, price_panel
from strategy.signals.evaluation import IMPRECISION, Tick, silent
from strategy.signals.faults import CallFailed, Check, Fault
from strategy.signals.strategies import Strategy

#: Raised with every change of the rules: verdicts of an earlier number do not count.
AUDIT_VERSION = 1
#: The checks, the one that costs most money first.
_WORST_FIRST = (Check.LOOKS_AHEAD, Check.OTHER_SYMBOLS, Check.UNSTABLE, Check.WRITES_INPUT, Check.WINDOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What an audit looked at: numbers of symbols, of rows that have a value, and of cuts, windows and altered calls.

    `altered` counts calls on bars of which single rows are altered. Symbols in `short` have fewer rows than
    `history_bars`, so that there was nothing to audit.
    """

    symbols: int
    rows: int
    cuts: int
    windows: int
    altered: int
    short: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Verdict on a strategy: the first fault of each check and symbol, the worst first, and what was looked at.

    `whole` says whether one call on the whole history gave the bits of the windows wherever it was looked at: only then
    may it stand for them.
    """

    faults: tuple[Fault, ...]
    coverage: Coverage
    whole: bool

    @property
    def passed(self) -> bool:
        """Return whether no fault was found."""
        return not self.faults


def unfinished(fault: Fault) -> Audit:
    """Return the audit that a fault ended before it had looked at anything."""
    nothing = Coverage(symbols=0, rows=0, cuts=0, windows=0, altered=0, short=())
    return Audit(faults=(fault,), coverage=nothing, whole=False)


def audit_strategy(
    strategy: Strategy,
    bars: Mapping[str, Bars],
    seed_text: str,
    tick: Tick = silent,
    anew: Callable[[], Strategy] | None = None,
) -> Audit:
    """Audit the strategy in this process on the bars of every symbol; call `tick` with the symbol before each call.

    `seed_text`, the hash of the strategy's file, decides which rows are looked at. A learner is audited by its prior.
    `anew` loads the strategy's code again, without its state: only then does a model show that the first call fits.

    >>> from strategy.market.bars import make_bars
    >>> series = make_bars("A", np.arange("2020-01-01", "2020-04-01", dtype="M8[D]"), close=np.arange(1.0, 92.0))
    >>> def tomorrow(bars):
    ...     return np.append(np.diff(bars.close) > 0, False)
    >>> audit = audit_strategy(Strategy(name="tomorrow", signal=tomorrow, history_bars=1), {"A": series}, "seed")
    >>> [str(fault.check) for fault in audit.faults]
    ['looks_ahead']
    """
    known: list[Bars] | list[PricePanel] = (
        [price_panel(bars)] if strategy.signals is not None else [bars[symbol] for symbol in sorted(bars)]
    )
    calls = [SignalCalls(strategy=strategy, known=each, tick=tick) for each in known]
    short = [each for each in calls if len(each.known) < strategy.history_bars]
    seen = [examination(each, _seed(seed_text, each.label)) for each in calls if each not in short]
    sound = [each for each in seen if each.fault is None]
    draw = np.random.default_rng(_seed(seed_text, ""))
    faults = [each.fault for each in seen if each.fault is not None]
    if strategy.signals is not None:
        faults += [fault for each in sound for fault in _of_order(each, draw)]
    else:
        faults += state_of_other_symbols(sound, draw)
    if anew is not None:
        faults += state_of_first_calls(sound, anew)
    return Audit(faults=_sorted(faults), coverage=_coverage(seen, short), whole=all(each.exact for each in seen))


def _seed(seed_text: str, label: str) -> int:
    return int.from_bytes(sha256(f"{seed_text}:{label}".encode()).digest())


def _sorted(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    places = {check: place for place, check in enumerate(_WORST_FIRST)}
    first = {(fault.check, fault.symbol): fault for fault in reversed(faults)}
    return tuple(sorted(first.values(), key=lambda fault: (places.get(fault.check, len(places)), fault.symbol)))


def _coverage(seen: Sequence[Examination], short: Sequence[SignalCalls]) -> Coverage:
    def symbols(calls: SignalCalls) -> tuple[str, ...]:
        return (calls.known.symbol,) if isinstance(calls.known, Bars) else calls.known.symbols

    return Coverage(
        symbols=sum(len(symbols(each.calls)) for each in seen),
        rows=sum(len(each.calls.known) - each.calls.first for each in seen),
        cuts=sum(len(each.plan.cuts) for each in seen),
        windows=sum(len(each.plan.windows) for each in seen),
        altered=sum(len(each.plan.altered) for each in seen),
        short=tuple(symbol for each in short for symbol in symbols(each)),
    )


def _of_order(seen: Examination, draw: np.random.Generator) -> list[Fault]:
    """Return the fault of a panel whose values, where a symbol has a session, depend on the order of its symbols."""
    panel = seen.calls.known
    if not isinstance(panel, PricePanel) or len(panel.symbols) < 2:
        return []
    places = np.arange(len(panel.symbols))
    for order in (places[::-1], draw.permutation(places)):
        try:
            values = seen.calls.of(reordered(panel, order))[:, np.argsort(order)]
        except CallFailed as failed:
            return [failed.fault]
        apart = (gaps(values, seen.whole) > IMPRECISION) & np.isfinite(panel.close)
        apart[: seen.calls.first] = False
        if apart.any():
            row = int(np.argmax(apart.any(axis=1)))
            column = int(np.argmax(apart[row]))
            what = (
                f"of row {row} is {float(seen.whole[row, column])!r}, and {float(values[row, column])!r} with the "
                "symbols in another order: rank ties alike, and name no column"
            )
            return [seen.calls.fault(Check.OTHER_SYMBOLS, what, row, column)]
    return []
