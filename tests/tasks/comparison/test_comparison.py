"""Saved backtests compared on the same days, and the page of it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from storage.database import connect
from storage.models import trials
from storage.models.trials import Trial
from strategy.builtin.registry import HOLD, MOMENTUM, RULES
from strategy.exit_codes import UsageError
from strategy.signals.strategies import Strategy
from tasks.backtest.answer import backtest_answer
from tasks.backtest.export import run_record, save
from tasks.backtest.run import Backtest, Window, backtest
from tasks.comparison.answer import cautions, compare_answer
from tasks.comparison.comparison import compare_runs, tried
from tasks.comparison.page import _differences, _matrices, comparison_page
from tasks.comparison.page import save as save_page
from tasks.comparison.saved_runs import SavedRun, saved_runs
from tasks.overview.facts import Beside
from tasks.overview.writing import write_overview
from tasks.performance.run_record import FILE, RunRecord
from testing.markets.bars import PAIR
from testing.runs.jobs import a_job
from testing.servers.page_visits import a_tab, demand_sound

NOW = datetime(2021, 1, 1, tzinfo=UTC)
START, END = date(2020, 6, 8), date(2020, 12, 31)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def tested(folder: Path) -> dict[Strategy, Backtest]:
    """Three strategies on the same two symbols, each saved in a folder of its name."""
    found = {}
    for strategy in (RULES, MOMENTUM, HOLD):
        job = a_job(folder / "home", PAIR.symbols(), END, strategy)
        found[strategy] = backtest(job, Window(strategies=(strategy,), start=START), lambda: PAIR)
        save(found[strategy], folder / strategy.name, job.now)
    return found


@pytest.fixture(scope="module")
def runs(folder: Path, tested: dict[Strategy, Backtest]) -> tuple[SavedRun, ...]:
    return saved_runs([folder / strategy.name for strategy in tested])


def cut(run: SavedRun, first: int, stop: int) -> SavedRun:
    """The run as if it had been tested on some of its days alone."""
    record, rows = run.record, slice(first, stop)
    between = slice(first, stop - 1)
    days = {name: getattr(record, name)[rows] for name in ("dates", "equity", "turnover")}
    cash = {name: getattr(record, name)[between] for name in ("risk_free", "idle")}
    return replace(run, record=record.model_copy(update={**days, **cash}))


def test_figures_on_all_days_are_those_of_the_reports(
    runs: tuple[SavedRun, ...], tested: dict[Strategy, Backtest], folder: Path
) -> None:
    found = compare_runs(runs, folder / "home")
    assert found.dates == tested[RULES].dates
    for run, one in zip(found.runs, tested.values(), strict=True):
        told = replace(one.net.metrics, rate_mean=None)
        assert replace(run.metrics, rate_mean=None) == told
        assert run.metrics.rate_mean == pytest.approx(one.net.metrics.rate_mean)
        assert run.left_out == 0
    # The paired test is that of a backtest against its benchmark.
    job = tested[RULES].job
    beside = backtest(job, Window(strategies=(RULES, MOMENTUM), start=START), lambda: PAIR)
    known = backtest_answer(beside, ()).significance
    assert known is not None
    theirs = known.against["momentum"]
    ours = found.against[0].differences.sharpe
    assert theirs is not None
    assert ours is not None
    assert ours.difference == pytest.approx(-theirs.difference)
    assert (ours.low, ours.high) == pytest.approx((-theirs.high, -theirs.low), rel=0.2)
    assert cautions(found) == ()


def test_runs_of_other_days_are_compared_on_those_that_all_have(runs: tuple[SavedRun, ...], folder: Path) -> None:
    every = len(runs[0].record.dates)
    late, early = cut(runs[0], 20, every), cut(runs[1], 0, every - 30)
    found = compare_runs((late, early), folder / "home")
    assert found.dates == runs[0].record.dates[20 : every - 30]
    assert [run.left_out for run in found.runs] == [30, 20]
    equity = np.array(runs[0].record.equity)
    assert found.runs[0].metrics.total_return == pytest.approx(equity[every - 31] / equity[20] - 1)
    (told,) = cautions(found)
    assert f"{len(found.dates)} days that all of them have, {found.dates[0]} to {found.dates[-1]}" in told
    assert "left out are 30 of rules, 20 of momentum" in told
    with pytest.raises(UsageError, match="the runs share 0 days and a comparison needs 2"):
        compare_runs((cut(runs[0], 0, 40), cut(runs[1], 40, every)), folder / "home")


def test_what_accrues_on_a_day_that_another_run_lacks_counts_to_the_next_common_one(
    runs: tuple[SavedRun, ...], folder: Path
) -> None:
    record = runs[1].record
    kept = [row for row in range(len(record.dates)) if row != 50]
    merged = [
        *record.risk_free[:49],
        record.risk_free[49] + record.risk_free[50],
        *record.risk_free[51:],
    ]
    lacking = record.model_copy(
        update={
            **{name: tuple(getattr(record, name)[row] for row in kept) for name in ("dates", "equity", "turnover")},
            **dict.fromkeys(("risk_free", "idle"), tuple(merged)),
        }
    )
    first, second = compare_runs((runs[0], replace(runs[1], record=lacking)), folder / "home").runs
    assert first.left_out == 1
    assert second.left_out == 0
    equity, free = np.array(runs[0].record.equity), np.array(runs[0].record.risk_free)
    expected = equity[51] / equity[49] - 1 - free[49] - free[50]
    assert first.daily.excess[49] == pytest.approx(expected)
    traded = first.metrics.turnover_per_year
    assert traded == pytest.approx(sum(runs[0].record.turnover) * 365 / (len(kept) - 1))


def test_the_best_is_judged_after_all_trials_and_the_choice_itself(runs: tuple[SavedRun, ...], folder: Path) -> None:
    home = folder / "home"
    found = compare_runs(runs, home)
    best = found.chosen
    assert best is not None
    ratios = {run.label: run.metrics.sharpe for run in found.runs}
    assert best.label == max(ratios, key=lambda label: ratios[label] or -9.0)
    # The rules are the one trial; momentum and hold are no trials, but candidates of this choice.
    assert best.trials == 3
    assert best.spa_p is not None
    assert best.pbo is not None
    looks = [each.p_chosen for each in found.against]
    alone = [each.differences.sharpe.p for each in found.against if each.differences.sharpe]
    assert all(many is not None and many >= one for many, one in zip(looks, alone, strict=True))
    # Of two there is one difference, and nothing to choose the best of.
    two = compare_runs(runs[:2], home)
    assert two.chosen is not None
    assert (two.chosen.spa_p, two.chosen.pbo) == (None, None)
    assert two.against[0].p_chosen == pytest.approx(alone[0])


def test_every_pair_is_told_with_the_p_of_all_pairs(runs: tuple[SavedRun, ...], folder: Path) -> None:
    found = compare_runs(runs, folder / "home")
    assert [(pair.label, pair.other) for pair in found.pairs] == [
        ("momentum", "rules"),
        ("hold", "rules"),
        ("hold", "momentum"),
    ]
    # Those with the first are the differences from it.
    for pair, against in zip(found.pairs[:2], found.against, strict=True):
        assert pair.differences == against.differences
    last, known = found.pairs[2].differences, {run.label: run.metrics for run in found.runs}
    assert last.sharpe is not None
    assert last.sharpe.difference == pytest.approx((known["hold"].sharpe or 0.0) - (known["momentum"].sharpe or 0.0))
    assert last.drawdown is not None
    assert last.drawdown.difference == pytest.approx(known["hold"].max_drawdown - known["momentum"].max_drawdown)
    for pair in found.pairs:
        ratio = pair.differences.sharpe
        assert ratio is not None
        assert pair.p is not None
        assert pair.p_all == pytest.approx(1 - (1 - pair.p) ** 3)
        assert pair.p == pytest.approx(2 * min(ratio.p, 1 - ratio.p), abs=0.003)
    # A run and its copy differ in nothing, and luck makes that certain.
    twin = replace(runs[0], label="twin", folder=folder / "twin")
    (same,) = compare_runs((runs[0], twin), folder / "home").pairs
    assert (same.p, same.p_all) == (1.0, 1.0)
    assert same.differences.sharpe is not None
    assert same.differences.sharpe.difference == 0.0


def test_two_runs_differ_in_one_table_and_three_in_one_for_each_figure(
    runs: tuple[SavedRun, ...], folder: Path
) -> None:
    two = compare_runs(runs[:2], folder / "home")
    (table,) = _differences(two)
    assert table.heading == "momentum less rules"
    assert [row[0].split(",")[0] for row in table.rows] == [
        "Sharpe ratio",
        "Growth per year",
        "Deepest drawdown",
        "Deepest drawdown at equal volatility",
    ]
    ratio = two.against[0].differences.sharpe
    assert ratio is not None
    assert table.rows[0][1:] == (
        f"{ratio.difference:+.2f}".replace("-", "−"),
        f"{ratio.low:+.2f} to {ratio.high:+.2f}".replace("-", "−"),
        "< 0.01" if ratio.p < 0.01 else f"{ratio.p:.2f}",
    )
    several = _differences(compare_runs(runs, folder / "home"))
    assert [len(each.rows) for each in several] == [2] * 4


def test_a_matrix_is_antisymmetric_and_marks_what_survives_all_looks(runs: tuple[SavedRun, ...], folder: Path) -> None:
    found = compare_runs(runs, folder / "home")
    sure = replace(found.pairs[0], p_all=0.001)
    ratios, growth, drawdown = _matrices(replace(found, pairs=(sure, *found.pairs[1:])))
    assert ratios.labels == ("rules", "momentum", "hold")
    for matrix in (ratios, growth, drawdown):
        for row in range(3):
            assert matrix.rows[row][row] is None
            for column in range(row):
                one, other = matrix.rows[row][column], matrix.rows[column][row]
                assert one is not None
                assert other is not None
                assert {one.value.strip("+−"), one.p} == {other.value.strip("+−"), other.p}
                assert sorted(part.strip("+−") for part in one.interval.split(" to ")) == sorted(
                    part.strip("+−") for part in other.interval.split(" to ")
                )
    marked = [[cell is not None and cell.p.endswith(" *") for cell in row] for row in ratios.rows]
    assert marked == [[False, True, False], [True, False, False], [False, False, False]]
    tones = {cell.tone for row in ratios.rows for cell in row if cell is not None and cell.tone}
    assert tones == {"good", "bad"}
    assert {cell.tone for matrix in (growth, drawdown) for row in matrix.rows for cell in row if cell} == {""}


@pytest.mark.browser
def test_eight_runs_fit_on_every_screen_and_on_paper(
    browser: Browser, runs: tuple[SavedRun, ...], folder: Path, tmp_path: Path
) -> None:
    many = tuple(replace(runs[number % 3], label=f"strategy-{number}") for number in range(8))
    page = tmp_path / "eight.html"
    page.write_text(comparison_page(compare_runs(many, folder / "home")), encoding="utf-8")
    assert "as there are pairs, 28:" in page.read_text(encoding="utf-8")
    demand_sound(browser, page)


def test_trials_are_those_of_the_home_and_a_run_of_another_home_counts_beside(
    runs: tuple[SavedRun, ...], folder: Path, tmp_path: Path
) -> None:
    rules = runs[0]
    assert tried(runs[:1], folder / "home").count == 1
    # Elsewhere nothing is known of it: it counts once, and as one of as many as there were.
    assert tried(runs[:1], tmp_path / "elsewhere").count == 1
    many = replace(rules, record=rules.record.model_copy(update={"trials": 40}))
    assert tried([many], tmp_path / "elsewhere").count == 40
    with connect(tmp_path / "third") as store:
        for number in range(5):
            trial = Trial(
                symbols=rules.record.symbols,
                start=START,
                end=END,
                config=json.dumps({"number": number}),
                recorded_at=rules.record.saved_at,
                sharpe=0.01 * number,
                days=100,
            )
            trials.record(store, trial)
    log = tried(runs[:1], tmp_path / "third")
    assert (log.count, len(log.sharpes)) == (6, 6)
    assert max(log.sharpes[:5]) == 0.04


def test_what_makes_runs_hard_to_compare_is_said(runs: tuple[SavedRun, ...], folder: Path) -> None:
    other = runs[1].record.model_copy(update={"data_sha256": "f" * 64, "code_version": "older", "account_version": 3})
    told = cautions(compare_runs((runs[0], replace(runs[1], record=other)), folder / "home"))
    assert [sentence.split(";")[0].split(":")[0] for sentence in told] == [
        "the runs saw other data of the same symbols",
        "the runs are of other versions of the code",
        "the Sharpe ratios of the runs are above other rates",
    ]
    # Another series of rates makes another hash, and is no other data.
    rates = {**runs[1].record.config, "financing_rate": None, "rates": "constant:0.03"}
    other = runs[1].record.model_copy(update={"data_sha256": "f" * 64, "config": rates})
    (told,) = cautions(compare_runs((runs[0], replace(runs[1], record=other)), folder / "home"))
    assert told.startswith("the runs are charged, and compared, at other rates (")
    assert "rates constant:0.03); give all the same --rates" in told
    other = runs[1].record.model_copy(update={"symbols": ("TOKEN",), "days_per_year": 252, "source": "yahoo"})
    found = compare_runs((runs[0], replace(runs[1], record=other)), folder / "home")
    assert found.days_per_year == 252
    assert [sentence.split(":")[0].split(" (")[0] for sentence in cautions(found)] == [
        "the runs trade other symbols",
        "the accounts have other days in a year",
        "the runs are of other sources",
    ]


def test_what_is_no_saved_run_is_refused(runs: tuple[SavedRun, ...], folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 saved run was named; a comparison takes 2 to 8"):
        saved_runs([folder / "rules"])
    with pytest.raises(UsageError, match="was named twice"):
        saved_runs([folder / "rules", folder / "hold" / ".." / "rules"])
    with pytest.raises(UsageError, match=r"has no run\.json"):
        saved_runs([folder / "rules", tmp_path])
    (tmp_path / FILE).write_text('{"strategy": 1}')
    with pytest.raises(UsageError, match=r"is no record of a run, at saved_at; save the run again"):
        saved_runs([folder / "rules", tmp_path])
    short = runs[0].record.json_values() | {"equity": [1.0]}
    (tmp_path / FILE).write_text(json.dumps(short))
    with pytest.raises(UsageError, match="is no record of a run, at its dates"):
        saved_runs([folder / "rules", tmp_path])


def test_two_runs_of_a_strategy_are_told_apart_by_their_folders(
    tested: dict[Strategy, Backtest], folder: Path, tmp_path: Path
) -> None:
    for place in ("a/same", "b/same", "b/other"):
        save(tested[RULES], tmp_path / place, tested[RULES].job.now)
    labels = [run.label for run in saved_runs([tmp_path / "a/same", tmp_path / "b/other", folder / "hold"])]
    assert labels == ["rules (same)", "rules (other)", "hold"]
    labels = [run.label for run in saved_runs([tmp_path / "a/same", tmp_path / "b/same"])]
    assert labels == [f"rules ({tmp_path / 'a/same'})", f"rules ({tmp_path / 'b/same'})"]


def test_a_record_survives_its_file_to_the_last_bit(tested: dict[Strategy, Backtest]) -> None:
    record = run_record(tested[RULES], tested[RULES].job.now)
    assert RunRecord.of_json(record.to_json()) == record
    assert record.trials == 1


def test_the_answer_names_what_differs(runs: tuple[SavedRun, ...], folder: Path) -> None:
    slow = runs[0].record.model_copy(update={"config": {"neutral_zone": 0.1, "seed": 7}})
    fast = runs[1].record.model_copy(update={"config": {"neutral_zone": 0.0, "seed": 7}})
    pair = (replace(runs[0], record=slow), replace(runs[1], record=fast))
    answer = json.loads(compare_answer(compare_runs(pair, folder / "home"), ("page",)).to_json())
    assert [run["settings"] for run in answer["runs"]] == [{"neutral_zone": 0.1}, {"neutral_zone": 0.0}]
    assert answer["files"] == ["page"]
    assert set(answer["against"][0]["growth"]) == {"difference", "low", "high"}
    page = comparison_page(compare_runs(pair, folder / "home"))
    assert "neutral_zone" in page
    assert "2 trials without skill" in page


@pytest.mark.browser
def test_the_page_is_sound_and_its_pictures_answer(
    browser: Browser, runs: tuple[SavedRun, ...], folder: Path, tmp_path: Path
) -> None:
    home = folder / "home"
    found = compare_runs(runs, home)
    (elsewhere,) = save_page(found, tmp_path, home, NOW)
    assert "All accounts" not in Path(elsewhere).read_text(encoding="utf-8")
    (file,) = save_page(found, home / "reports" / "compared", home, NOW)
    page = Path(file)
    demand_sound(browser, page)
    tab = a_tab(browser, 1280)
    tab.goto(page.as_uri())
    drawn = tab.locator(".live svg:visible")
    box = drawn.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 120)
    told = tab.locator(".tip").inner_text()
    for name in ("Equity, rules", "Drawdown, momentum", "Beyond rules, hold"):
        assert name in told
    # All are drawn in every plot, and a name in the key hides its run in all of them.
    assert drawn.locator("path[data-line='2']").count() == drawn.locator(".td-plot").count() == 4
    drawn.locator(".td-entry").nth(2).click()
    assert not any(line.is_visible() for line in drawn.locator("path[data-line='2']").all())
    assert tab.locator("h2", has_text="the best run was chosen after seeing all of them").count() == 1
    # There and back: the page of all accounts has a link to each.
    index = Path(write_overview(home, Beside(now=NOW)).index)
    tab.locator("nav a").click()
    assert tab.url == index.as_uri()
    assert tab.locator(f'a[href="{Path(elsewhere).as_uri()}"]').count() == 1
    tab.locator('a[href="compared/comparison.html"]').click()
    assert tab.url == page.as_uri()
    tab.close()
