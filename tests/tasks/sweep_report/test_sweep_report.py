"""The report of a sweep: heat maps of its grid, and a page that a browser can show."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser

from strategy.evaluation.metrics import Metrics
from tasks.backtest.answer import BenchmarkAnswer
from tasks.backtest.sweep_answer_model import BestPointAnswer, PointAnswer, SweepAnswer
from tasks.sweep_report.heat_maps import MOST_MAPS, MOST_VALUES, HeatMap, Shading, heat_maps
from tasks.sweep_report.page import settings, sweep_page
from testing.servers.page_visits import a_tab, demand_sound

METRICS = Metrics(
    total_return=0.5,
    cagr=0.1,
    annual_vol=0.2,
    sharpe=0.7,
    sharpe_raw=0.7,
    rate_mean=0.0,
    sortino=1.0,
    max_drawdown=0.2,
    win_rate=0.5,
    turnover_per_year=3.0,
)
MEASURED = ("cagr", "annual_vol", "max_drawdown", "turnover_per_year", "capped_ratio")


def points(*rows: dict[str, object]) -> pd.DataFrame:
    """A table of points, best first."""
    made = [{**dict.fromkeys(MEASURED, 0.1), **row} for row in rows]
    return pd.DataFrame(sorted(made, key=lambda row: -float(str(row["sharpe"]))))


def a_grid(zones: Sequence[float], periods: Sequence[int], fees: Sequence[float] = (1.0,)) -> pd.DataFrame:
    """A full grid whose ratio falls with the distance from the second zone, and with the fee."""
    return points(
        *(
            {
                "neutral_zone": zone,
                "lookback_period": period,
                "fee_bps": fee,
                "sharpe": 1.0 - abs(zone - zones[1]) - period / 1_000 - fee / 100,
            }
            for zone in zones
            for period in periods
            for fee in fees
        )
    )


def texts(drawn: HeatMap) -> list[list[str]]:
    return [[cell.text for cell in row] for row in drawn.cells]


def test_a_map_has_the_others_at_the_best_and_outlines_it() -> None:
    grid = a_grid([0.0, 0.1, 0.2], [20, 40], [0.0, 5.0])
    maps, shading = heat_maps(grid, ("neutral_zone", "lookback_period", "fee_bps"))
    assert [(drawn.across, drawn.down, drawn.held) for drawn in maps] == [
        ("neutral_zone", "lookback_period", "fee_bps 0"),
        ("neutral_zone", "fee_bps", "lookback_period 20"),
        ("lookback_period", "fee_bps", "neutral_zone 0.1"),
    ]
    first = maps[0]
    assert (first.columns, first.rows) == (("0", "0.1", "0.2"), ("20", "40"))
    assert texts(first) == [["0.88", "0.98", "0.88"], ["0.86", "0.96", "0.86"]]
    assert [[cell.best for cell in row] for row in first.cells] == [[False, True, False], [False] * 3]
    assert first.cells[0][1].tip.splitlines()[:3] == [
        "neutral_zone 0.1, lookback_period 20",
        "Sharpe ratio\t0.98",
        "Growth per year\t10.0%",
    ]
    # The best is darkest, and small differences stay small.
    assert (shading.low, shading.high, *shading.span) == pytest.approx((0.81, 0.98, 0.81, 1.06))
    assert max(cell.style for row in first.cells for cell in row) == first.cells[0][1].style == "shade5"


def test_a_point_that_was_not_tried_is_empty_and_a_ratio_unknown_has_no_shade() -> None:
    tried = points(
        {"neutral_zone": 0.0, "lookback_period": 20, "sharpe": 0.5},
        {"neutral_zone": 0.1, "lookback_period": 40, "sharpe": 0.3},
        {"neutral_zone": 0.1, "lookback_period": 20, "sharpe": float("nan")},
    ).sort_values("sharpe", ascending=False, na_position="last")
    (drawn,), _ = heat_maps(tried, ("neutral_zone", "lookback_period"))
    assert texts(drawn) == [["0.50", "–"], ["", "0.30"]]
    assert [[cell.style for cell in row] for row in drawn.cells] == [["shade6", "untried"], ["untried", "shade0"]]


def test_losses_have_a_hue_of_their_own_and_are_darker_the_farther_from_zero() -> None:
    tried = points(*({"neutral_zone": zone, "sharpe": ratio} for zone, ratio in ((0.2, 0.4), (0.1, 0.1), (0.0, -0.2))))
    (drawn,), shading = heat_maps(tried, ("neutral_zone",))
    assert [cell.style for cell in drawn.cells[0]] == ["loss shade4", "shade2", "shade8"]
    assert (shading.span, len(shading.styles)) == ((-0.4, 0.4), 17)
    # Without any gain the scale ends at 0.
    losses = Shading(low=-0.8, high=-0.1)
    assert (losses.span, losses.of(-0.8), losses.of(-0.1)) == ((-0.8, 0.0), "loss shade8", "loss shade1")
    assert losses.styles[0] == "loss shade8"
    assert losses.styles[-1] == "shade0"


def test_an_axis_that_the_best_point_does_not_read_is_not_drawn() -> None:
    tried = points(
        {"strategy": "hold", "neutral_zone": None, "sharpe": 0.9},
        {"strategy": "rules", "neutral_zone": 0.0, "sharpe": 0.2},
        {"strategy": "rules", "neutral_zone": 0.1, "sharpe": 0.1},
    )
    (drawn,), _ = heat_maps(tried, ("strategy", "neutral_zone"))
    assert (drawn.across, drawn.down, drawn.rows) == ("strategy", "", ("",))
    # Rules have no point at the value that hold does not have.
    assert texts(drawn) == [["0.90"]]
    assert drawn.columns == ("hold",)


def test_large_grids_keep_the_pairs_of_most_cells_and_the_values_around_the_best() -> None:
    grid = a_grid([0.01 * number for number in range(100)], [20, 40])
    (drawn,), _ = heat_maps(grid, ("neutral_zone", "lookback_period"))
    assert len(drawn.columns) == MOST_VALUES
    assert "0.01" in drawn.columns
    assert drawn.cut == "the 40 of 100 values of neutral_zone around the best"
    names = [f"axis{number}" for number in range(5)]
    wide = points(
        *(
            {name: float(row >> place & 1) for place, name in enumerate(names)} | {"sharpe": row / 32}
            for row in range(32)
        )
    )
    assert len(heat_maps(wide, names)[0]) == MOST_MAPS


def an_answer(grid: pd.DataFrame, varied: tuple[str, ...]) -> SweepAnswer:
    def point(row: dict[str, object]) -> dict[str, object]:
        known = {name: row.get(name) for name in PointAnswer.model_fields}
        return {**known, "symbols": "A", "strategy": "rules", "parameters": {}}

    rows = [point({str(name): value for name, value in row.items()}) for row in grid.to_dict("records")]
    return SweepAnswer(
        symbols=("A", "<b>B</b>"),
        start=date(2020, 1, 2),
        end=date(2021, 1, 4),
        bars=366,
        points=len(rows),
        varied=varied,
        best=BestPointAnswer.model_validate({**rows[0], "exact": METRICS}),
        benchmarks={"hold": BenchmarkAnswer(net=METRICS)},
        top=tuple(PointAnswer.model_validate(row) for row in rows[:10]),
        pbo=0.4,
        probability_of_loss=0.3,
        deflated_sharpe=0.812,
        luckiest_sharpe=0.5,
        trials=2_000,
        data_sha256="ab",
        code_version="test",
        config={"strategy": "rules", "neutral_zone": 0.05, "parameters": {"bars": 50, "slow": 9}, "seed": 7},
        table=None,
        files=(),
        warnings=("see `turbodmt universe`",),
    )


def test_the_page_marks_the_best_with_its_deflated_ratio_and_escapes_names() -> None:
    grid = a_grid([0.0, 0.1, 0.2], [20, 40])
    page = sweep_page(an_answer(grid, ("neutral_zone", "lookback_period")), grid)
    assert "whose ratio is more than luck with probability 81.2%, after\n2,000 trials" in page.replace(
        " 2,000", "\n2,000"
    )
    assert page.count(' best"') == 1
    assert "<b>B</b>" not in page
    assert re.search(r'class="shade\d best" data-tip="neutral_zone 0.1, lookback_period 20', page)


def test_the_origin_has_the_axes_and_what_all_points_share() -> None:
    grid = a_grid([0.0, 0.1, 0.2], [20, 40])
    grid["parameters.bars"] = grid["lookback_period"]
    answer = an_answer(grid, ("neutral_zone", "parameters.bars"))
    told = settings(answer, grid)
    # What an axis varies is not stated as fixed, and no value is a Python dict.
    assert told == (
        ("Varied: neutral_zone", "0, 0.1, 0.2"),
        ("Varied: parameters.bars", "20, 40"),
        ("strategy", "rules"),
        ("parameters.slow", "9"),
        ("seed", "7"),
    )


def test_the_page_names_the_strategy_and_how_many_of_the_points_it_lists() -> None:
    few, many = a_grid([0.0, 0.1, 0.2], [20, 40]), a_grid([0.0, 0.1, 0.2], [20, 40, 60, 80])
    axes = ("neutral_zone", "lookback_period")
    page = sweep_page(an_answer(few, axes), few)
    assert "Sweep of rules on A, " in page
    assert "TurboDMT sweep of rules on A, " in page
    assert "All points, best first" in page
    assert "Best point: lookback_period" in page
    assert "The best 10 of 12 points" in sweep_page(an_answer(many, axes), many)
    assert "Sweep of several strategies on" in sweep_page(an_answer(few, ("strategy", "neutral_zone")), with_names(few))


def with_names(grid: pd.DataFrame) -> pd.DataFrame:
    return grid.assign(strategy=["rules", "momentum"] * (len(grid) // 2))


@pytest.mark.browser
@pytest.mark.parametrize("zones", [8, 24, 30])
def test_the_page_is_sound_and_its_cells_answer(browser: Browser, tmp_path: Path, zones: int) -> None:
    grid = a_grid([0.01 * number for number in range(zones)], [20, 40, 60])
    # Ratios below 0 are the widest, and must not reach beyond the last of many cells.
    grid["sharpe"] -= 2.0
    file = tmp_path / "sweep.html"
    file.write_text(sweep_page(an_answer(grid, ("neutral_zone", "lookback_period")), grid), encoding="utf-8")
    demand_sound(browser, file)
    tab = a_tab(browser, 390)
    tab.goto(file.as_uri())
    heat = tab.locator(".heat")
    best = heat.locator("td.best")
    best.scroll_into_view_if_needed()
    best.hover()
    told = heat.locator(".tip").inner_text()
    assert "neutral_zone 0.01, lookback_period 20" in told
    assert "−1.03" in told
    # It lies within the screen, whatever is pointed at.
    heat.locator("tbody tr").nth(2).locator("td").last.hover()
    box = heat.locator(".tip").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    # Arrow keys lead from the best to its neighbours.
    tab.mouse.move(1, 1)
    heat.focus()
    for key in ("ArrowRight", "ArrowDown"):
        tab.keyboard.press(key)
    assert "lookback_period 40" in heat.locator(".tip").inner_text()
    tab.keyboard.press("Escape")
    assert heat.locator(".tip").is_hidden()
    tab.close()
