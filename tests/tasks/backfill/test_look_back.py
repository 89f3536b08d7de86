"""A daily run, a backfill and the audits decide on the same bars."""

from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import connect
from strategy.audit import lookahead as audit
from strategy.backtest.day_loop import opening
from strategy.builtin.registry import TURBO
from strategy.market.data_hash import data_sha256
from strategy.networks.ensemble import Ensemble
from strategy.signals.har import VolatilityEstimator
from strategy.signals.outlook import history_bars, look_back
from tasks.backfill import batch as stretch
from tasks.daily.signals import judge_day
from tasks.data.ingest import ingest
from tasks.run.passes import Sight
from tasks.validation.gate import validate
from testing.markets.bars import COIN, MARKET, STOCK, UNBORN
from testing.runs.jobs import a_job
from testing.runs.networks import TINY, opinionated

DAY, LAST = date(2020, 6, 15), date(2020, 6, 22)
MODEL = Ensemble(members=(opinionated(TINY),))


@pytest.mark.parametrize("estimator", VolatilityEstimator)
@pytest.mark.parametrize("model", [None, MODEL], ids=["prior", "network"])
@pytest.mark.parametrize("symbols", [(STOCK.symbol,), (COIN.symbol, STOCK.symbol), MARKET.symbols()])
def test_a_day_is_decided_on_the_same_bars_by_whoever_decides_it(
    tmp_path: Path, symbols: tuple[str, ...], model: Ensemble | None, estimator: VolatilityEstimator
) -> None:
    job = a_job(tmp_path, symbols, LAST, TURBO)
    ingest(job, lambda: MARKET)
    validate(job)
    day = a_job(tmp_path, symbols, DAY, TURBO)
    with connect(tmp_path) as store:
        instruments = instrument_store.load(store, job.source, job.symbols)
        mandate = job.policy.account_config(job.account, job.symbols, instruments)
        mandate = replace(mandate, sizing=replace(mandate.sizing, volatility_estimator=estimator))
        daily = judge_day(store, day, (opening(DAY, job.policy.capital), mandate), model, Sight()).judgement.bars
        known = bar_store.load(store, job.source, job.symbols, until=LAST)
    filled = look_back(partial(stretch.newest, known, DAY), TURBO, model, estimator)
    past = {symbol: series.until(np.datetime64(DAY, "us")) for symbol, series in known.items()}
    audited = look_back(
        partial(audit.newest, {symbol: series for symbol, series in past.items() if len(series)}),
        TURBO,
        model,
        estimator,
    )
    assert data_sha256(daily) == data_sha256(filled) == data_sha256(audited)
    assert UNBORN.symbol not in daily
    longest = max(map(len, past.values()))
    assert max(map(len, daily.values())) >= min(longest, history_bars(TURBO, model, estimator))


def test_a_network_takes_more_bars_of_what_trades_while_another_rests(tmp_path: Path) -> None:
    job = a_job(tmp_path, (COIN.symbol, STOCK.symbol), LAST, TURBO)
    ingest(job, lambda: MARKET)
    validate(job)
    with connect(tmp_path) as store:
        known = bar_store.load(store, job.source, job.symbols, until=LAST)
    seen = look_back(partial(stretch.newest, known, LAST), TURBO, MODEL, VolatilityEstimator.EWMA)
    alone = look_back(
        partial(stretch.newest, {COIN.symbol: known[COIN.symbol]}, LAST), TURBO, MODEL, VolatilityEstimator.EWMA
    )
    assert len(seen[COIN.symbol]) > len(alone[COIN.symbol]) == history_bars(TURBO, MODEL)
