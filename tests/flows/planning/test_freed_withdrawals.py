"""A leveraged account pays out what its refusal said would be free, once it did what that said."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.bars.sample import SampleBars
from flows.config.settings import load
from flows.planning.kept_terms import on_kept_terms
from flows.planning.plan import Request, plan
from storage.database import connect
from storage.ledger import days as ledger
from strategy.account.cash_flows import FlowKind
from strategy.exit_codes import UsageError
from tasks.operations.cash_flows import FlowRequest, cash_request, request_flows
from tasks.run.runs import begin as begin_daily
from testing.runs.jobs import run_day

DAYS = (
    *(date(2018, 12, 20), date(2018, 12, 21), date(2018, 12, 24), date(2018, 12, 26), date(2018, 12, 27)),
    date(2018, 12, 28),
)
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def live_through(home: Path, day: date, **given: object) -> None:
    settings = load({"home": home, "strategy": "vol-target", "target_annual_vol": 2.0, **given})
    job = on_kept_terms(settings, plan(settings, SampleBars(), Request(account="daily", as_of=day, clock=NOW)))
    begin_daily(job, NOW)
    run_day(job, SampleBars)


def withdraw(home: Path, amount: int) -> None:
    blank = FlowRequest(account="daily", flows=(), costs=(), what="", day=None, reason="", key=None, at=NOW)
    request_flows(home, cash_request(FlowKind.WITHDRAWAL, Decimal(amount), blank))


@pytest.mark.parametrize("amount", [1, 4_000, 7_000])
def test_what_a_refusal_names_frees_the_amount(tmp_path: Path, amount: int) -> None:
    for day in DAYS[:3]:
        live_through(tmp_path, day)
    with pytest.raises(UsageError, match="can pay out 0 at the close of 2018-12-24") as refused:
        withdraw(tmp_path, amount)
    (exposure,) = re.findall(r"run its next two days with `--set max_position_size=([\d.]+)`", str(refused.value))
    for day in DAYS[3:5]:
        live_through(tmp_path, day, max_position_size=float(exposure))
    withdraw(tmp_path, amount)
    live_through(tmp_path, DAYS[5])
    with connect(tmp_path) as store:
        booked = {str(one.kind): one.cash for one in ledger.entries_on(store, "daily", DAYS[5])}
    assert booked["withdrawal"] == -amount


def test_more_than_can_be_freed_is_named(tmp_path: Path) -> None:
    for day in DAYS[:3]:
        live_through(tmp_path, day)
    with pytest.raises(UsageError, match=r"max_position_size=0\.01` added, which sell, and withdraw at") as refused:
        withdraw(tmp_path, 10_000_000)
    (most,) = re.findall(r"withdraw at most ([\d,]+)", str(refused.value))
    for day in DAYS[3:5]:
        live_through(tmp_path, day, max_position_size=0.01)
    withdraw(tmp_path, int(most.replace(",", "")))
