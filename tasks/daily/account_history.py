"""An account's full history: equity and metrics beside buy and hold, on the same days, at the same costs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import Connection, connect
from storage.ledger import bulk
from storage.ledger import positions as position_store
from strategy.backtest.day_loop import Replay
from strategy.backtest.fill_quotes import IMPACT_BARS, fill_quotes
from strategy.backtest.replay import replay
from strategy.builtin.registry import BASELINE
from strategy.evaluation.metrics import drawdowns
from strategy.market.bars import Bars
from strategy.market.instruments import Instrument
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.signals.outlook import history_bars, symbol_signals
from tasks.backtest.measured import measure_account
from tasks.backtest.run import Tested
from tasks.report.backtest_tables import Measured
from tasks.report.charts import EquityPicture, Line
from tasks.run.job import Job

#: More account days than any history has.
MOST_DAYS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHistory:
    """The account's history first, then its benchmarks, over the same days."""

    picture: EquityPicture
    measured: tuple[Measured, ...]


def account_history(job: Job) -> AccountHistory:
    """Return the account's history since it opened; its ledger must hold at least one day up to `as_of`."""
    with connect(job.home) as store:
        daily_replay = replay_until(store, job.account, job.as_of)
        instruments = instrument_store.load(store, job.source, job.symbols)
        # As many bars as days, more than an account can have traded on, and those that its first day looks back on.
        span_bars = (job.as_of - _dates(daily_replay)[0]).days + 1 + max(IMPACT_BARS, history_bars(BASELINE))
        bars = bar_store.load(store, job.source, job.symbols, until=job.as_of, last_bars=span_bars)
    strategy, financing = str(job.policy.strategy), job.policy.costs.financing
    tested = [
        Tested(label=strategy, replay=daily_replay, metrics=measure_account(daily_replay, instruments, financing))
    ]
    if job.policy.strategy != BASELINE and bars:
        tested.append(_buy_and_hold(job, bars, instruments, daily_replay))
    dates = _dates(daily_replay)
    return AccountHistory(
        picture=EquityPicture(
            title=f"Equity of account {job.account}{WITHOUT_FLOWS if _flowed(daily_replay) else ''}",
            dates=dates,
            lines=tuple(Line(label=backtest.label, values=_equity(backtest.replay)) for backtest in tested),
            drawdown=tuple(drawdowns(np.array(_equity(daily_replay))).tolist()),
        ),
        measured=tuple(Measured(label=backtest.label, metrics=backtest.metrics) for backtest in tested),
    )


def replay_until(store: Connection, account: str, day: date) -> Replay:
    """Return the account's days and trades up to the day, oldest first, without its decisions, orders and entries."""
    return Replay(
        snapshots=position_store.snapshots(store, account, until=day, last_days=MOST_DAYS),
        decisions=(),
        orders=(),
        fills=bulk.fills(store, account, day),
        entries=(),
    )


def _buy_and_hold(
    job: Job, bars: Mapping[str, Bars], instruments: Mapping[str, Instrument], daily_replay: Replay
) -> Tested:
    """Replay an account that buys the same symbols on the first day with the same money, and holds them."""
    dates, hold = _dates(daily_replay), str(BASELINE)
    policy = replace(job.policy, strategy=BASELINE)
    traded = {symbol: instrument for symbol, instrument in instruments.items() if symbol in bars}
    seen = symbol_signals(bars, {symbol: instrument.calendar for symbol, instrument in traded.items()}, BASELINE)
    config = policy.account_config(job.account, tuple(sorted(bars)), traded)
    held = replay(
        aligned_signals(seen, tuple(sorted(bars))),
        fill_quotes(bars, dates[0], dates[-1], config.terms),
        dates,
        daily_replay.snapshots[0].equity,
        config,
    )
    return Tested(label=hold, replay=held, metrics=measure_account(held, traded, policy.costs.financing))


#: What is left out of the equity of an account that money was paid into or out of.
WITHOUT_FLOWS = ", without deposits and withdrawals"


def _flowed(daily_replay: Replay) -> bool:
    return any(snapshot.own_unit_value is not None for snapshot in daily_replay.snapshots)


def _dates(daily_replay: Replay) -> tuple[date, ...]:
    return tuple(snapshot.account.as_of for snapshot in daily_replay.snapshots)


def _equity(daily_replay: Replay) -> tuple[float, ...]:
    return tuple(float(snapshot.unit_value) for snapshot in daily_replay.snapshots)
