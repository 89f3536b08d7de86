"""An account keeps the terms that it opened with: a value that was given changes them, a default never does."""

import json
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import JsonValue

from exchange.bars.sample import SampleBars
from exchange.brokers.paper import PaperBroker
from flows.cli.trade.adopt_defaults import run_adopt_defaults
from flows.config.settings import load
from flows.planning.backfill_plan import BackfillRequest, plan_backfill
from flows.planning.kept_terms import on_kept_terms
from flows.planning.plan import Request, plan
from storage.accounts import terms as term_store
from storage.accounts.terms import TermsEntry
from storage.database import connect
from storage.ledger import days as ledger
from strategy.account.state import EntryKind
from strategy.exit_codes import UsageError
from tasks.backfill.answer import backfill_answer
from tasks.backfill.run import fill
from tasks.backfill.runs import Backfill, begin, close_done, demand_own
from tasks.daily.replay_check import reconcile
from tasks.daily.settle import settle
from tasks.data.ingest import ingest
from tasks.operations.accounts import accounts
from tasks.operations.status import account_status
from tasks.run.job import Job
from tasks.run.kept_terms import LEGACY, canonical, changes_given, newest_terms, terms_on
from tasks.run.runs import Findings
from tasks.run.runs import begin as begin_daily
from tasks.validation.gate import validate
from testing.accounts.ledgers import contents
from testing.runs.jobs import run_day

#: Three days after two of them a leveraged account has paid for what it borrowed.
DAYS = (date(2018, 12, 24), date(2018, 12, 26), date(2018, 12, 27), date(2018, 12, 28), date(2018, 12, 31))
NOW = datetime(2026, 1, 5, tzinfo=UTC)
LEVERED = {"strategy": "vol-target", "target_annual_vol": 2.0}
#: The terms of a new account of the sample.
NEW: dict[str, JsonValue] = {**LEGACY, "financing_rate": None, "rebalance_band": 0.0025}
#: What is given to a run for the terms of before there were others.
OF_BEFORE = {"financing_rate": 0.05, "rebalance_band": 0.0}

pytestmark = pytest.mark.usefixtures("default_rates")


def job(home: Path, day: date, **given: object) -> Job:
    """The job that `turbodmt daily` plans, with these settings given."""
    settings = load({"home": home, **LEVERED, **given})
    return on_kept_terms(settings, plan(settings, SampleBars(), Request(account="daily", as_of=day, clock=NOW)))


def live_through(home: Path, day: date, **given: object) -> Job:
    made = job(home, day, **given)
    begin_daily(made, NOW)
    run_day(made, SampleBars)
    return made


def terms(financing_rate: float) -> dict[str, JsonValue]:
    """The terms of a new account, with this flat rate."""
    return {**NEW, "financing_rate": financing_rate}


def rate(of: Job) -> float | None:
    """The flat rate under which the job runs, of which its configuration must say the same; None for the bills."""
    financing, known = of.policy.costs.financing, json.loads(of.policy.config)
    value = None if financing.flat_rate is None else float(financing.flat_rate)
    assert known["financing_rate"] == value
    assert value is not None or financing.rates.name == known["rates"] == "bills"
    return value


def entries(home: Path) -> list[TermsEntry]:
    with connect(home) as store:
        return list(term_store.entries(store, "daily"))


def kept(home: Path, day: date) -> object:
    with connect(home) as store:
        return terms_on(store, "daily", day)["financing_rate"]


def paid(home: Path, day: date) -> float:
    with connect(home) as store:
        found = [one for one in ledger.entries_on(store, "daily", day) if one.kind is EntryKind.FINANCING]
    return -float(sum(one.cash for one in found))


def test_an_account_keeps_the_terms_that_it_opened_with(home: Path) -> None:
    live_through(home, DAYS[0], financing_rate=0.02)
    assert [(one.in_force_from, one.cause, json.loads(one.terms)) for one in entries(home)] == [
        (DAYS[0], "opened", terms(0.02))
    ]
    # The default is another rate, and is not asked.
    later = live_through(home, DAYS[1])
    assert rate(later) == 0.02
    live_through(home, DAYS[2])
    assert paid(home, DAYS[2]) > 0
    assert len(entries(home)) == 1
    assert rate(job(home / "new", DAYS[0])) is None


def test_a_new_account_has_dated_rates_and_a_band(home: Path) -> None:
    for day in DAYS[:3]:
        live_through(home, day)
    assert [json.loads(one.terms) for one in entries(home)] == [NEW]
    made = job(home, DAYS[2])
    assert (made.policy.sizing.rebalance_band, rate(made)) == (0.0025, None)
    # November's bills, 2.18 %, and the spread, over one day, on a debt of about the equity.
    assert 0.5 < paid(home, DAYS[2]) / (10_000 * (0.0218 + 0.015) / 365) < 1.5
    assert reconcile(made).difference == 0


def test_an_account_keeps_how_it_is_sized_and_rebalanced(home: Path) -> None:
    given = {
        "allocation": "equal-risk",
        "volatility_estimator": "har",
        "rebalance_band": 0.01,
        "rebalance_every": "weekly",
    }
    live_through(home, DAYS[0], **given)
    later, new = (job(place, DAYS[1]).policy.sizing for place in (home, home / "new"))
    assert {name: getattr(later, name) for name in given} == given
    # The defaults are others, and reach new accounts alone.
    assert all(getattr(new, name) != value for name, value in given.items())


def test_a_value_that_was_given_changes_the_terms_and_is_said_once(home: Path) -> None:
    live_through(home, DAYS[0], financing_rate=0.05)
    live_through(home, DAYS[1])
    live_through(home, DAYS[2], financing_rate=0.5)
    live_through(home, DAYS[3])
    assert [(one.in_force_from, one.recorded_on, one.cause, one.before) for one in entries(home)][1:] == [
        (date(2018, 12, 27), DAYS[2], "given", canonical(terms(0.05)))
    ]
    assert (kept(home, DAYS[1]), kept(home, DAYS[2]), kept(home, DAYS[3])) == (0.05, 0.5, 0.5)
    # Ten times the rate, on about the same money.
    assert 5 < paid(home, DAYS[3]) / paid(home, DAYS[2]) * 10 < 20
    with connect(home) as store:
        said = {day: changes_given(store, "daily", before, day) for before, day in pairwise(DAYS)}
    assert [day for day, sentences in said.items() if sentences] == [DAYS[2]]
    assert said[DAYS[2]] == (
        "the terms of account daily change from 2018-12-27 on: financing_rate from 0.05 to 0.5, as given; the account "
        "keeps them from then on",
    )


def test_a_day_that_is_settled_keeps_the_terms_that_settled_it(home: Path) -> None:
    """A run is killed after it has settled its day, and repeated with another rate: that of the next day."""
    for day in DAYS[:3]:
        live_through(home, day)
    killed = job(home, DAYS[3])
    ingest(killed, SampleBars)
    validate(killed)
    settle(killed, PaperBroker)
    again = live_through(home, DAYS[3], financing_rate=0.5)
    assert rate(again) is None
    assert reconcile(again).difference == 0
    assert [(one.in_force_from, one.recorded_on) for one in entries(home)][1:] == [(date(2018, 12, 29), DAYS[3])]
    # Repeated once more, it is the same change; and the next day has it.
    rows = contents(home)
    live_through(home, DAYS[3], financing_rate=0.5)
    assert contents(home) == rows
    assert len(entries(home)) == 2
    assert rate(live_through(home, DAYS[4])) == 0.5


def test_a_ledger_of_before_opens_goes_on_and_its_last_day_replays(home: Path) -> None:
    for day in DAYS[:3]:
        live_through(home, day, **OF_BEFORE)
    with connect(home) as store:
        store.execute("DELETE FROM account_terms")
        # A version of before knew no other terms than the financing rate.
        store.execute("UPDATE runs SET config = '{\"financing_rate\": 0.05}'")
    assert kept(home, DAYS[2]) == 0.05
    (known,) = accounts(home).accounts
    assert (known.terms, known.next_terms) == (dict(LEGACY), dict(LEGACY))
    assert reconcile(job(home, DAYS[2])).difference == 0
    assert rate(live_through(home, DAYS[3])) == 0.05
    assert [(one.in_force_from, one.cause) for one in entries(home)] == [(DAYS[2], "before")]


def test_a_ledger_of_before_keeps_the_rate_that_its_runs_were_given(home: Path) -> None:
    for day in DAYS[:3]:
        live_through(home, day, financing_rate=0.02)
    with connect(home) as store:
        store.execute("DELETE FROM account_terms")
    assert reconcile(job(home, DAYS[2])).difference == 0
    assert rate(live_through(home, DAYS[3])) == 0.02


def test_the_present_defaults_are_adopted_from_the_next_day_on(home: Path) -> None:
    live_through(home, DAYS[0], financing_rate=0.02)
    live_through(home, DAYS[1])
    answer = run_adopt_defaults(str(home), "daily", "cheaper elsewhere")
    assert (answer.in_force_from, answer.before, answer.changed) == (date(2018, 12, 27), terms(0.02), True)
    state = account_status(home, "daily")
    assert (state.terms, state.next_terms) == (terms(0.02), NEW)
    # The day that is settled is decided and checked on the terms that it had.
    assert rate(job(home, DAYS[1])) == 0.02
    assert rate(live_through(home, DAYS[2])) is None
    assert (entries(home)[1].cause, entries(home)[1].reason) == ("adopted", "cheaper elsewhere")
    assert not run_adopt_defaults(str(home), "daily", "again").changed
    with pytest.raises(UsageError, match="--account is 'other', and the ledger holds daily; name one of these"):
        run_adopt_defaults(str(home), "other", "why not")


def planned(home: Path, end: date, account: str | None = "what-if", **given: object) -> Backfill:
    settings = load({"home": home, **LEVERED, "broker": "paper", **given})
    return plan_backfill(settings, SampleBars(), BackfillRequest(start=DAYS[0], end=end, account=account, clock=NOW))


def filled(home: Path, end: date, **given: object) -> tuple[Backfill, tuple[str, ...]]:
    wanted = planned(home, end, **given)
    demand_own(wanted)
    begin(wanted, NOW)
    done = fill(wanted, SampleBars, PaperBroker, lambda _: None)
    answer = backfill_answer(wanted, done, Findings())
    close_done(wanted, NOW, answer)
    return wanted, tuple(warning for warning in answer.warnings if "terms" in warning)


def test_a_backfill_keeps_its_terms_too(home: Path) -> None:
    filled(home, DAYS[1], financing_rate=0.02)
    wanted, said = filled(home, DAYS[2])
    assert (rate(wanted.job), said) == (0.02, ())
    before = contents(home)
    with pytest.raises(
        UsageError, match=r"and these are others: financing_rate from 0\.02 to 0\.5; name another account"
    ):
        filled(home, DAYS[4], financing_rate=0.5)
    with pytest.raises(UsageError, match=r"and these are others: financing_rate from 0\.02 to 0\.3"):
        demand_own(planned(home, DAYS[2], financing_rate=0.3))
    assert contents(home) == before
    # Without a name, other terms are another account.
    own, other = planned(home, DAYS[4], None), planned(home, DAYS[4], None, financing_rate=0.5)
    assert own.job.account != other.job.account


def test_a_backfill_of_before_goes_on(home: Path) -> None:
    filled(home, DAYS[1], **OF_BEFORE)
    with connect(home) as store:
        store.execute("DELETE FROM account_terms")
        # A version of before had fewer settings, and one of them is another now.
        store.execute("UPDATE runs SET config = json_merge_patch(config, '{\"stale_days\": null}')")
    demand_own(planned(home, DAYS[2]))
    with pytest.raises(UsageError, match=r"was filled with target_annual_vol 2.0, not 0.1"):
        demand_own(planned(home, DAYS[2], target_annual_vol=0.1))
    with connect(home) as store:
        assert newest_terms(store, "what-if") == dict(LEGACY)
