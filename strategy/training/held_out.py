"""Trainer of any learner: the newest dates are held out of the past that it is given, and judge its model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategy.kernel.grid import Point
from strategy.kernel.grid_accounts import PanelRules, sweep_panel, swept
from strategy.market.bars import Bars, FloatArray
from strategy.market.panel import Panel, side_by_side
from strategy.signals.evaluation import sealed
from strategy.signals.faults import CallFailed, Check, StrategyRefused
from strategy.signals.fitted_model import FittedModel, demand_arrays, learner_settings, read_fitted, refused_in_words
from strategy.signals.forecaster import Forecaster
from strategy.signals.model_examination import examined
from strategy.signals.strategies import Arrays, Evaluated, Learner, Strategy
from strategy.training.recipe import TrainingConfig
from strategy.training.trainer import Learned, NotFinished, NotTrained, Past, Returns, Settings
from strategy.training.windows import LEAST_GATE_DAYS, SplitRule

#: Broken rules that refuse the strategy itself, as the audit of a signal does, and not only the model.
_DISHONEST = frozenset({Check.LOOKS_AHEAD, Check.UNSTABLE, Check.OUTSIDE_WORLD})


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A learner, and the share of the dates and the purge that part what it is trained on from what judges it."""

    strategy: Strategy
    learner: Learner
    seed: int
    rule: SplitRule

    @property
    def summary(self) -> str:
        """Return what is trained."""
        return f"a model of {self.strategy}"

    def config(self) -> dict[str, Any]:
        """Return strategy, learner and shares as JSON values."""
        return {
            "strategy": self.strategy.name,
            "learner": learner_settings(self.strategy),
            "training": {
                "seed": self.seed,
                "validation_share": self.rule.validation_share,
                "purge_bars": self.rule.purge_bars,
            },
        }

    def warmed(self, config: Settings) -> None:  # noqa: ARG002
        """Return None: every training starts anew."""
        return

    def train(self, past: Past, start: Forecaster | None = None) -> Learned:  # noqa: ARG002
        """Train a model on the dates before the purge, and judge it on the gate dates after it.

        The model that is judged is the one that is read back from its arrays. Raises NotTrained, NotFinished for a
        learner that was stopped, and StrategyRefused for signals that look ahead or change when computed again.
        """
        panel = side_by_side({symbol: series.open_time for symbol, series in past.bars.items()})
        span = self._gate(panel)
        last = panel.open_time[max(0, span.start - self.rule.purge_bars - 1)]
        known = {symbol: series.until(last) for symbol, series in past.bars.items()}
        known = {symbol: series for symbol, series in known.items() if len(series) > self.learner.history_bars}
        if not known or len(span) < LEAST_GATE_DAYS:
            longest = max(map(len, past.bars.values()))
            raise NotTrained(
                f"not enough history to train: {longest} bars give {len(known)} symbols with more than the "
                f"{self.learner.history_bars} bars of a signal before the purge (needs 1) and {len(span)} days of "
                f"validation (needs {LEAST_GATE_DAYS}); import more history"
            )
        arrays = self._arrays(known)
        model = self._read(arrays)
        signals, faults = model.checked(past.bars, panel.open_time[span.start])
        seed_text = self.strategy.version or self.strategy.name
        fault = next(iter(faults), None) or examined(model, past.bars, seed_text, lambda: self._read(arrays))
        if fault and fault.check in _DISHONEST:
            raise StrategyRefused(self.strategy.name, fault)
        return Learned(
            model=model,
            gate=self._account(past, signals, span),
            prior_gate=self._account(past, None, span),
            gate_span=span,
            gate_dates=panel.open_time[span.start + 1 : span.stop + 1],
            refused=refused_in_words(self.strategy, fault) if fault else "",
        )

    def returns(self, past: Past, model: Forecaster, span: range) -> Returns:
        """Return what another model earns on the gate dates of a training on this past, net at single cost."""
        dates = side_by_side({symbol: series.open_time for symbol, series in past.bars.items()}).open_time
        return self._account(past, model.forecast(past.bars, dates[span.start]), span)

    def _gate(self, panel: Panel) -> range:
        """Return the newest half of the validation dates, the decisions that judge the models of networks too."""
        first = max(self.learner.history_bars, self.strategy.history_bars) - 1
        usable = np.flatnonzero((panel.row >= first).any(axis=1))[:-1]
        border = int(usable[int(len(usable) * (1.0 - self.rule.validation_share))]) if len(usable) else len(panel)
        return range((border + len(panel) - 1) // 2, len(panel) - 1)

    def _arrays(self, known: Mapping[str, Bars]) -> dict[str, NDArray[Any]]:
        """Return the arrays of a newly trained model, checked. Raises NotTrained."""
        past = {symbol: sealed(series) for symbol, series in known.items()}
        try:
            arrays = self.learner.fit(past, self.seed).to_arrays()
        except CallFailed as failed:
            raise NotTrained(f"the learner of {self.strategy} is refused: {failed.fault.message}") from failed
        except NotFinished:
            raise
        except Exception as error:
            raise NotTrained(f"the learner of {self.strategy} raises {type(error).__name__}: {error}") from error
        try:
            return demand_arrays(self.strategy.name, arrays)
        except ValueError as error:
            raise NotTrained(str(error)) from error

    def _read(self, arrays: Arrays) -> FittedModel:
        try:
            return read_fitted(self.strategy, arrays, self.config())
        except ValueError as error:
            raise NotTrained(str(error)) from error

    def _account(self, past: Past, signals: Mapping[str, FloatArray] | None, span: range) -> Returns:
        """Return the returns of an account that starts on the span's first date; without signals, by the prior."""
        config, prior = past.config, self.learner.prior
        traded = (
            prior
            if signals is None
            else Strategy(
                name=prior.name,
                signal=prior.signal,
                signals=prior.signals,
                history_bars=prior.history_bars,
                sizing=prior.sizing,
                columns=prior.columns,
                runner=_Known(signals=signals),
            )
        )
        dates = side_by_side({symbol: series.open_time for symbol, series in past.bars.items()}).open_time
        sizing = config.sizing
        rules = PanelRules(
            limits=config.limits,
            capital=config.capital,
            allocation=sizing.allocation,
            estimator=sizing.volatility_estimator,
        )
        panel = sweep_panel(past.bars, config.terms.instruments, traded, dates[span.start], rules)
        symbols = tuple(instrument.symbol for instrument in panel.instruments)
        point = Point(symbols=symbols, strategy=traded, sizing=config.sizing, costs=config.terms.costs)
        net: FloatArray = swept(panel, [point]).net[:, 0]
        return Returns(net=net, days=panel.days[1:], days_per_year=panel.days_per_year)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Known:
    """Runner of a strategy whose signals are there already."""

    signals: Mapping[str, FloatArray]

    def evaluate(self, bars: Mapping[str, Bars], since: np.datetime64 | None, *, exact: bool = False) -> Evaluated:  # noqa: ARG002
        """Return the known signals of these symbols."""
        return Evaluated(signals={symbol: self.signals[symbol] for symbol in bars}, faults={})


def held_out(strategy: Strategy, learner: Learner, recipe: TrainingConfig) -> HeldOut:
    """Return the trainer of a learner that brings none of its own. Raises ValueError for a share out of range."""
    rule = SplitRule(validation_share=recipe.validation_share)
    return HeldOut(strategy=strategy, learner=learner, seed=recipe.seed, rule=rule)
