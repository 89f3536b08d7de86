"""What a person does and sees in Prefect's page: one `turbodmt up`, driven through a browser from form to artifact."""

import os
import re
import threading
from collections.abc import Iterator
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pandas as pd
import pytest
import yaml
from playwright.sync_api import Browser, ViewportSize, expect

from testing.markets.bars import SHARE, TOKEN
from testing.servers.page_pictures import DOCS, KEEP, KEPT, shrunk, with_picture
from testing.servers.prefect_page import HEIGHT_PX, PATIENCE_MS, WIDTH_PX, PrefectPage
from testing.servers.prefect_server import ROOT
from testing.servers.up_server import brought_up, put_home
from tests.flows.conftest import write_bars

#: A halt and its end are four runs, each half a minute on a machine that is busy with others.
pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.timeout(900)]

STEPS = ("ingest", "validate", "settle", "retrain if due", "signal", "order", "reconcile", "report")
#: Three days on which the rule sells, then sells more, which a halt withholds, then sells again.
FIRST, HALTED, RESUMED = date(2018, 12, 26), date(2018, 12, 27), date(2018, 12, 28)
#: The day after, on which the account is closed.
FLATTENED = date(2018, 12, 31)
DESK = {"source": "sample", "strategy": "rules", "account": "desk"}
BAD_DAY = date(2020, 12, 30)
SLUG = "every-minute"
#: A training that takes seconds.
SHORT = {"TURBODMT_ENSEMBLE_MEMBERS": "1", "TURBODMT_TRAINING_STEPS": "5", "TURBODMT_TWINS": "0"}

Asked = set[str]
#: What a page of another origin tries: to read, to start a run without asking to see the answer, to listen.
FOREIGN = """async ([api, halt]) => {
    const json = { 'Content-Type': 'application/json' };
    const read = (path, body) => fetch(api + path, { method: 'POST', headers: json, body }).then(
        async answer => answer.status + await answer.text(), () => 'refused');
    const listen = path => new Promise(done => {
        const socket = new WebSocket(api.replace('http', 'ws') + path, ['prefect']);
        socket.onopen = () => socket.send('{"type": "auth", "token": "guessed"}');
        socket.onmessage = message => done(message.data);
        socket.onclose = () => done('closed');
    });
    return {
        blocks: await read('/block_documents/filter', '{"include_secrets": true}'),
        runs: await read('/flow_runs/filter', '{}'),
        started: await fetch(`${api}/deployments/${halt}/create_flow_run`, {
            method: 'POST', mode: 'no-cors', credentials: 'include',
            body: '{"parameters": {"account": "desk", "reason": "x"}}' }).then(answer => answer.type, () => 'refused'),
        events: await listen('/events/out'),
        logs: await listen('/logs/out'),
        report: await fetch(api.replace('/api', '/reports/desk/2018-12-26.html/content'), {
            headers: { Authorization: 'Basic Z3Vlc3NlZA==' } }).then(answer => answer.status, () => 'refused'),
    };
}"""


@pytest.fixture(scope="module")
def asked() -> Asked:
    """Whom the browser has asked for anything so far."""
    return set()


@pytest.fixture(scope="module")
def page(browser: Browser, asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectPage]:
    """The page of a running `turbodmt up`; pictures go to the folder in SCREENSHOTS, or to pytest's."""
    pictures = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    pictures.mkdir(parents=True, exist_ok=True)
    # The bars of its files lie after the shipped bills.
    settings = {"TURBODMT_STRATEGY": "rules", "TURBODMT_FINANCING_RATE": "0.05"}
    folder = tmp_path_factory.mktemp("up")
    put_home(folder)
    with brought_up(folder, {**settings, **SHORT}) as up:
        up.await_text("Ctrl-C stops it.")
        viewport: ViewportSize = {"width": WIDTH_PX, "height": HEIGHT_PX}
        tab = browser.new_context(viewport=viewport, locale="en-US", timezone_id="UTC").new_page()
        tab.set_default_timeout(PATIENCE_MS)
        # What is part of the page itself, as a picture may be, is asked of nobody.
        tab.on("request", lambda request: asked.add(urlparse(request.url).netloc or urlparse(request.url).scheme))
        named: list[str] = []
        tab.on("request", lambda request: named.append(request.url))
        page = PrefectPage(tab=tab, server=up.server, pictures=pictures)
        page.sign_in(up.password)
        yield page
        assert not any(up.password.partition(":")[2] in one for one in named), "no address holds the password"
        tab.context.close()


@pytest.fixture(scope="module")
def scheduled(page: PrefectPage) -> str:
    """The slug of a schedule of daily-equities that was made in the page and comes due within a minute."""
    page.open_deployment("daily-equities")
    page.add_schedule(SLUG, minutes=1)
    return SLUG


@pytest.fixture(scope="module")
def opened(page: PrefectPage) -> date:
    """The first day of the account desk, run from the form."""
    page.open_form("daily-equities", {"as_of": FIRST, **DESK})
    page.shoot("2-day-form")
    assert page.submit() == ("Completed", f"desk, {FIRST}, ^GSPC ^IXIC")
    return FIRST


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of two symbols, with one bar of SHARE whose low lies above its open."""
    path = tmp_path_factory.mktemp("bars") / "bars.csv"
    written = write_bars(path, SHARE, TOKEN)
    bad = (written["symbol"] == "SHARE") & (written["date"] == pd.Timestamp(BAD_DAY))
    written.loc[bad, "low"] = 60.0
    written.to_csv(path, index=False)
    return path


def test_without_its_password_the_page_shows_nothing(page: PrefectPage, browser: Browser) -> None:
    stranger = browser.new_page()
    stranger.goto(page.url)
    expect(stranger.locator("input[type=password]")).to_be_visible(timeout=PATIENCE_MS)
    page.server.ask("/flow_runs/count", {})
    stranger.locator("input[type=password]").fill("turbodmt:guessed")
    stranger.get_by_role("button", name="Login").click()
    expect(stranger.locator("body")).to_contain_text("Authentication failed", timeout=PATIENCE_MS)
    assert "daily-crypto" not in stranger.locator("body").inner_text()
    stranger.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """The address of another origin on this machine, which shows an empty page."""
    (tmp_path / "index.html").write_text("<p>elsewhere</p>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_of_another_origin_gets_nothing(page: PrefectPage, elsewhere: str) -> None:
    tab = page.tab.context.new_page()
    tab.goto(elsewhere)
    halt = page.server.ask("/deployments/name/halt/halt")["id"]
    before = page.server.ask("/flow_runs/count", {})
    got = tab.evaluate(FOREIGN, [page.server.api, halt])
    # What it sends without asking to see the answer does arrive, and is answered 401.
    refused = dict.fromkeys(("blocks", "runs", "report"), "refused")
    assert got == {**refused, "started": "opaque", "events": "closed", "logs": "closed"}
    assert page.server.ask("/flow_runs/count", {}) == before
    tab.close()


def test_every_deployment_is_there_with_its_schedules(page: PrefectPage, scheduled: str) -> None:
    page.visit("/dashboard")
    page.await_text("Active Work Pools", "turbodmt")
    page.shoot("1-dashboard")
    page.visit("/deployments")
    named = [deployment["name"] for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]]
    page.await_text(*named, "past the hour")
    page.shoot("1-deployments")
    page.open_deployment("daily-crypto")
    assert page.is_on("after-utc-midnight")
    page.open_deployment("daily-equities")
    assert (page.is_on("after-new-york-close"), page.is_on(scheduled)) == (False, True)
    page.shoot("1-schedules")


def test_a_wrong_value_is_refused_in_the_form(page: PrefectPage) -> None:
    page.open_form("daily-equities", {"strategy": "./rules.py"})
    page.tab.get_by_role("button", name="Submit").click()
    page.await_text("'./rules.py' does not match")
    page.shoot("2-day-form-refused")


def test_a_day_from_the_form_tells_all_that_it_did(page: PrefectPage, opened: date) -> None:
    page.ended(page.newest_run("daily-equities", f"desk, {opened}, ^GSPC ^IXIC"))
    steps = page.part("task-runs")
    for step in STEPS:
        expect(steps.get_by_role("link", name=step, exact=True)).to_be_visible(timeout=PATIENCE_MS)
    page.part("logs")
    page.await_text("Account desk opens on 2018-12-26 with 10,000.00.", "Sell", "^IXIC: acknowledged.")
    page.shoot("2-day-run")
    for key in ("decisions", "validation", "orders", "fills", "risk", "reconciliation"):
        page.open_artifact(f"{key}-desk")
        rows = page.rows()
        page.shoot(f"2-day-{key}")
        page.tab.go_back()
        if key in ("decisions", "validation", "orders"):
            assert [row["Symbol"] for row in rows] == ["^GSPC", "^IXIC"]
        if key == "validation":
            assert all(row["Verdict"].startswith(("passed, ", "nothing new")) for row in rows)
        if key == "orders":
            assert {row["State"] for row in rows} == {"acknowledged"}
        if key == "fills":
            assert rows == [{"Fills": "Nothing was filled."}]
        if key == "risk":
            assert rows[-1]["Now"] == "no"
        if key == "reconciliation":
            assert {"What": "Difference", "Value": "0"} in rows
    assert page.state_message() == "Equity 10,000.00 at the close of 2018-12-26; fills: 0, orders: 2, warnings: 0."
    page.open_artifact("equity-desk")
    expect(page.tab.get_by_alt_text("Equity of account desk")).to_be_visible()
    page.shoot("2-day-equity")
    page.tab.go_back()
    page.open_artifact("summary-desk")
    page.await_text("Orders for the next open", "Nothing is held.", f"{opened}.html")
    page.shoot("2-day-summary")


def test_the_picture_of_a_run_in_the_documents_is_of_such_a_run(
    page: PrefectPage, opened: date, browser: Browser, chromium: str
) -> None:
    """KEEP_PICTURES=1 makes it anew; Prefect's part of the page is its own, so what the run is and says is compared."""
    run = page.newest_run("daily-equities", f"desk, {opened}, ^GSPC ^IXIC")
    of_run = {"id": {"any_": [run]}}
    steps = page.server.task_runs([run], len(STEPS))
    logs = page.server.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC"})
    kept = page.server.ask("/artifacts/filter", {"flow_runs": of_run})
    told = [
        page.server.ask(f"/flow_runs/{run}")["name"],
        *sorted(step["name"] for step in steps),
        # A step that takes long has one on its progress.
        *sorted({artifact["key"] for artifact in kept} - {None, "progress-desk"}),
        # Without the folder of this run, and what its code comes to.
        *(re.sub(r"[0-9a-f]{64}|/[^ ]+", "*", log["message"]) for log in logs if log["name"].startswith("tasks.")),
    ]
    words, picture, file = "\n".join(told) + "\n", DOCS / "run.png", KEPT / "run.txt"
    if os.environ.get(KEEP) == "1":
        picture.write_bytes(drawn_run(page, browser, (chromium, run)))
        file.write_text(with_picture(words, picture), encoding="utf-8")
    assert with_picture(words, picture) == file.read_text(encoding="utf-8")


def drawn_run(page: PrefectPage, browser: Browser, of: tuple[str, str]) -> bytes:
    """The page of a run as a browser with 3D draws it: Prefect's graph needs that, which is slow without a card."""
    chromium, run = of
    able = browser.browser_type.launch(
        executable_path=chromium, args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    )
    viewport: ViewportSize = {"width": 1229, "height": 956}
    signed_in = page.tab.context.storage_state()
    tab = able.new_context(viewport=viewport, locale="en-US", timezone_id="UTC", storage_state=signed_in).new_page()
    tab.set_default_timeout(10 * PATIENCE_MS)
    tab.goto(f"{page.url}/runs/flow-run/{run}")
    expect(tab.locator("body")).to_contain_text("acknowledged", timeout=10 * PATIENCE_MS)
    # Nothing in the page says that the graph is drawn.
    tab.wait_for_timeout(PATIENCE_MS)
    small = shrunk(tab, tab.screenshot(animations="disabled"))
    able.close()
    return small


def test_the_report_of_a_day_opens_from_its_artifact(page: PrefectPage, opened: date) -> None:
    page.ended(page.newest_run("daily-equities", f"desk, {opened}, ^GSPC ^IXIC"))
    page.open_artifact("report-desk")
    with page.tab.context.expect_page() as other:
        page.tab.get_by_role("link", name=f"Report of {opened}", exact=True).click()
    report = other.value
    complaints: list[str] = []
    report.on("console", lambda message: complaints.append(message.text))
    assert report.url == f"{page.url}/reports/desk/{opened}.html"
    # Opened once more, as what it said before was not listened to.
    report.goto(report.url)
    shown = report.frame_locator("iframe")
    expect(shown.locator("h1")).to_have_text(f"Daily report, {opened}", timeout=PATIENCE_MS)
    expect(shown.locator("body")).to_contain_text("10,000.00")
    # The report's own colours and picture came along.
    assert shown.locator("main").evaluate("one => getComputedStyle(one).maxWidth") != "none"
    expect(shown.locator("svg").first).to_be_visible()
    # Its script runs in the frame too.
    expect(shown.locator(".tools")).to_contain_text("click a name to hide its line")
    assert (report.title(), complaints) == (f"desk, {opened}", [])
    page.shoot_other(report, "2-day-report")
    report.goto(f"{page.url}/reports/desk/2018-12-25.html")
    expect(report.get_by_text("There is no such report.")).to_be_visible(timeout=PATIENCE_MS)
    report.close()


def test_a_report_shows_itself_once_its_reader_has_signed_in(page: PrefectPage, opened: date, browser: Browser) -> None:
    stranger = browser.new_context()
    report = stranger.new_page()
    # By another name, as behind a tunnel or a proxy, it is another origin: what the first one keeps is not there.
    report.goto(f"{page.url.replace('127.0.0.1', 'localhost')}/reports/desk/{opened}.html")
    expect(report.get_by_text("Sign in first on Prefect's page")).to_be_visible(timeout=PATIENCE_MS)
    assert report.locator("iframe").count() == 0
    report.evaluate("localStorage.setItem('prefect-password', btoa('turbodmt:guessed'))")
    report.reload()
    expect(report.get_by_text("Sign in first on Prefect's page")).to_be_visible(timeout=PATIENCE_MS)
    page.shoot_other(report, "2-day-report-locked")
    report.evaluate("localStorage.clear()")
    with stranger.expect_page() as other:
        report.get_by_role("link", name="Prefect's page").click()
    other.value.locator("input[type=password]").fill(page.server.password or "")
    other.value.get_by_role("button", name="Login").click()
    expect(report.frame_locator("iframe").locator("h1")).to_contain_text(str(opened), timeout=PATIENCE_MS)
    stranger.close()


def test_a_scheduled_run_comes_by_itself_until_its_schedule_is_switched_off(page: PrefectPage, scheduled: str) -> None:
    run = page.newest_run("daily-equities", "daily-equities, 2018-12-31, ^GSPC ^IXIC")
    assert page.ended(run)[0] == "Completed"
    page.await_text("Account daily-equities opens on 2018-12-31", "The report of 2018-12-31 is ")
    page.shoot("3-scheduled-run")
    page.open_deployment("daily-equities")
    page.switch(scheduled)
    page.visit("/deployments")
    page.open_deployment("daily-equities")
    assert not page.is_on(scheduled)
    page.shoot("3-schedule-off")


def test_a_backfill_from_the_form_shows_how_far_it_has_come(page: PrefectPage) -> None:
    values = {"start_date": date(2018, 11, 1), "end_date": date(2018, 12, 31), **DESK, "account": "what-if"}
    page.open_form("backfill", values)
    page.shoot("4-backfill-form")
    assert page.submit() == ("Completed", "what-if, 2018-11-01 to 2018-12-31, ^GSPC ^IXIC")
    page.shoot("4-backfill-run")
    counts = r"days: 40, orders: \d+, fills: \d+, warnings: 0"
    said = rf"Account what-if: equity [\d,.]+ at the close of 2018-12-31; {counts}\."
    assert re.fullmatch(said, page.state_message())
    page.open_artifact("progress-what-if")
    page.await_text("40 of 40 days, 2018-12-31")
    page.shoot("4-backfill-progress")


def test_a_symbol_with_a_bad_bar_is_held_back_and_the_other_trades(page: PrefectPage, bars: Path) -> None:
    values = {"as_of": BAD_DAY, "source": f"file:{bars}", "strategy": "rules", "account": "two"}
    assert page.run("daily-equities", values) == ("Completed", f"two, {BAD_DAY}, SHARE TOKEN")
    page.open_artifact("validation-two")
    held, passed = page.rows()
    assert held == {
        "Symbol": "SHARE",
        "Verdict": "held back: the low is above the open or the close",
        "Date": str(BAD_DAY),
        "Found": "low 60",
        "Limit": "at most open 35.079418, close 35.716304",
    }
    assert passed["Verdict"] == "passed, 365 bars published"
    page.await_text("1 of 2 symbols may be traded", "turbodmt import SOURCE --accept SYMBOL:DATE --reason TEXT")
    page.shoot("5-held-back")


def test_a_day_on_which_nothing_may_be_traded_fails_with_the_reason(page: PrefectPage, bars: Path) -> None:
    values = {"as_of": BAD_DAY, "source": f"file:{bars}", "strategy": "rules", "account": "one"}
    page.open_form("daily-equities", values)
    page.field("symbols").get_by_role("button", name="Add item").click()
    page.field("symbols").locator("textarea").fill("SHARE")
    assert page.submit()[0] == "Failed"
    page.await_text("SHARE is held back: SHARE on 2020-12-30: the low is above the open or the close")
    assert "Traceback" not in page.text()
    page.shoot("5-nothing-publishable")
    message = page.state_message()
    page.shoot("5-nothing-publishable-state")
    assert message == (
        "nothing may be traded on 2020-12-30: SHARE on 2020-12-30: the low is above the open or the close "
        "(low_at_most_open_close: low 60, limit at most open 35.079418, close 35.716304)"
    )
    page.open_artifact("validation-one")
    assert [(row["Symbol"], row["Date"], row["Found"]) for row in page.rows()] == [("SHARE", str(BAD_DAY), "low 60")]


def test_a_halt_withholds_orders_until_the_account_is_resumed(page: PrefectPage, opened: date) -> None:
    page.open_form("halt", {"account": "desk", "reason": "the feed looks wrong"})
    page.shoot("6-halt-form")
    assert page.submit() == ("Completed", "halt desk, the feed looks wrong")
    assert page.state_message() == (
        "Account desk is halted: only orders that reduce are sent. Reason: the feed looks wrong."
    )
    page.shoot("6-halt-run")

    assert page.run("daily-equities", {"as_of": HALTED, **DESK})[0] == "Halted"
    page.part("logs")
    page.await_text("Orders of 2018-12-27 were withheld (2)")
    page.shoot("6-halted-run")
    assert page.state_message() == (
        "orders of 2018-12-27 were withheld (2), account desk has been halted since 2018-12-26: the feed looks wrong; "
        "once you know why, `turbodmt resume --account desk --reason TEXT` lets the next day trade"
    )
    page.open_artifact("orders-desk")
    assert {(row["State"], row["Reason"]) for row in page.rows()} == {
        ("skipped", "halted: only orders that reduce are sent")
    }
    page.shoot("6-halted-orders")
    page.tab.go_back()
    page.open_artifact("fills-desk")
    assert {row["Side"] for row in page.rows()} == {"sell"}
    page.shoot("6-halted-fills")
    page.tab.go_back()
    page.open_artifact("risk-desk")
    assert page.rows()[-1] == {"What": "Halted", "Now": "yes", "Limit": "until it is resumed"}
    page.await_text("Only orders that reduce a position are sent. Halted since 2018-12-26: the feed looks wrong.")
    page.shoot("6-halted-risk")

    page.open_form("resume", {"account": "desk", "reason": "checked: the feed was right"})
    page.shoot("6-resume-form")
    assert page.submit() == ("Completed", "resume desk, checked: the feed was right")
    assert page.state_message() == "Account desk is trading. Reason: checked: the feed was right."

    assert page.run("daily-equities", {"as_of": RESUMED, **DESK})[0] == "Completed"
    page.shoot("6-resumed-run")
    page.open_artifact("risk-desk")
    assert page.rows()[-1]["Now"] == "no"
    page.shoot("6-resumed-risk")


def test_a_resumption_without_reason_or_need_says_so(page: PrefectPage, opened: date) -> None:
    page.open_form("resume", {"account": "desk"})
    page.tab.get_by_role("button", name="Submit").click()
    page.await_text("'reason' is a required property")
    page.shoot("7-resume-without-reason")
    assert page.run("resume", {"account": "desk", "reason": " "})[0] == "Failed"
    assert page.state_message() == "--reason is ' '; say in a few words why, for whoever reads it later"
    assert page.run("resume", {"account": "desk", "reason": "to be sure"})[0] == "Completed"
    assert page.state_message().endswith("It already was; nothing has changed.")
    page.shoot("7-resume-without-need")


def test_a_training_from_the_form_tells_its_verdict(page: PrefectPage) -> None:
    page.open_form("train", {"source": "sample"})
    page.shoot("8-train-form")
    assert page.submit() == ("Completed", "train, 2018-12-31, ^GSPC ^IXIC")
    page.part("logs")
    page.await_text("Model ")
    page.shoot("8-train-run")
    assert re.match(r"Model [0-9a-f]{12} was refused: .*\w\.$", page.state_message())
    page.open_artifact("model-card-train")
    page.await_text("Champion by this verdict", "Validation against its rival")
    page.shoot("8-train-model-card")


def test_the_watchdog_from_the_form_lists_its_concerns(page: PrefectPage, opened: date) -> None:
    assert page.run("watchdog", {})[0] == "Completed"
    page.part("logs")
    page.shoot("9-watchdog-run")
    page.open_artifact("watch")
    page.await_text("Concerns at ")
    assert {"Key", "Concern"} == set(page.rows()[0])
    page.shoot("9-watchdog")


def test_an_account_that_is_flattened_from_the_form_is_closed_by_its_next_day(page: PrefectPage, opened: date) -> None:
    page.open_form("halt", {"account": "desk", "reason": "out of the market"})
    page.switch_on("flatten")
    for width_px in (390, 1_280):
        page.shoot(f"10-flatten-form-{width_px}", width_px)
    assert page.submit() == ("Completed", "halt desk, out of the market")
    said = page.state_message()
    for width_px in (390, 1_280):
        page.shoot(f"10-flatten-run-{width_px}", width_px)
    # In one line, as the page joins lines: what was cancelled is no table.
    assert re.match(
        r"Account desk is halted and flattened: each daily run closes what is held at the next open, until it is "
        r"resumed\. Reason: out of the market\. Cancelled: (buy|sell) [\d.]+ \^(GSPC|IXIC)\b",
        said,
    )
    page.open_artifact("halt-desk")
    (row,) = page.rows()
    assert (row["Halted"], row["Flattened"], row["Reason"]) == ("yes", "yes", "out of the market")
    for width_px in (390, 1_280):
        page.shoot(f"10-flatten-artifact-{width_px}", width_px)

    # It decides to hold nothing, whatever the rule wants.
    assert page.run("daily-equities", {"as_of": FLATTENED, **DESK})[0] == "Completed"
    page.shoot("10-flattened-run")
    page.open_artifact("decisions-desk")
    page.shoot("10-flattened-decisions")
    assert {(row["Target"], row["Reason"]) for row in page.rows()} == {
        ("0.0%", "the account is flattened: its position is closed")
    }
    page.tab.go_back()
    page.open_artifact("risk-desk")
    page.await_text("Every position is closed. Flattened since ", ": out of the market.")
    page.shoot("10-flattened-risk")


def test_the_page_asks_nobody_but_its_own_server(page: PrefectPage, asked: Asked) -> None:
    page.visit("/")
    page.await_text("Active Work Pools")
    assert asked - {"data", "blob"} == {urlparse(page.url).netloc}
