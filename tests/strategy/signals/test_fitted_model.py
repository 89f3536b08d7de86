"""A learner's model sees the bare window of a day and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from strategy.audit.lookahead import estimates, lookahead, newest
from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import Calendar
from strategy.signals.faults import Check
from strategy.signals.fitted_model import FittedModel
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import look_back
from strategy.signals.strategies import Strategy
from testing.markets.panels import market, walk

HISTORY = 8
PRIOR = Strategy(name="half", signal=lambda bars: np.full(len(bars), 0.5), history_bars=1, sizing="volatility")
LONG = walk("A", 1, 400)
#: A stops trading a while before B, which has a session on every fourth day.
BARS = market(LONG.rows(0, 380), replace(LONG.rows(1, 400), symbol="B"), walk("C", 3, 5))


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """A model across symbols, which remembers what it was given."""

    seen: list[dict[str, int]] = field(default_factory=list)

    def signals(self, panel: Mapping[str, Bars]) -> dict[str, FloatArray]:
        self.seen.append({symbol: len(bars) for symbol, bars in panel.items()})
        gain = {symbol: bars.adjusted_close / bars.adjusted_close[0] - 1.0 for symbol, bars in panel.items()}
        mean = np.mean([values[-1] for values in gain.values()])
        return {symbol: np.clip(values - mean, -1.0, 1.0) for symbol, values in gain.items()}

    def to_arrays(self) -> dict[str, FloatArray]:
        return {"none": np.zeros(1)}


@dataclass(frozen=True, kw_only=True)
class Learner:
    """Learns nothing."""

    prior: Strategy = PRIOR
    history_bars: int = HISTORY

    def fit(self, past: Mapping[str, Bars], seed: int) -> Ranks:
        return Ranks()

    def from_arrays(self, arrays: Mapping[str, FloatArray]) -> Ranks:
        return Ranks()


STRATEGY = replace(PRIOR, name="ranks", learner=Learner())


def model(of: Ranks | None = None) -> FittedModel:
    return FittedModel(model=of or Ranks(), prior=PRIOR, history_bars=HISTORY)


def test_every_symbol_is_given_exactly_its_newest_bars_and_only_while_it_trades() -> None:
    ranks = Ranks()
    signals = model(ranks).forecast(BARS)
    assert {count for panel in ranks.seen for count in panel.values()} == {HISTORY}
    assert ranks.seen[-1] == {"B": HISTORY}
    assert any(panel == {"A": HISTORY, "B": HISTORY} for panel in ranks.seen)
    assert (signals["C"] == 0.5).all()
    assert (signals["A"][: HISTORY - 1] == 0.5).all()
    assert np.isfinite(signals["B"]).all()


def test_later_bars_and_those_before_the_look_back_change_no_signal() -> None:
    calendars = dict.fromkeys(BARS, Calendar.ALWAYS)
    claim = estimates(STRATEGY, "ranks", calendars, model())
    learned = replace(claim, of=lambda bars, day: {k: v for k, v in claim.of(bars, day).items() if "signal" in k})
    days = [BARS["B"].open_time[row].astype("M8[D]").item() for row in (300, 378, 398)]
    assert {learned.of(BARS, day)["B signal"] for day in days} & {0.5} == set(), "the model decides"
    checked = lookahead(learned, BARS, days, seed=1)
    assert checked.passed, checked.differences


def test_the_look_back_reaches_the_newest_row_of_a_symbol_that_has_stopped() -> None:
    bare = look_back(partial(newest, BARS), STRATEGY, model(), VolatilityEstimator.EWMA)
    whole, again = model().forecast(BARS), model().forecast(bare)
    assert {symbol: values[-1] for symbol, values in again.items()} == {
        symbol: values[-1] for symbol, values in whole.items()
    }


def test_a_model_cannot_write_to_its_bars() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Writes(Ranks):
        def signals(self, panel: Mapping[str, Bars]) -> dict[str, FloatArray]:
            for bars in panel.values():
                bars.close[:] = 1.0
            return {}

    (fault, *_) = model(Writes()).refusals(BARS, BARS["B"].open_time[-1])
    assert (fault.check, fault.symbol) == (Check.RAISES, "A")
    assert "read-only" in fault.message


def test_the_parts_are_the_signals_that_are_used() -> None:
    since = BARS["B"].open_time[-1]
    parts = model().parts(BARS, since)
    assert set(parts) == {"A", "B"}
    assert parts["B"].members == (model().forecast(BARS, since)["B"][-1],)
