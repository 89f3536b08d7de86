"""`turbodmt twin`: how faithful synthetic paths are to the market."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flows.cli.console import quiet_logs, run_command, sections, warned
from flows.cli.options import AsJson, AsOf, Home, Source, Symbols
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.audit.twin_fidelity import TwinAnswer


def twin(
    as_of: AsOf = None, source: Source = None, symbols: Symbols = None, home: Home = None, as_json: AsJson = False
) -> None:
    """Fit synthetic market paths to the past of the symbols and show how faithful they are."""
    run_command(lambda: run_twin({"source": source, "symbols": symbols, "home": home}, as_of), shown_twin, as_json)


def run_twin(given: Mapping[str, object], as_of: str | None) -> "TwinAnswer":
    """Return how faithful the twin of the symbols is, judged on bars up to the day; without Prefect or an account."""
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.planning.adapters import open_source, source_factory
    from flows.planning.plan import Request, day, outline

    wanted = day(as_of, "--as-of")
    settings = load(given)
    job = outline(settings, open_source(settings), Request(account="twin", as_of=wanted, clock=clock()))
    quiet_logs()
    from tasks.audit.twin_fidelity import twin as judge

    return judge(job, source_factory(settings))


def shown_twin(answer: "TwinAnswer") -> str:
    """Return a twin in words: its facts beside the real ones, those outside their band marked."""
    verdict = {True: "pass", False: "FAIL", None: "undefined"}
    rows = [{**dict(fact), "pass": verdict[fact.passed]} for fact in answer.facts]
    judged = [fact.passed for fact in answer.facts if fact.passed is not None]
    return sections(
        f"{answer.paths} synthetic paths of {', '.join(answer.symbols)}, fitted to {answer.rows} dates from "
        f"{answer.start} to {answer.end}",
        table(rows, ("symbol", "name", "real", "low", "high", "twin", "pass")),
        f"{sum(judged)} of {len(judged)} facts lie in the band that holds {answer.level:.0%} of the real data's "
        "own resamplings",
        warned(answer),
    )
