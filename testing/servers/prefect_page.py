"""Prefect's page as a person uses it: deployments, forms, schedules, runs and artifacts, with a picture where asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from testing.servers.prefect_server import ENDED, PrefectServer, until

#: How long the page may take to show something, and a run to be taken up and to end on a busy machine.
PATIENCE_MS, RUN_S = 30_000, 240
#: The height of all that the page holds, which scrolls in a part of its own.
WHOLE_HEIGHT = "Math.max(...[...document.querySelectorAll('body *')].map(part => part.scrollHeight))"
WIDTH_PX, HEIGHT_PX, MOST_PX = 1_536, 900, 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefectPage:
    """One tab on a server's page; pictures are taken into a folder."""

    tab: Page
    server: PrefectServer
    pictures: Path

    @property
    def url(self) -> str:
        return self.server.api.removesuffix("/api")

    def visit(self, path: str) -> None:
        self.tab.goto(f"{self.url}{path}")

    def sign_in(self, password: str) -> None:
        """Give the page its password, as a person does once, and see that it lets them in."""
        self.visit("/")
        box = self.tab.locator("input[type=password]")
        box.fill(password)
        self.tab.get_by_role("button", name="Login").click()
        expect(box).to_have_count(0, timeout=PATIENCE_MS)
        self.await_text("Active Work Pools")

    def shoot(self, name: str, width_px: int = WIDTH_PX) -> None:
        """A picture of the whole page, which must be at rest."""
        self.tab.wait_for_load_state("networkidle")
        self.tab.set_viewport_size({"width": width_px, "height": HEIGHT_PX})
        height = min(MOST_PX, max(HEIGHT_PX, int(self.tab.evaluate(WHOLE_HEIGHT))))
        self.tab.set_viewport_size({"width": width_px, "height": height})
        self.tab.screenshot(path=self.pictures / f"{name}.png", animations="disabled")
        self.tab.set_viewport_size({"width": WIDTH_PX, "height": HEIGHT_PX})

    def shoot_other(self, tab: Page, name: str) -> None:
        """A picture of another tab, which must be at rest."""
        tab.screenshot(path=self.pictures / f"{name}.png", animations="disabled")

    def text(self) -> str:
        return self.tab.locator("body").inner_text()

    def await_text(self, *texts: str) -> None:
        for text in texts:
            expect(self.tab.locator("body")).to_contain_text(text, timeout=PATIENCE_MS)

    def open_deployment(self, name: str) -> None:
        self.visit("/deployments")
        self.tab.get_by_role("link", name=name, exact=True).first.click()
        expect(self.tab.locator(".page-heading")).to_contain_text(name, timeout=PATIENCE_MS)

    def open_form(self, deployment: str, values: Mapping[str, str | date]) -> None:
        """The form of a run, filled in as far as values are given."""
        self.open_deployment(deployment)
        self.tab.get_by_role("button", name="Run", exact=True).click()
        self.tab.get_by_text("Custom run").click()
        for name, value in values.items():
            self.fill(name, value)

    def field(self, name: str) -> Locator:
        label = self.tab.locator(".schema-form-property__label", has_text=re.compile(rf"^{name}( \(Optional\))?$"))
        return self.tab.locator(".schema-form-property").filter(has=label)

    def fill(self, name: str, value: str | date) -> None:
        if isinstance(value, date):
            self.field(name).locator(".p-date-button__control").click()
            self.tab.locator(".p-date-picker input[type=date]").fill(value.isoformat())
            self.tab.get_by_role("button", name="Apply").click()
        else:
            self.field(name).locator("textarea, input").fill(value)

    def switch_on(self, name: str) -> None:
        """The form's field of that name says yes."""
        switch = self.field(name).get_by_role("switch")
        expect(switch).not_to_be_checked()
        switch.click()
        expect(switch).to_be_checked()

    def submit(self) -> tuple[str, str]:
        """Return how the run that the form asked for ended, and its name; its page is open.

        The server answers 503, and has done nothing, while its own database is locked: then it is asked again.
        """
        for _ in range(5):
            with self.tab.expect_response(re.compile("/create_flow_run$")) as answer:
                self.tab.get_by_role("button", name="Submit").click()
            if answer.value.status != HTTPStatus.SERVICE_UNAVAILABLE:
                break
        assert answer.value.ok, answer.value.text()
        return self.ended(answer.value.json()["id"])

    def run(self, deployment: str, values: Mapping[str, str | date]) -> tuple[str, str]:
        """Return how a run from the form ended, and its name; its page is open."""
        self.open_form(deployment, values)
        return self.submit()

    def ended(self, run: str) -> tuple[str, str]:
        """Return how a run ended, and its name, as its page has them.

        Until then the server is asked and the tab is empty: any page asks again all the time, which slows the run down.
        """
        self.tab.goto("about:blank")

        def state() -> str | None:
            found = str(self.server.ask(f"/flow_runs/{run}")["state_type"])
            return found if found in ENDED else None

        until(state, f"the end of {run}", RUN_S)
        self.visit(f"/runs/flow-run/{run}")
        badge = self.tab.locator(".page-heading .state-badge")
        badge.wait_for(timeout=PATIENCE_MS)
        return badge.inner_text().strip(), self.tab.locator(".page-heading .p-bread-crumbs__crumb").last.inner_text()

    def part(self, name: str) -> Locator:
        """A tab of the run's page, such as `task-runs`, once it is shown."""
        self.tab.locator(f"#{name}").click()
        shown = self.tab.locator(f"#{name}-content")
        shown.wait_for(timeout=PATIENCE_MS)
        return shown

    def state_message(self) -> str:
        """The whole message of the run's state."""
        details = self.part("details")
        message = details.locator(".p-key-value", has_text="State Message").locator(".p-key-value__value")
        message.wait_for(timeout=PATIENCE_MS)
        if (more := message.get_by_text("See More")).count():
            more.click()
        return message.inner_text().removesuffix("See Less").strip()

    def open_artifact(self, key: str) -> None:
        """The page of an artifact of the run whose page is open."""
        self.part("artifacts").locator("a", has=self.tab.get_by_text(key, exact=True)).click()
        expect(self.tab.locator(".page-heading")).to_contain_text(key, timeout=PATIENCE_MS)

    def rows(self) -> list[dict[str, str]]:
        """The table of the artifact whose page is open."""
        table = self.tab.locator("table").first
        table.locator("tbody tr").first.wait_for(timeout=PATIENCE_MS)
        columns = table.locator("thead th").all_inner_texts()
        rows = [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def add_schedule(self, slug: str, minutes: int) -> None:
        """The deployment whose page is open runs by itself from now on; asks again if the server refuses once."""
        refused = self.tab.get_by_role("heading", name="Oops. Something went wrong.").first
        for _ in range(2):
            self.tab.get_by_role("button", name="Schedule", exact=True).click()
            asked = self.tab.locator(".p-modal__card")
            asked.get_by_placeholder("Enter a unique identifier").fill(slug)
            asked.locator("input[type=number]").fill(str(minutes))
            asked.get_by_role("button", name="Save").click()
            expect(self.schedule(slug).or_(refused).first).to_be_visible(timeout=PATIENCE_MS)
            if self.schedule(slug).is_visible():
                return
            self.tab.reload()
        raise AssertionError(f"the server refused the schedule {slug} twice")

    def schedule(self, slug: str) -> Locator:
        return self.tab.locator(".deployment-schedule-card", has_text=slug)

    def is_on(self, slug: str) -> bool:
        """Return whether a schedule of the deployment whose page is open is active."""
        return self.schedule(slug).locator("input[type=checkbox]").is_checked()

    def switch(self, slug: str) -> None:
        """The schedule is on if it was off, and off if it was on; asks again if the server refuses once."""
        before = self.is_on(slug)
        for _ in range(2):
            # The page shows the new state before the server has answered.
            with self.tab.expect_response(lambda told: told.request.method == "PATCH", timeout=PATIENCE_MS) as answer:
                self.schedule(slug).locator(".p-toggle").click()
            if answer.value.ok:
                break
            self.tab.reload()
        expect(self.schedule(slug).locator("input[type=checkbox]")).to_be_checked(
            checked=not before, timeout=PATIENCE_MS
        )

    def newest_run(self, deployment: str, name: str) -> str:
        """The newest run of that name, as soon as there is one; the deployment's page lists the last few runs alone."""
        asked = {
            "flow_runs": {"name": {"any_": [name]}},
            "deployments": {"name": {"any_": [deployment]}},
            "sort": "EXPECTED_START_TIME_DESC",
            "limit": 1,
        }

        def found() -> str | None:
            runs = self.server.ask("/flow_runs/filter", asked)
            return str(runs[0]["id"]) if runs else None

        return until(found, f"the run {name} of {deployment}", RUN_S)
