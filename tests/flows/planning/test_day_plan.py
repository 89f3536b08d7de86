"""A day whose rates fail publishes its bars nevertheless, and what is wrong with them is said first."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from flows.config.settings import Settings, load
from flows.planning.day_plan import plan_day
from flows.planning.plan import Request
from storage.bars import published as bar_store
from storage.database import connect
from strategy.account.dated_rates import RatesRefused
from tasks.validation.gate import NothingPublishable
from testing.markets.bars import SHARE, record

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def on_refused_rates(home: Path, rows: pd.DataFrame) -> Settings:
    """The settings of an account on a file of one symbol, with rates in percent."""
    bars, rates = home.parent / "share.csv", home.parent / "percent.csv"
    rows.rename(columns={"open_time": "date"}).drop(columns="adj_close").to_csv(bars, index=False)
    rates.write_text("date,rate\n2015-12-31,5\n", encoding="utf-8")
    return load({"home": home, "source": f"file:{bars}", "strategy": "hold", "rates": f"file:{rates}"})


def planned(settings: Settings) -> None:
    plan_day(settings, Request(account="daily", as_of=None, clock=NOW))


def test_bars_are_published_though_the_rates_are_refused(home: Path) -> None:
    rows = record(SHARE)
    settings = on_refused_rates(home, rows)
    # Every run says it again.
    for _ in range(2):
        with pytest.raises(RatesRefused, match=r"percent\.csv has the rate 5"):
            planned(settings)
    with connect(home) as store:
        published = bar_store.published_counts(store)
    assert [(each.symbol, each.rows) for each in published] == [("SHARE", len(rows))]


def test_bars_that_are_held_back_are_told_before_the_rates(home: Path) -> None:
    rows = record(SHARE).copy()
    rows.loc[rows.index[-1], "high"] = 1.0
    with pytest.raises(NothingPublishable, match="SHARE"):
        planned(on_refused_rates(home, rows))
