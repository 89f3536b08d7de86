"""A backfill is N daily runs in one go: the same rows, resumable, in an account and with models of its own."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import pytest

from exchange.brokers.paper import PaperBroker
from exchange.ports import BarSource, OrderReport, SourceUnavailable
from exchange.sessions.closing_times import closed_by
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import orders as order_store
from storage.ledger import positions as position_store
from storage.ledger import risk_state, runs
from storage.ledger.runs import Run
from storage.models import champions, promotions
from storage.models import registry as model_store
from strategy.account.orders import Order, ReasonCode
from strategy.account.quotes import quotes_by_date
from strategy.backtest.replay import replay
from strategy.builtin.registry import HOLD, RULES, TURBO
from strategy.exit_codes import UsageError
from strategy.market.instruments import Calendar
from strategy.portfolio.aligned_signals import aligned_signals
from strategy.portfolio.decision import Status
from strategy.portfolio.rebalancing import Frequency, Rebalance
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import symbol_signals
from strategy.signals.strategies import Strategy
from tasks.backfill.answer import backfill_answer
from tasks.backfill.run import Filled, Progress, fill
from tasks.backfill.runs import Backfill, answered, begin, close_done, demand_own, own_account
from tasks.data.ingest import ingest
from tasks.models.challenger import challenge
from tasks.models.retrain import retrain
from tasks.run.answers import DayState
from tasks.run.job import Job
from tasks.run.runs import DAILY, Findings
from tasks.run.runs import begin as begin_daily
from tasks.validation.gate import NothingPublishable, inspect
from testing.accounts.ledgers import Rows, contents, replayed, tidied
from testing.markets.bars import COIN, DEEP, MARKET, STOCK, DeadBars, FakeBars, Fault, Listing, account_days
from testing.runs.jobs import RECIPE, UNTRAINABLE, a_job, on, policy, promote, run_day

FIRST, LAST = date(2020, 6, 8), date(2020, 6, 24)
SHORT = date(2020, 6, 17)
ACCOUNT = "backfill-test"
#: Its holidays are not known: a weekday without a bar makes it wait for that day alone.
PLAIN = Listing(symbol="PLAIN", calendar=Calendar.WEEKDAYS, first=date(2019, 1, 1), last=date(2020, 12, 31), seed=31)
HOLE = Fault(symbol=PLAIN.symbol, day=date(2020, 6, 11))
TORN = Fault(symbol=COIN.symbol, day=date(2020, 6, 12), column="close", value=-1.0)


@dataclass(slots=True, kw_only=True)
class Watch:
    """Hears of the progress, and stops the run before the stretch of that number (none: never)."""

    stop_at: int | None = None
    heard: list[Progress] = field(default_factory=list)

    def __call__(self, progress: Progress) -> None:
        if len(self.heard) == self.stop_at:
            raise KeyboardInterrupt("stopped")
        self.heard.append(progress)


class DyingBroker(PaperBroker):
    """The paper broker, whose process is gone when an order of that day comes."""

    def __init__(self, day: date) -> None:
        super().__init__(closed_by(Calendar.ALWAYS, day))
        self._day = day

    def submit(self, order: Order, sent_at: datetime) -> OrderReport:
        if order.as_of == self._day:
            raise KeyboardInterrupt("stopped")
        return super().submit(order, sent_at)


def a_backfill(home: Path, source: FakeBars = MARKET, last: date = LAST, strategy: Strategy = RULES) -> Backfill:
    job = replace(a_job(home, source.symbols(), last, strategy), account=ACCOUNT, models_of=ACCOUNT)
    recipe = UNTRAINABLE if strategy is TURBO else RECIPE
    return Backfill(job=replace(job, policy=policy(strategy, recipe)), start=FIRST)


def filled(backfill: Backfill, source: BarSource = MARKET, watch: Watch | None = None) -> Filled:
    return fill(backfill, lambda: source, PaperBroker, watch or Watch())


def lived(job: Job, source: FakeBars) -> tuple[date, ...]:
    """The days of the account, after one daily run for each that its gate did not refuse."""
    days = account_days(source, FIRST, job.as_of)
    done = []
    for day in days:
        try:
            run_day(on(job, day), lambda: source)
        except NothingPublishable:
            continue
        done.append(day)
    return tuple(done)


def ledger_of(home: Path) -> Rows:
    """All that the store holds but the bars, which are published at once here and day by day there."""
    return {table: rows for table, rows in contents(home).items() if table != "bars"}


def mirrored(tmp_path: Path, make: Callable[[Path], Backfill], source: FakeBars = MARKET) -> Filled:
    """Return what the backfill did, after checking that daily runs in another home leave the very same rows."""
    made = make(tmp_path / "backfill")
    result = filled(made, source)
    days = lived(replace(made.job, home=tmp_path / "daily"), source)
    assert ledger_of(tmp_path / "backfill") == ledger_of(tmp_path / "daily")
    assert result.days_done == len(days) > 0
    return result


#: A rebalance band on Mondays.
BANDED = SizingParams(lookback_period=20, rebalance_band=0.02, rebalance_every=Frequency.WEEKLY)


def banded(made: Backfill) -> Backfill:
    return replace(made, job=replace(made.job, policy=replace(made.job.policy, sizing=BANDED)))


@pytest.mark.parametrize(
    ("strategy", "changed"), [(RULES, replace), (TURBO, replace), (HOLD, replace), (RULES, banded), (TURBO, banded)]
)
def test_a_backfill_equals_the_replay_of_its_window(
    tmp_path: Path, strategy: Strategy, changed: Callable[[Backfill], Backfill]
) -> None:
    backfill = changed(a_backfill(tmp_path, strategy=strategy, last=SHORT))
    days = account_days(MARKET, FIRST, SHORT)
    assert (filled(backfill).days_done, filled(backfill).days_skipped) == (len(days), len(days))
    job = backfill.job
    with connect(tmp_path) as store:
        bars = bar_store.load(store, job.source, job.symbols, until=SHORT)
        instruments = instrument_store.load(store, job.source, job.symbols)
    seen = symbol_signals(bars, {symbol: instruments[symbol].calendar for symbol in bars}, strategy)
    mandate = job.policy.account_config(ACCOUNT, job.symbols, instruments)
    expected = replay(
        aligned_signals(seen, job.symbols), quotes_by_date(bars, FIRST, SHORT), days, job.policy.capital, mandate
    )
    assert expected.fills
    assert replayed(tmp_path, ACCOUNT, days) == tidied(expected)


def test_a_backfill_leaves_the_rows_of_daily_runs(tmp_path: Path) -> None:
    mirrored(tmp_path, a_backfill)


def test_turbo_without_a_network_leaves_the_rows_of_daily_runs(tmp_path: Path) -> None:
    result = mirrored(tmp_path, lambda home: a_backfill(home, strategy=TURBO, last=SHORT))
    assert "the model or its training failed on 10 days; the first, 2020-06-08" in " ".join(result.warnings)


@pytest.mark.parametrize(
    ("retrain_every_bars", "model_max_age_bars", "deciders", "models"),
    [(4, 7, 3, 3), (1_000, 3, 2, 1)],
    ids=["refreshed twice", "too old after three days"],
)
def test_networks_leave_the_rows_of_daily_runs(
    tmp_path: Path, retrain_every_bars: int, model_max_age_bars: int, deciders: int, models: int
) -> None:
    recipe = replace(RECIPE, retrain_every_bars=retrain_every_bars, model_max_age_bars=model_max_age_bars)

    def make(home: Path) -> Backfill:
        made = a_backfill(home, DEEP, SHORT)
        job = replace(made.job, policy=policy(TURBO, recipe))
        before = replace(on(job, date(2020, 6, 6)), home=home)
        for each in (before, replace(before, home=tmp_path / "daily")):
            bars_up_to(each, DEEP)
            promote_in_registry(each, challenge(each, None, each.as_of).record.model_id)
        return replace(made, job=job)

    mirrored(tmp_path, make, DEEP)
    with connect(tmp_path / "backfill") as store:
        found = [ledger.provenance_on(store, ACCOUNT, day) for day in account_days(DEEP, FIRST, SHORT)]
        trained = model_store.records(store)
    assert (len({provenance.model_id for provenance in found if provenance}), len(trained)) == (deciders, models)


def bars_up_to(job: Job, source: FakeBars) -> None:
    ingest(job, lambda: source)
    inspect(job, None)


def promote_in_registry(job: Job, model_id: str) -> None:
    promote(replace(job, source=job.registry), model_id)


def test_a_day_without_a_due_session_is_judged_as_its_daily_run_would(tmp_path: Path) -> None:
    source = FakeBars(listings=(STOCK, PLAIN)).faulty(HOLE)
    mirrored(tmp_path, lambda home: a_backfill(home, source, SHORT), source)
    with connect(tmp_path / "backfill") as store:
        hole = {decision.symbol: decision.status for decision in ledger.decisions_on(store, ACCOUNT, HOLE.day)}
        after = {
            decision.symbol: decision.status for decision in ledger.decisions_on(store, ACCOUNT, date(2020, 6, 12))
        }
    assert hole == {"PLAIN": Status.QUARANTINED, "STOCK": Status.TRADED}
    assert after == {"PLAIN": Status.TRADED, "STOCK": Status.TRADED}


def test_a_symbol_trades_up_to_its_first_fault_and_no_further(tmp_path: Path) -> None:
    source = FakeBars(listings=(STOCK, COIN)).faulty(TORN)
    result = mirrored(tmp_path, lambda home: a_backfill(home, source, SHORT), source)
    assert "2 days were left out, since nothing might trade; the first, 2020-06-13: COIN" in " ".join(result.warnings)
    with connect(tmp_path / "backfill") as store:
        statuses = [
            next(
                decision.status
                for decision in ledger.decisions_on(store, ACCOUNT, day)
                if decision.symbol == COIN.symbol
            )
            for day in (date(2020, 6, 11), date(2020, 6, 12), date(2020, 6, 15))
        ]
    assert statuses == [Status.TRADED, Status.QUARANTINED, Status.QUARANTINED]


def test_where_no_symbol_is_without_fault_the_run_ends_and_keeps_the_days_before(tmp_path: Path) -> None:
    source = FakeBars(listings=(COIN,)).faulty(TORN)
    backfill = a_backfill(tmp_path, source, SHORT)
    with pytest.raises(NothingPublishable, match="nothing may be traded from 2020-06-12 on: COIN on 2020-06-12"):
        filled(backfill, source)
    with connect(tmp_path) as store:
        newest = position_store.latest_snapshot(store, ACCOUNT)
    assert newest is not None
    assert newest.account.as_of == date(2020, 6, 11)
    mended = filled(backfill, FakeBars(listings=(COIN,)))
    assert (mended.days_skipped, mended.days_done) == (4, 6)


def test_a_window_in_which_no_day_can_be_traded_is_told(tmp_path: Path) -> None:
    source = FakeBars(listings=(STOCK, COIN)).faulty(TORN)
    weekend = replace(a_backfill(tmp_path, source, date(2020, 6, 14)), start=date(2020, 6, 13))
    with pytest.raises(NothingPublishable, match="nothing might be traded in the window: 2 days were left out"):
        filled(weekend, source)


def test_the_halt_makes_another_trial_where_it_withheld_orders(tmp_path: Path) -> None:
    def tried(account: str, most: float, **unread: float) -> object:
        made = a_backfill(tmp_path, last=SHORT)
        config = json.dumps({**unread, "max_drawdown_halt": most})
        rules = replace(made.job.policy, limits=RiskLimits(max_drawdown_halt=most), config=config)
        wanted = replace(made, job=replace(made.job, account=account, models_of=account, policy=rules))
        return backfill_answer(wanted, filled(wanted), Findings()).json_values()["trials"]

    assert [tried("a", 0.9), tried("b", 0.8), tried("c", 0.01), tried("d", 0.01), tried("e", 0.02)] == [1, 1, 2, 2, 3]
    assert tried("f", 0.9, max_lateness_hours=13, training_steps=161) == 3


def test_a_halted_account_goes_on_with_what_reduces(tmp_path: Path) -> None:
    def make(home: Path) -> Backfill:
        made = a_backfill(home, last=SHORT)
        limits = RiskLimits(max_drawdown_halt=0.01)
        return replace(made, job=replace(made.job, policy=replace(made.job.policy, limits=limits)))

    result = mirrored(tmp_path, make)
    answer = backfill_answer(make(tmp_path / "backfill"), result, Findings()).json_values()
    assert answer["halted"] is True
    since = date.fromisoformat(str(answer["halted_since"]))
    assert f"the account was halted on {since}" in " ".join(str(answer["warnings"]).split())
    with connect(tmp_path / "backfill") as store:
        days = account_days(MARKET, since, SHORT)
        later = [order for day in days for order in order_store.orders_on(store, ACCOUNT, day)]
        last = position_store.latest_snapshot(store, ACCOUNT)
    assert answer["orders_withheld"] == sum(order.code is ReasonCode.HALTED or order.cut_by_halt for order in later) > 0
    assert last is not None
    assert last.account.as_of == SHORT


@pytest.mark.parametrize("most", [0.01, 0.9])
def test_a_band_leaves_the_rows_of_daily_runs_and_a_halt_ignores_it(tmp_path: Path, most: float) -> None:
    def make(home: Path) -> Backfill:
        made = banded(a_backfill(home))
        limits = RiskLimits(max_drawdown_halt=most)
        return replace(made, job=replace(made.job, policy=replace(made.job.policy, limits=limits)))

    mirrored(tmp_path, make)
    with connect(tmp_path / "backfill") as store:
        days = account_days(MARKET, FIRST, LAST)
        effects = {day: {one.rebalance for one in ledger.decisions_on(store, ACCOUNT, day)} for day in days}
        since = risk_state.load(store, ACCOUNT).since
    halted = [day for day in days if since is not None and day >= since]
    assert bool(halted) == (most < 0.1)
    assert all(effects[day] == {None} for day in halted)
    assert halted or any(Rebalance.WAITING in effects[day] for day in days)


@pytest.mark.parametrize("stop_at", [0, 2])
def test_a_run_that_was_stopped_goes_on_to_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    whole, broken = a_backfill(tmp_path / "whole"), a_backfill(tmp_path / "broken")
    days = filled(whole).days_done
    monkeypatch.setattr("tasks.backfill.run.STRETCH_DAYS", 3)
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        filled(broken, MARKET, Watch(stop_at=stop_at))
    rest = filled(broken)
    assert (rest.days_skipped, rest.days_done) == (3 * stop_at, days - 3 * stop_at)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


def test_a_run_killed_within_a_stretch_leaves_nothing_of_it(tmp_path: Path) -> None:
    whole, broken = a_backfill(tmp_path / "whole"), a_backfill(tmp_path / "broken")
    filled(whole)
    with pytest.raises(KeyboardInterrupt, match="stopped"):
        fill(broken, lambda: MARKET, lambda now: DyingBroker(date(2020, 6, 22)), Watch())
    assert contents(tmp_path / "broken")["decisions"] == []
    filled(broken)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")


def test_a_later_end_goes_on_from_the_last_day(tmp_path: Path) -> None:
    once = a_backfill(tmp_path / "once")
    twice = a_backfill(tmp_path / "twice", last=SHORT)
    filled(once)
    first = filled(twice).days_done
    result = filled(a_backfill(tmp_path / "twice"))
    assert (result.days_skipped, result.days_done) == (first, len(account_days(MARKET, FIRST, LAST)) - first)
    assert contents(tmp_path / "twice") == contents(tmp_path / "once")
    with pytest.raises(UsageError, match="--end-date is 2020-06-17, before 2020-06-24, the last day of account"):
        filled(twice)


def test_progress_counts_from_nothing_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.backfill.run.STRETCH_DAYS", 4)
    watch = Watch()
    filled(a_backfill(tmp_path, last=SHORT), MARKET, watch)
    assert [(progress.done, progress.days) for progress in watch.heard] == [(0, 10), (4, 10), (8, 10), (10, 10)]
    assert [progress.as_of for progress in watch.heard] == [FIRST, date(2020, 6, 12), date(2020, 6, 16), SHORT]


def test_models_of_a_backfill_never_trade_for_a_daily_run(tmp_path: Path) -> None:
    made = a_backfill(tmp_path, DEEP, SHORT)
    made = replace(made, job=replace(made.job, policy=policy(TURBO)))
    begin(made, made.job.now)
    filled(made, DEEP)
    job = made.job
    with connect(tmp_path) as store:
        (own,) = model_store.records(store)
        assert own.source == f"fake#{ACCOUNT}"
        promoted = promotions.Promotion(
            source=job.registry,
            symbols=job.symbols,
            strategy="turbo",
            model_id=own.model_id,
            as_of=own.trained_to,
            by=promotions.Promoter.GATE,
            reason="the test wants it",
            at=job.now,
        )
        promotions.promote(store, promoted)
        assert champions.champion(store, job.panel, trained_until=LAST) is not None
        shared = replace(job, models_of="").panel
        assert champions.champion(store, shared, trained_until=LAST) is None
        assert model_store.last_trained(store, shared, until=LAST) is None
        open_day = promotions.first_open_day(store, shared, FIRST)
    assert open_day == FIRST, "what the backfill decided keeps no day from a model of the daily runs"
    daily = on(replace(job, account="daily", models_of=""), FIRST)
    assert retrain(daily).model_id is None
    with connect(tmp_path) as store:
        theirs = [record for record in model_store.records(store) if record.source == "fake"]
    assert [record.trained_to for record in theirs] == [FIRST], "the daily run trains its own, from the same bars"


def test_a_source_that_is_down_changes_nothing(tmp_path: Path) -> None:
    backfill = a_backfill(tmp_path, last=SHORT)
    filled(backfill)
    told = contents(tmp_path)
    with pytest.raises(SourceUnavailable, match="the fake is down"):
        filled(a_backfill(tmp_path), DeadBars(listings=MARKET.listings))
    assert contents(tmp_path) == told


@pytest.mark.parametrize(
    ("start", "last", "sentence"),
    [
        (date(2017, 1, 1), date(2017, 12, 31), "no bar of COIN is dated 2017-12-31 or earlier; choose a later"),
        (date(2021, 2, 1), date(2021, 3, 1), "no bar of COIN lies between 2021-02-01 and 2021-03-01; they run from"),
    ],
)
def test_a_window_without_bars_is_refused(tmp_path: Path, start: date, last: date, sentence: str) -> None:
    source = FakeBars(listings=(COIN,))
    with pytest.raises(UsageError, match=sentence):
        filled(replace(a_backfill(tmp_path, source, last), start=start), source)


def test_a_window_that_begins_before_the_history_opens_with_it_and_says_so(tmp_path: Path) -> None:
    source = FakeBars(listings=(COIN,))
    backfill = replace(a_backfill(tmp_path, source, date(2018, 1, 5)), start=date(2017, 1, 1))
    result = filled(backfill, source)
    assert result.warnings == ("the first bar is dated 2018-01-01: the account opens then, not on 2017-01-01",)
    assert result.days_done == 5


# --- the book


def test_an_account_is_named_by_all_that_makes_it_but_the_end(tmp_path: Path) -> None:
    one = a_backfill(tmp_path)
    name = own_account(one)
    assert name.startswith("backfill-2020-06-08-")
    assert own_account(replace(one, job=replace(one.job, as_of=SHORT, home=tmp_path / "other"))) == name
    for other in (
        replace(one, start=SHORT),
        replace(one, job=replace(one.job, source="other")),
        replace(one, job=replace(one.job, symbols=("COIN",))),
        replace(one, job=replace(one.job, policy=replace(one.job.policy, config='{"capital": "5"}'))),
    ):
        assert own_account(other) != name


def test_an_account_of_another_making_is_refused(tmp_path: Path) -> None:
    one = a_backfill(tmp_path)
    demand_own(one)
    begin(one, one.job.now)
    demand_own(one)
    with pytest.raises(UsageError, match="filled with start 2020-06-08, not 2020-06-17; name another account"):
        demand_own(replace(one, start=SHORT))
    with pytest.raises(UsageError, match="filled with symbols COIN, STOCK, UNBORN, YOUNG, not COIN;"):
        demand_own(replace(one, job=replace(one.job, symbols=("COIN",))))


def test_an_account_of_daily_runs_is_refused(tmp_path: Path) -> None:
    daily = replace(a_job(tmp_path, MARKET.symbols(), FIRST), account="mine")
    begin_daily(daily, daily.now)
    backfill = a_backfill(tmp_path)
    with pytest.raises(UsageError, match="account mine is traded by daily runs since 2020-06-08; name another"):
        demand_own(replace(backfill, job=replace(backfill.job, account="mine")))


def test_an_account_that_a_daily_run_has_traded_since_is_filled_no_further(tmp_path: Path) -> None:
    backfill = a_backfill(tmp_path)
    begin(backfill, backfill.job.now)
    traded = Run(
        run_id="d",
        account=ACCOUNT,
        command=DAILY,
        as_of=LAST,
        started_at=backfill.job.now,
        code_version="before daily runs refused it",
        config="{}",
    )
    with connect(tmp_path) as store:
        runs.start_run(store, traded)
    later = replace(backfill, job=replace(backfill.job, run_id="f"))
    for refuse in (demand_own, lambda one: begin(one, one.job.now)):
        with pytest.raises(UsageError, match=f"{ACCOUNT} is traded by daily runs since 2020-06-24; name another"):
            refuse(later)


def test_the_answer_counts_the_whole_account(tmp_path: Path) -> None:
    backfill = a_backfill(tmp_path)
    begin(backfill, backfill.job.now)
    made = backfill_answer(backfill, filled(backfill), Findings())
    close_done(backfill, backfill.job.now, made)
    answer = made.json_values()
    told = contents(tmp_path)
    days = account_days(MARKET, FIRST, LAST)
    assert (answer["start"], answer["end"], answer["days_done"]) == (str(FIRST), str(LAST), len(days))
    assert (answer["orders"], answer["fills"]) == (len(told["orders"]), len(told["fills"]))
    assert (answer["trials"], answer["halted"], answer["report"]) == (1, False, None)
    assert answer["model_changes"] == [{"as_of": str(FIRST), "model_id": None}]
    with connect(tmp_path) as store:
        snapshot = position_store.latest_snapshot(store, ACCOUNT)
    assert snapshot is not None
    assert answer["equity"] == f"{snapshot.equity.normalize():f}"
    metrics = answer["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["total_return"] == pytest.approx(float(snapshot.equity) / 10_000 - 1, abs=1e-12)


@pytest.mark.parametrize("strategy", [RULES, TURBO])
def test_a_symbol_that_the_last_day_waits_for_is_decided_by_the_same_command_again(
    tmp_path: Path, strategy: Strategy
) -> None:
    backfill = a_backfill(tmp_path / "home", last=SHORT, strategy=strategy)
    torn = MARKET.faulty(Fault(symbol="COIN", day=SHORT, column="close", value=-1.0))
    begin(backfill, backfill.job.now)
    first = backfill_answer(backfill, filled(backfill, torn), Findings())
    close_done(backfill, backfill.job.now, first)
    assert (first.state, first.waiting) == (DayState.PARTIAL, ("COIN",))
    assert answered(backfill) is None
    with connect(backfill.job.home) as store:
        before = order_store.orders_on(store, ACCOUNT, SHORT)
        models = len(model_store.records(store))
    # As long as nothing has come, nothing changes.
    unchanged = ledger_of(backfill.job.home)
    assert backfill_answer(backfill, filled(backfill, torn), Findings()).waiting == ("COIN",)
    assert ledger_of(backfill.job.home) == unchanged
    again = backfill_answer(backfill, filled(backfill), Findings())
    assert (again.state, again.waiting, again.days_done) == (DayState.DONE, (), 0)
    with connect(backfill.job.home) as store:
        passes = ledger.passes_on(store, ACCOUNT, SHORT)
        decided = {made.symbol: made.status for made in ledger.decisions_on(store, ACCOUNT, SHORT)}
        after = order_store.orders_on(store, ACCOUNT, SHORT)
        assert len(model_store.records(store)) == models
    assert [each.symbols for each in passes][1:] == [("COIN",)]
    assert decided["COIN"] is Status.TRADED
    assert tuple(order for order in after if order.symbol != "COIN") == before
    close_done(backfill, backfill.job.now, again)
    assert answered(backfill) is not None
