"""Days in two passes: parity holds for strategies that decide by the bars alone, and not for one that does not."""

from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from strategy.audit.lookahead import Checked
from strategy.builtin.registry import HOLD, RULES
from strategy.market.bars import Bars, FloatArray
from strategy.signals.strategies import Strategy
from tasks.audit.late_passes import late_parity
from tasks.audit.parity_case import Case
from tasks.audit.window import audited
from testing.markets.bars import PAIR, FakeBars, account_days
from testing.runs.jobs import a_job, on

#: SHARE splits on the last day.
FIRST, LAST = date(2020, 6, 4), date(2020, 6, 12)


def checked(home: Path, strategy: Strategy, source: FakeBars = PAIR) -> tuple[Checked, ...]:
    days = account_days(source, FIRST, LAST)
    bars = audited(a_job(home / "all", source.symbols(), LAST), None, lambda: source).bars
    job = replace(a_job(home / "divided", source.symbols(), LAST, strategy), account="parity")
    case = Case(name=strategy.name, jobs=tuple(on(job, day) for day in days), model_id=None)
    return late_parity([case], source, bars)


@pytest.mark.parametrize("strategy", [RULES, HOLD])
def test_each_pass_replays_and_both_settle_the_day_as_one_would(home: Path, strategy: Strategy) -> None:
    (found,) = checked(home, strategy)
    assert (found.check, found.subject, found.dates, found.differences) == ("passes", strategy.name, 3, ())


def test_a_strategy_that_depends_on_more_than_the_bars_is_found_out(home: Path) -> None:
    calls = count()

    def moody(bars: Bars) -> FloatArray:
        return np.full(len(bars), 0.5 + 0.01 * next(calls) % 0.4)

    (found,) = checked(home, Strategy(name="moody", signal=moody, history_bars=1, trusted=True))
    assert "the replay decides" in found.differences[0]


def test_one_symbol_alone_has_no_second_pass(home: Path) -> None:
    assert checked(home, RULES, FakeBars(listings=PAIR.listings[:1])) == ()
