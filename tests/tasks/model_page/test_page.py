"""The page of a model: what was asked of it, how it was trained, what its inputs are worth; legible on every screen."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from storage.models.registry import ModelRecord
from strategy.training.promotion_gate import PRIOR, Figures, Verdict
from strategy.training.trainer import Importance, InputImportance
from tasks.model_page.course import course_of
from tasks.model_page.page import ModelPage, model_page
from tasks.report.markup import script_source
from testing.servers.page_visits import a_tab, demand_sound

HOSTILE = "</style><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>\"'&"
COURSE = [
    {
        "losses": [-0.4 - 0.01 * step + 0.1 * (step % 3 + member) for step in range(60)],
        "stop_sharpes": [[0, 0.5], [20, 0.45 + 0.1 * member], [40, 0.6], [60, 0.55]],
    }
    for member in range(2)
]
RECORD = ModelRecord(
    model_id="0123456789abcdef" * 4,
    source="sample",
    symbols=("A", "B"),
    strategy="turbo",
    trained_from=date(2010, 1, 4),
    trained_to=date(2020, 6, 8),
    created_at=datetime(2020, 6, 9, tzinfo=UTC),
    seed=7,
    config="{}",
    code_version="0.1.0+ab",
    data_sha256="feed",
    validation=json.dumps(
        {
            "best_steps": [40, 0],
            "steps": [60, 60],
            "network_sharpe": 0.75,
            "prior_sharpe": 0.5,
            "dates": {"training": ["2011-01-04", "2017-01-04"], "gate": ["2019-01-04", "2020-06-08"]},
            "course": COURSE,
        }
    ),
)
FIRST = Verdict(
    promoted=False,
    rival=PRIOR,
    figures=Figures(
        trials=3,
        days=400,
        margin=None,
        sharpe=0.75,
        rival_sharpe=0.5,
        difference=0.25,
        low=-0.125,
        high=0.625,
        p=0.05,
        p_deflated=0.1426,
    ),
    reason="rejected: p = 0.14 corrected for 3 trials, needs < 0.05",
)
REFRESH = replace(FIRST, promoted=True, rival="fedcba9876543210", figures=replace(FIRST.figures, margin=0.1))
WORTH = Importance(
    sharpe=0.74,
    repeats=5,
    block_rows=21,
    inputs=(
        InputImportance(name="momentum_252", lost=0.21, spread=0.05, moved=0.0312),
        InputImportance(name="volatility_ratio_20_250", lost=-0.02, spread=0.03, moved=0.0021),
    ),
)
PAGE = ModelPage(record=RECORD, verdict=FIRST, importance=WORTH)


def test_every_criterion_is_told_with_its_limit_and_whether_it_was_met() -> None:
    html = model_page(PAGE)
    assert html.count('<td class="number good" data-name="Met">yes</td>') == 3
    assert html.count('<td class="number bad" data-name="Met">no</td>') == 1
    assert "0.1426" in html
    assert "Rejected: p = 0.14" in html
    assert "asked for: more than 0.00" in html
    assert "asked for: at least −0.10" in model_page(replace(PAGE, verdict=REFRESH))
    assert "the champion fedcba987654" in model_page(replace(PAGE, verdict=REFRESH))


def test_the_curves_are_those_of_the_record() -> None:
    drawn = course_of(json.loads(RECORD.validation), "Training")
    assert drawn is not None
    assert drawn.steps == 60
    (_, trained), (_, stopped) = drawn.plots
    assert [trained[0][step] for step in (1, 60)] == [COURSE[0]["losses"][0], COURSE[0]["losses"][59]]
    assert [stopped[1][step] for step in (0, 20, 40)] == [-0.5, -0.55, -0.6]
    assert trained[0][0] != trained[0][0]
    html = model_page(PAGE)
    assert "Network 1: best at step 40" in html
    assert "Network 2: no step was clearly better" in html


def test_what_is_not_known_is_said_and_nothing_is_drawn() -> None:
    record = replace(RECORD, validation="{}")
    bare = replace(FIRST, figures=Figures(trials=1, days=20, margin=None), reason="rejected: 20 days are too few")
    html = model_page(ModelPage(record=record, verdict=bare, importance=None, unknown="The learner names no inputs."))
    assert "This learner records no losses." in html
    assert "The learner names no inputs." in html
    assert html.count("not looked at") == 3
    assert "<svg" not in html
    assert "script-src" not in html


def test_what_a_page_shows_cannot_run_and_only_its_own_script_may() -> None:
    hostile = replace(RECORD, symbols=(HOSTILE,), strategy=HOSTILE)
    html = model_page(replace(PAGE, record=hostile, verdict=replace(FIRST, reason=HOSTILE)))
    assert "<script>alert" not in html
    assert "<img src=https" not in html
    assert f"script-src {script_source()}" in html


@pytest.mark.browser
def test_the_page_is_sound(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "model.html"
    page.write_text(model_page(PAGE, "../index.html").replace("<details>", "<details open>"), encoding="utf-8")
    demand_sound(browser, page)


@pytest.mark.browser
@pytest.mark.parametrize("width_px", [390, 768, 1280])
def test_no_label_is_cut_off(browser: Browser, tmp_path: Path, width_px: int) -> None:
    page = tmp_path / "model.html"
    page.write_text(model_page(PAGE), encoding="utf-8")
    tab = a_tab(browser, width_px)
    tab.goto(page.as_uri())
    outside = tab.evaluate(
        """() => [...document.querySelectorAll("svg text")].filter(text => text.checkVisibility()).filter(text => {
          const own = text.getBoundingClientRect(), all = text.closest("svg").getBoundingClientRect();
          return own.left < all.left - 1 || own.right > all.right + 1;
        }).map(text => text.textContent)"""
    )
    assert outside == []
    tab.close()


@pytest.mark.browser
@pytest.mark.parametrize("width_px", [390, 1280])
def test_inputs_and_verdict_tell_their_values(browser: Browser, tmp_path: Path, width_px: int) -> None:
    page = tmp_path / "model.html"
    page.write_text(model_page(PAGE), encoding="utf-8")
    tab = a_tab(browser, width_px)
    tab.goto(page.as_uri())
    gate, worth = (tab.locator(".marked").nth(number).locator("> div:visible").last for number in (0, 1))
    for key in ("± one standard deviation of 5 shuffles", "lost without it"):
        assert worth.locator("text", has_text=key).count() == 1
    gate.locator("circle").hover()
    told = gate.locator(".tip").inner_text()
    for text in ("Net Sharpe ratio minus the prior's", "−0.12 to 0.62", "0.1426"):
        assert text in told
    # The tip stays within the drawing, which would cut it off.
    assert gate.evaluate(
        "one => one.querySelector('.tip').getBoundingClientRect().top >= one.getBoundingClientRect().top"
    )
    worth.focus()
    for name, lost in (("momentum_252", "+0.210"), ("volatility_ratio_20_250", "−0.020")):
        tab.keyboard.press("ArrowDown")
        said = worth.locator(".tip").inner_text()
        assert said.startswith(name)
        assert lost in said
    tab.keyboard.press("Escape")
    assert not worth.locator(".tip").is_visible()
    # A browser's own hint would stand beside the tip; what reads the page aloud has the same words.
    assert worth.locator("g[data-tip] title").count() == 0
    assert worth.locator("g[data-tip]").first.get_attribute("aria-label") == (
        "momentum_252: Sharpe ratio lost +0.210, Spread of 5 0.050, Signal moved by 0.0312"
    )
    tab.close()


@pytest.mark.browser
def test_the_curves_answer_by_step(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "model.html"
    page.write_text(model_page(PAGE), encoding="utf-8")
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.set_default_timeout(120_000)
    tab.goto(page.as_uri())
    drawn = tab.locator(".live svg:visible")
    drawn.focus()
    drawn.press("ArrowLeft")
    said = tab.locator(".live .tip").inner_text()
    assert said.startswith("Step 59")
    assert "network 1" in said
    assert tab.locator(".tools button").count() == 0
    drawn.scroll_into_view_if_needed()
    box = drawn.bounding_box()
    assert box is not None
    tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 120)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 120, steps=4)
    tab.mouse.up()
    labels = drawn.locator(".td-dates").first.locator("text").all_text_contents()
    assert labels
    assert all(25 <= float(label) <= 60 for label in labels)
    tab.close()
