"""`turbodmt explain` as a user meets it: a page from the bars to the fills, one JSON object, one sentence otherwise."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from flows.cli.trade.explain import shown_explanation
from flows.config.settings import Settings
from flows.planning.plan import run_config
from storage.database import connect
from storage.ledger import orders as order_store
from storage.ledger import runs
from strategy.account.fees_and_slippage import NO_COSTS
from strategy.builtin.registry import RULES
from strategy.signals.strategies import Sizing
from tasks.explain.order_record_answer import ExplainAnswer
from tasks.run.job import Job
from testing.markets.bars import PAIR
from testing.runs.jobs import SIZING, a_job, on, run_day
from tests.flows.conftest import Run

FIRST, SECOND = date(2020, 6, 8), date(2020, 6, 9)
HEADINGS = [
    "Bars",
    "Features",
    "Regime",
    "Forecast",
    "Size, as a multiple of equity",
    "Clip and limits",
    "What the exposure is made of",
    "Order",
    "Fills",
]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Two days of two symbols by the rules."""
    job = a_job(tmp_path_factory.mktemp("lived"), PAIR.symbols(), FIRST)
    for day in (FIRST, SECOND):
        run_day(on(job, day), lambda: PAIR)
    return job


@pytest.fixture
def ids(lived: Job, home: Path) -> list[str]:
    """The order ids of the first day, in a copy of what was lived through."""
    shutil.copytree(lived.home, home)
    with connect(home) as store:
        return [one.order_id for one in order_store.orders_on(store, "daily", FIRST)]


def numbers(value: object) -> list[float | str]:
    """Every number and text of the answer."""
    if isinstance(value, dict):
        return [one for part in value.values() for one in numbers(part)]
    if isinstance(value, list):
        return [one for part in value for one in numbers(part)]
    return [value] if isinstance(value, float | str) and value else []


def unwrapped(page: str) -> str:
    """The page's words in one line; a remark that takes several lines goes on below where it began."""
    return " ".join(page.split())


def test_the_page_leads_from_the_bars_to_the_fills_with_every_number_as_it_is_stored(run: Run, ids: list[str]) -> None:
    told = run("explain", ids[0], "--json").answer
    shown = run("explain", ids[0])
    assert (shown.code, shown.err) == (0, "")
    assert re.findall(r"^\d+ (.+)$", shown.out, re.MULTILINE) == HEADINGS
    for name in ("features", "regime", "forecast", "size", "limits", "planned", "fills"):
        for number in numbers(told[name]):
            assert str(number) in shown.out, (name, number)
    assert told["decision"]["data_sha256"][:12] in shown.out
    assert "the bars in the store still give it" in unwrapped(shown.out)
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "\x1b" not in shown.out
    assert "the exposure decided, but for rounding" in unwrapped(shown.out)
    for part in told["attribution"]:
        assert f"{part['name']} {part['exposure']}" in unwrapped(shown.out)


def test_the_object_holds_the_parts_in_their_order(run: Run, ids: list[str]) -> None:
    told = run("explain", ids[0], "--json").answer
    assert list(told) == [
        *("order", "decision", "origin", "verified", "bars", "features", "regime", "forecast", "attribution"),
        *("size", "limits", "planned", "steps", "fills", "executions", "terms", "warnings"),
    ]
    assert (told["order"]["order_id"], told["order"]["account"], told["origin"]) == (ids[0], "daily", "stored")


def test_enough_of_the_id_names_the_order(run: Run, ids: list[str]) -> None:
    whole = run("explain", ids[0], "--json").out
    assert run("explain", ids[0][:14], "--json").out == whole
    assert run("explain", ids[0].removeprefix("tdmt-")[:9], "--account", "daily", "--json").out == whole


@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_an_id_that_no_order_or_more_than_one_has_is_told_with_those_that_are_there(
    run: Run, ids: list[str], json_option: tuple[str, ...]
) -> None:
    unknown = run("explain", "tdmt-none", *json_option)
    assert unknown.code == 2
    assert unknown.failure.startswith("ORDER is 'tdmt-none', with which no order id begins; the newest are tdmt-")
    several = run("explain", "tdmt-", *json_option)
    assert several.code == 2
    assert "with which several order ids begin: tdmt-" in several.failure
    assert several.failure.endswith("; name one whole")
    assert f"{ids[0]} (daily, SHARE, {FIRST})" in several.failure
    empty = run("explain", "", *json_option)
    assert (empty.code, empty.failure[:10]) == (2, "ORDER is '")
    other = run("explain", ids[0], "--account", "other", *json_option)
    assert (other.code, other.failure) == (
        2,
        "--account is 'other', and the ledger holds daily; name one of these",
    )


def test_an_order_of_a_backfill_is_decided_again_by_the_settings_of_its_run(
    run: Run, ids: list[str], home: Path
) -> None:
    stored = run("explain", ids[0], "--json").answer
    # The account was lived through by the look-back of the tests, and a backfill's record names its place too.
    rules = run_config(Settings(strategy="rules", lookback_period=SIZING.lookback_period), RULES, NO_COSTS.financing)
    config = json.dumps({**json.loads(rules.config), "start": "2020-06-01", "source": "fake", "symbols": ["A"]})
    filled = runs.Run(
        run_id="filled",
        account="daily",
        command="backfill",
        as_of=SECOND,
        started_at=datetime(2020, 6, 10, tzinfo=UTC),
        code_version="test",
        config=config,
    )
    with connect(home) as store:
        store.execute("DELETE FROM explanations")
        runs.start_run(store, filled)
    told = run("explain", ids[0], "--json").answer
    assert told == {**stored, "origin": "replayed"}
    assert "was decided again just now" in unwrapped(run("explain", ids[0]).out)


def test_a_terminal_gets_bold_headings(run: Run, ids: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told = ExplainAnswer.of_json(run("explain", ids[0], "--json").out)
    plain = shown_explanation(told)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    bold = shown_explanation(told)
    assert "\x1b[1m1 Bars" in bold
    bare = re.sub(r"\x1b\[[0-9;]*m", "", bold).splitlines()
    assert [line.rstrip() for line in bare] == plain.splitlines()


def test_a_page_of_what_is_not_known_any_more_has_no_empty_parts(run: Run, ids: list[str], home: Path) -> None:
    with connect(home) as store:
        store.execute("DELETE FROM explanations")
    shown = run("explain", ids[0])
    assert shown.code == 0
    assert re.findall(r"^\d (.+)$", shown.out, re.MULTILINE) == ["Order", "Fills"]
    assert "How the day was decided is not known any more." in unwrapped(shown.out)
    assert "Warning: nothing was kept of how 2020-06-08 was decided" in unwrapped(shown.out)


def test_a_direct_size_is_told_without_the_volatility_that_plays_no_part(run: Run, home: Path) -> None:
    job = a_job(home, PAIR.symbols(), FIRST, replace(RULES, sizing=Sizing.DIRECT))
    run_day(job, lambda: PAIR)
    with connect(home) as store:
        order = order_store.orders_on(store, "daily", FIRST)[0].order_id
    size = run("explain", order, "--json").answer["size"]
    assert size["uncapped"] == size["signal"]
    assert {size.get(name) for name in ("volatility", "budget", "portfolio_volatility", "volatility_multiplier")} == {
        None
    }
    page = run("explain", order).out
    assert "the signal itself: with direct sizing no volatility, budget or target plays a part" in unwrapped(page)
    assert not re.findall(r"^  (σ|k|b|g|s') ", page, re.MULTILINE)


def test_explaining_imports_neither_prefect_nor_torch(ids: list[str]) -> None:
    code = (
        "import sys; import flows.cli.trade.explain, tasks.explain.order_record; "
        "print([n for n in ('prefect', 'torch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"
