"""Audit of a strategy for look-ahead, by the code of `turbodmt audit lookahead`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from os import PathLike

import pandas as pd

from flows.cli.console import tell
from flows.cli.research.audit import LOOKAHEAD_DAYS, MOST_DAYS
from flows.config.settings import load
from flows.planning.adapters import source_factory
from flows.planning.backtest_plan import plan_backtest
from flows.planning.plan import RequestRefused, between
from strategy.audit.user_strategy import Coverage
from strategy.signals.faults import StrategyRefused
from strategy.signals.strategies import Strategy
from tasks.audit.lookahead import look_ahead
from tasks.audit.window import Audited, AuditRequest, ChecksAnswer, audited
from tasks.strategies.audit_gate import performed
from turbodmt.bar_tables import Bars, read_bars
from turbodmt.option_names import Day, Names, day_text, in_terms_of_python, merged
from turbodmt.own_strategies import strategy_of
from turbodmt.process_state import quiet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditReport:
    """A passed audit; `answer` is that of `turbodmt audit lookahead`.

    `coverage` says what was looked at of a strategy that is not built in: rows, cuts, windows and altered bars.
    """

    answer: ChecksAnswer = field(repr=False)
    coverage: Coverage | None = None

    @property
    def checks(self) -> pd.DataFrame:
        """Return one row per check: of which strategy, on how many dates, and how many values differed."""
        names = ("check", "strategy", "dates", "mismatches", "passed")
        return pd.DataFrame([[getattr(check, name) for name in names] for check in self.answer.checks], columns=names)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what was not audited, and the warnings about bars."""
        return tuple(self.answer.warnings)

    def json(self) -> str:
        """Return what `turbodmt audit lookahead --json` prints."""
        return self.answer.to_json()

    def __repr__(self) -> str:
        answer = self.answer
        return f"AuditReport({len(answer.checks)} checks passed, {answer.start} to {answer.end})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.checks.to_html(index=False)}"


def audit(
    strategy: str | Strategy,
    bars: Bars,
    *,
    start: Day | None = None,
    end: Day | None = None,
    symbols: Names | None = None,
    days: int = LOOKAHEAD_DAYS,
    settings: Mapping[str, object] | None = None,
    home: str | PathLike[str] | None = None,
) -> AuditReport:
    """Prove that no value of the strategy depends on a later bar, or on more history than it says.

    Features, estimates, decisions and trades of `days` dates are computed again from bars that end there, that have
    another future, and from the bare look-back; all must be equal to the last bit. A strategy that is not built in is
    first examined as before its first trade: cut off, with altered bars, window by window, and called twice.

    Raises StrategyRefused with the first fault and its likely cause, AuditFailed with the first differences,
    AuditRefused for too little history, and what `backtest` raises.

    >>> import numpy as np
    >>> def peek(bars):
    ...     return np.sign(np.append(bars.close[1:], bars.close[-1]) - bars.close)
    >>> strategy = Strategy(name="peek", signal=peek, history_bars=1, sizing="direct")
    >>> audit(strategy, "sample", symbols="^GSPC", start="2018-01-02", days=3)
    Traceback (most recent call last):
    strategy.signals.faults.StrategyRefused: strategy peek is refused (looks_ahead): ^GSPC ...
    """
    with in_terms_of_python():
        if not 1 <= days <= MOST_DAYS:
            raise RequestRefused(f"--days is {days}; it must lie between 1 and {MOST_DAYS}")
        table = read_bars(bars, symbols)
        folder = table.home(home)
        request = between("audit", day_text(start), day_text(end))
        with table.calling_it_a_frame(folder), quiet():
            given = merged(table.options(folder), settings)
            subject = strategy_of(strategy, load(given))
            planned = plan_backtest(given, request, subject)
            open_source = source_factory(planned.settings)
            coverage = _examined(subject, audited(planned.job, None, open_source)) if subject.version else None
            wanted = AuditRequest(strategies=(subject,), start=request.since, days=days)
            return AuditReport(answer=look_ahead(planned.job, wanted, open_source), coverage=coverage)


def _examined(strategy: Strategy, known: Audited) -> Coverage:
    """Return what was looked at of a strategy that passed. Raises StrategyRefused for its worst fault."""
    found = performed(strategy, known.bars, tell)
    if not found.passed:
        raise StrategyRefused(strategy.name, found.faults[0])
    return found.coverage
