"""The pictures of pages in the documents show the pages of today, made from the embedded sample.

`KEEP_PICTURES=1 .venv/bin/pytest tests/test_pictures.py` makes them anew: look at them after each change. What a
picture shows is kept in words beside this file, since the pixels differ between machines. That of Prefect's page is
made by tests/flows/test_prefect_ui.py.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks.readme_figures import unaudited
from flows.cli.main import app
from storage.database import connect
from storage.strategies import verdicts
from storage.strategies.verdicts import StrategyVerdict
from strategy.audit.user_strategy import AUDIT_VERSION
from tasks.overview.facts import Beside
from tasks.overview.writing import write_overview
from tasks.strategies.binding import parameters_json
from testing.servers.page_pictures import DOCS, KEEP, KEPT, in_words, shrunk, with_picture
from testing.servers.page_visits import a_tab

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("default_rates")]
MOST_BYTES = 100_000
#: The account whose day is shown.
SHOWN, LAST_DAY = "momentum", "2018-12-31"
WRITTEN = datetime(2018, 12, 31, 21, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A window on a page, and the parts of the page that it is a picture of."""

    page: Path
    size_px: tuple[int, int]
    parts: str


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with half a year of three accounts, one of which ends halted."""
    folder = tmp_path_factory.mktemp("pictures") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TURBODMT_FINANCING_RATE")
        for strategy in ("hold", "momentum", "vol-target"):
            window = ("--start-date", "2018-06-01", "--end-date", LAST_DAY)
            named = ("--strategy", strategy, "--account", strategy, "--home", str(folder))
            app(["backfill", *window, *named], standalone_mode=False)
    return folder


def the_report(home: Path) -> Shot:
    tested = unaudited(home)
    job = tested.tested.job
    # benchmarks/readme_figures.py audits the same rule, which takes half a minute.
    passed = [
        StrategyVerdict(
            sha256=job.policy.strategy.version,
            parameters=parameters_json(job.policy.strategy),
            source=job.source,
            symbol=symbol,
            audit_version=AUDIT_VERSION,
            passed=True,
            findings="{}",
            judged_at=WRITTEN,
        )
        for symbol in tested.tested.symbols
    ]
    with connect(job.home) as store:
        verdicts.record(store, passed)
    page = tested.report(home / "report.html")
    return Shot(page=page, size_px=(1280, 960), parts="header, header + section, .notice, .drawn:nth-of-type(3)")


def the_accounts(home: Path) -> Shot:
    page = Path(write_overview(home, Beside(now=WRITTEN)).index)
    return Shot(page=page, size_px=(1000, 780), parts="main")


def the_day(home: Path) -> Shot:
    page = home / "reports" / SHOWN / f"{LAST_DAY}.html"
    return Shot(page=page, size_px=(1000, 1080), parts="header, header + section, .drawn:nth-of-type(2)")


SHOTS = {"report": the_report, "accounts": the_accounts, "day": the_day}


@pytest.mark.parametrize("name", SHOTS)
def test_a_picture_of_the_documents_shows_the_page_of_today(browser: Browser, home: Path, name: str) -> None:
    shot = SHOTS[name](home)
    tab = a_tab(browser, shot.size_px[0])
    tab.goto(shot.page.as_uri())
    words, picture, kept = in_words(tab, shot.parts), DOCS / f"{name}.png", KEPT / f"{name}.txt"
    if os.environ.get(KEEP) == "1":
        tab.set_viewport_size({"width": shot.size_px[0], "height": shot.size_px[1]})
        picture.write_bytes(shrunk(tab, tab.screenshot()))
        kept.write_text(with_picture(words, picture), encoding="utf-8")
    tab.close()
    assert with_picture(words, picture) == kept.read_text(encoding="utf-8")


def test_every_picture_is_small_and_kept_in_words() -> None:
    pictures = sorted(DOCS.rglob("*.png"))
    assert [picture.name for picture in pictures if picture.stat().st_size > MOST_BYTES] == []
    assert [picture.stem for picture in pictures] == sorted(path.stem for path in KEPT.glob("*.txt"))
