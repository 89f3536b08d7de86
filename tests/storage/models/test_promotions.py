from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from storage.database import MIGRATIONS, Connection, connect, migrate
from storage.ledger import days as ledger
from storage.ledger import runs
from storage.ledger.row_codec import Provenance
from storage.ledger.runs import Run
from storage.models import promotions
from storage.models import registry as models
from storage.models.panels import Panel
from storage.models.promotions import Promoter, Promotion, StoredVerdict
from storage.models.registry import ModelRecord, ModelState
from strategy.portfolio.decision import Decision, Status
from strategy.training.promotion_gate import PRIOR, Figures, Verdict

AT = datetime(2020, 1, 7, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, SECOND = date(2010, 1, 4), date(2012, 1, 3)
RECORD = ModelRecord(
    model_id="m1",
    source="sample",
    symbols=("A", "B"),
    strategy="turbo",
    trained_from=date(2000, 1, 3),
    trained_to=FIRST,
    created_at=AT,
    seed=7,
    config="{}",
    code_version="0.1.0",
    data_sha256="ab",
    validation="{}",
)
GATE = Promotion(
    source="sample",
    symbols=("A", "B"),
    strategy="turbo",
    model_id="m1",
    as_of=FIRST,
    by=Promoter.GATE,
    reason="beats the prior",
    at=AT,
)
REFRESH = replace(GATE, model_id="m2", as_of=SECOND, reason="no worse")
FIGURES = Figures(trials=3, days=400, margin=None, sharpe=0.5, rival_sharpe=0.25, difference=0.25, p=0.125)
VERDICT = StoredVerdict(
    model_id="m1",
    as_of=FIRST,
    verdict=Verdict(promoted=True, rival=PRIOR, figures=FIGURES, reason="beats the prior"),
    created_at=AT,
)


def panel(source: str, symbols: tuple[str, ...]) -> Panel:
    return Panel(source=source, symbols=symbols, strategy="turbo")


@pytest.fixture
def registered(home: Path) -> Path:
    """A home with two models of the same symbols, the second trained two years after the first."""
    with connect(home) as store:
        models.register(store, RECORD)
        models.register(store, replace(RECORD, model_id="m2", trained_to=SECOND))
    return home


def ruling(store: Connection, day: date) -> str | None:
    found = promotions.in_force(store, panel("sample", ("B", "A")), day)
    return found.model_id if found else None


def decided(
    store: Connection,
    account: str,
    day: date,
    source: str | None,
    *,
    strategy: str = "turbo",
    symbols: tuple[str, ...] = ("A", "B"),
) -> None:
    """Record that the account has decided the day."""
    provenance = Provenance(source=source, strategy=strategy, model_id=None, data_sha256="ab")
    decisions = [Decision(as_of=day, symbol=symbol, status=Status.TRADED) for symbol in symbols]
    ledger.record_decisions(store, account, decisions, provenance)


def up_to(folder: Path, last: int) -> Path:
    """The folder, which now holds the migrations up to that number."""
    folder.mkdir()
    for script in MIGRATIONS.glob("*.sql"):
        if int(script.name[:4]) <= last:
            (folder / script.name).write_bytes(script.read_bytes())
    return folder


def test_a_verdict_comes_back_as_it_was_passed(registered: Path) -> None:
    with connect(registered) as store:
        assert promotions.record_verdict(store, VERDICT) == VERDICT.verdict
        assert promotions.verdicts(store, "m1") == (VERDICT,)
        assert promotions.verdicts(store, "m2") == ()


def test_the_first_verdict_stands(registered: Path) -> None:
    stricter = replace(VERDICT.verdict, promoted=False, reason="more trials", figures=replace(FIGURES, trials=99))
    with connect(registered) as store:
        promotions.record_verdict(store, VERDICT)
        again = promotions.record_verdict(store, replace(VERDICT, verdict=stricter, created_at=AT + DAY))
        later = promotions.record_verdict(store, replace(VERDICT, verdict=stricter, as_of=SECOND))
        known = promotions.verdicts(store, "m1")
    assert (again, later) == (VERDICT.verdict, stricter)
    assert [verdict.as_of for verdict in known] == [SECOND, FIRST]


def test_each_day_has_the_champion_it_had(registered: Path) -> None:
    with connect(registered) as store:
        assert promotions.promote(store, GATE)
        assert promotions.promote(store, REFRESH)
        days = (FIRST - DAY, FIRST, SECOND - DAY, SECOND, date.max)
        assert [ruling(store, day) for day in days] == [None, "m1", "m1", "m2", "m2"]
        assert promotions.history(store, panel("sample", ("A", "B"))) == (REFRESH, GATE)
        assert promotions.in_force(store, panel("sample", ("A",)), date.max) is None
        assert promotions.in_force(store, panel("binance", ("A", "B")), date.max) is None


def test_the_replay_of_an_earlier_day_displaces_nothing(registered: Path) -> None:
    with connect(registered) as store:
        promotions.promote(store, REFRESH)
        assert promotions.promote(store, replace(GATE, at=AT + DAY))
        assert [ruling(store, day) for day in (FIRST, SECOND)] == ["m1", "m2"]


def test_the_gate_promotes_once_a_day_and_never_undoes_what_a_hand_did_since(registered: Path) -> None:
    back = replace(GATE, as_of=SECOND, by=Promoter.HAND, reason="the refresh trades too much")
    with connect(registered) as store:
        for promotion in (GATE, REFRESH, back):
            assert promotions.promote(store, promotion)
        assert not promotions.promote(store, REFRESH)
        assert ruling(store, SECOND) == "m1"
        assert not promotions.promote(store, back)
        assert promotions.promote(store, replace(REFRESH, by=Promoter.HAND, reason="it does not"))
        assert ruling(store, SECOND) == "m2"
        assert promotions.promote(store, back)
        assert ruling(store, SECOND) == "m1"
        assert len(promotions.history(store, panel("sample", ("A", "B")))) == 5


def test_the_prior_can_be_put_back_by_hand(registered: Path) -> None:
    prior = replace(GATE, model_id=PRIOR, as_of=SECOND, by=Promoter.HAND, reason="a storm")
    with connect(registered) as store:
        assert not promotions.promote(store, prior)
        promotions.promote(store, GATE)
        assert promotions.promote(store, prior)
        assert [ruling(store, day) for day in (SECOND - DAY, SECOND)] == ["m1", PRIOR]


def test_what_may_not_decide_is_not_promoted(registered: Path) -> None:
    with connect(registered) as store:
        with pytest.raises(ValueError, match="m9 is not registered"):
            promotions.promote(store, replace(GATE, model_id="m9"))
        with pytest.raises(ValueError, match=r'm1 was trained on \["A", "B"\] of sample, not on \["A"\] of sample'):
            promotions.promote(store, replace(GATE, symbols=("A",)))
        with pytest.raises(ValueError, match="m1 saw bars up to 2010-01-04 and cannot decide on 2010-01-03"):
            promotions.promote(store, replace(GATE, as_of=FIRST - DAY))
        assert promotions.history(store, panel("sample", ("A", "B"))) == ()


def test_a_hand_rewrites_no_day_that_was_decided(registered: Path) -> None:
    with connect(registered) as store:
        assert promotions.first_open_day(store, panel("sample", ("A", "B")), FIRST) == FIRST
        promotions.promote(store, REFRESH)
        assert promotions.first_open_day(store, panel("sample", ("A", "B")), FIRST) == SECOND
        decided(store, "daily", SECOND + DAY, "sample")
        decided(store, "daily", SECOND + 9 * DAY, "sample", strategy="rules")
        assert promotions.first_open_day(store, panel("sample", ("B", "A")), FIRST) == SECOND + 2 * DAY
        assert promotions.first_open_day(store, panel("sample", ("C",)), date.min) == date.min


def test_days_of_another_source_or_other_symbols_stay_open_to_a_hand(registered: Path) -> None:
    with connect(registered) as store:
        decided(store, "paper", FIRST + DAY, "sample")
        decided(store, "live", SECOND, "yahoo")
        decided(store, "wide", SECOND, "sample", symbols=("A", "B", "C"))
        decided(store, "narrow", SECOND, "sample", symbols=("B",))
        assert promotions.first_open_day(store, panel("sample", ("A", "B")), FIRST) == FIRST + 2 * DAY
        assert promotions.first_open_day(store, panel("yahoo", ("A", "B")), FIRST) == SECOND + DAY
        decided(store, "old", SECOND, None)
        assert promotions.first_open_day(store, panel("sample", ("A", "B")), FIRST) == SECOND + DAY, (
            "it may have been sample's"
        )


def test_of_an_account_that_was_filled_and_then_run_the_days_of_its_runs_count(registered: Path) -> None:
    filled = Run(
        run_id="r1", account="both", command="backfill", as_of=SECOND, started_at=AT, code_version="", config="{}"
    )
    with connect(registered) as store:
        runs.start_run(store, filled)
        for day in (SECOND, SECOND + 2 * DAY):
            decided(store, "both", day, "sample")
        assert promotions.first_open_day(store, panel("sample", ("A", "B")), FIRST) == FIRST
        runs.start_run(store, replace(filled, run_id="r2", command="daily", as_of=SECOND + 2 * DAY))
        assert promotions.first_open_day(store, panel("sample", ("A", "B")), FIRST) == SECOND + 3 * DAY


def test_older_decisions_learn_their_source_from_what_was_written_beside_them(tmp_path: Path, home: Path) -> None:
    """`moved` has traded on two sources; `flat` never ordered; `what-if` is a backfill's."""
    home.mkdir()
    store = duckdb.connect(str(home / "turbodmt.duckdb"))
    store.execute("SET TimeZone = 'UTC'")
    migrate(store, up_to(tmp_path / "old", 9))
    for account, day in (
        ("paper", 1),
        ("paper", 2),
        ("moved", 1),
        ("moved", 2),
        ("moved", 3),
        ("flat", 1),
        ("what-if", 1),
    ):
        store.execute(
            "INSERT INTO decisions (account, as_of, symbol, status, reason, strategy, data_sha256) "
            "VALUES (?, ?, 'A', 'traded', '', 'turbo', 'ab')",
            [account, FIRST + day * DAY],
        )
    for account, day, source in (("paper", 1, "sample"), ("moved", 1, "sample"), ("moved", 3, "yahoo")):
        store.execute(
            "INSERT INTO explanations VALUES (?, ?, 'A', ?)", [account, FIRST + day * DAY, f'{{"source": "{source}"}}']
        )
    for account, command, config in (("what-if", "backfill", '{"source": "file:/a.csv"}'), ("flat", "daily", "{}")):
        store.execute(
            "INSERT INTO runs (run_id, account, command, as_of, started_at, status, code_version, config) "
            "VALUES (?, ?, ?, ?, ?, 'done', '', ?)",
            [account, account, command, FIRST + DAY, AT, config],
        )
    store.close()
    with connect(home) as store:
        rows = store.execute("SELECT account, as_of, source FROM decisions").fetchall()
    assert {(account, (day - FIRST).days): source for account, day, source in rows} == {
        ("paper", 1): "sample",
        ("paper", 2): "sample",
        ("moved", 1): "sample",
        ("moved", 2): None,
        ("moved", 3): "yahoo",
        ("flat", 1): None,
        ("what-if", 1): "file:/a.csv",
    }


def test_champions_of_an_older_store_stay_champions(tmp_path: Path, home: Path) -> None:
    """m2 was refreshed by m3, then m1 put back; m0 was trained in a replay; n1 is of other symbols."""
    home.mkdir()
    store = duckdb.connect(str(home / "turbodmt.duckdb"))
    store.execute("SET TimeZone = 'UTC'")
    migrate(store, up_to(tmp_path / "old", 3))
    rows = [
        ("m0", '["A", "B"]', FIRST - DAY, "retired", "older than the champion", None),
        ("m1", '["A", "B"]', FIRST, "champion", "put back", AT + 3 * DAY),
        ("m2", '["A", "B"]', SECOND, "retired", "replaced by m3", AT),
        ("m3", '["A", "B"]', SECOND + DAY, "retired", "replaced by m1", AT + DAY),
        ("n1", '["C"]', SECOND, "champion", "newest", AT),
        ("n2", '["C"]', SECOND, "challenger", "", None),
    ]
    for model_id, symbols, trained_to, state, reason, promoted_at in rows:
        store.execute(
            "INSERT INTO models VALUES (?, 'sample', ?, '2000-01-03', ?, ?, 7, '{}', '0', 'ab', '{}', ?, ?, ?)",
            [model_id, symbols, trained_to, AT, state, reason, promoted_at],
        )
    store.close()
    with connect(home) as store:
        found = [ruling(store, day) for day in (FIRST - 2 * DAY, FIRST - DAY, FIRST, SECOND, SECOND + DAY, date.max)]
        other = promotions.in_force(store, panel("sample", ("C",)), date.max)
        states = {record.model_id: record.state for record in models.records(store)}
    assert found == [None, "m0", "m1", "m2", "m1", "m1"]
    assert other is not None
    assert (other.model_id, other.as_of, other.reason, other.by) == ("n1", SECOND, "newest", Promoter.GATE)
    assert states == {
        "m0": ModelState.RETIRED,
        "m1": ModelState.CHAMPION,
        "m2": ModelState.RETIRED,
        "m3": ModelState.RETIRED,
        "n1": ModelState.CHAMPION,
        "n2": ModelState.CHALLENGER,
    }
    with connect(home) as store:
        assert ruling(store, date.max) == "m1"
