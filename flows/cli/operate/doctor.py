"""`turbodmt doctor`: check the installation, each check with a remedy."""

from typing import TYPE_CHECKING

from flows.cli.console import run_command, sections
from flows.cli.options import AsJson, Home
from flows.cli.text_table import table

if TYPE_CHECKING:
    from flows.doctor.checks import DoctorAnswer


def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Check versions, disk, store, source, rates, keys, clock, server and schedules; each with a remedy."""
    from flows.doctor.checks import run_doctor

    run_command(lambda: run_doctor({"home": home}), shown_doctor, as_json)


def shown_doctor(answer: "DoctorAnswer") -> str:
    """Return the checks in words, each with its remedy if it failed."""
    rows = [{**dict(check), "ok": "ok" if check.ok else "FAILED"} for check in answer.checks]
    remedies = [f"{check.name}: {check.remedy}" for check in answer.checks if check.remedy]
    return sections(table(rows, ("ok", "name", "detail")), "\n".join(remedies))
