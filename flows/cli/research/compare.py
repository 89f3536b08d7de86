"""`turbodmt compare`: saved backtests side by side, with differences on the same days."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.console import counted, run_command, sections, warned
from flows.cli.number_format import figure, metric, percent, ratio
from flows.cli.options import AsJson, Home, results_folder
from flows.cli.text_table import table

if TYPE_CHECKING:
    from tasks.comparison.answer import AgainstAnswer, CompareAnswer, DifferenceAnswer


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="FOLDER...", help="Folders that --save-results wrote.")],
    save_results: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write the comparison as a page, comparison.html.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare saved backtests on the same days: the others against the first, and what the best may owe to luck."""
    run_command(lambda: run_compare(runs, home, save_results), shown_compare, as_json)


def run_compare(named: Sequence[str], home: str | None, folder: str | None) -> "CompareAnswer":
    """Return the answer of `turbodmt compare`. Raises RequestRefused, UsageError, StoreError."""
    from flows.config.paths import expanded
    from flows.config.settings import load
    from flows.config.wall_clock import clock
    from flows.scheduling.accounts_page import rewritten
    from tasks.comparison.answer import compare_answer
    from tasks.comparison.comparison import compare_runs
    from tasks.comparison.page import save
    from tasks.comparison.saved_runs import saved_runs

    place = load({"home": home}).home
    results = None if folder is None else results_folder(folder)
    found = compare_runs(saved_runs([expanded(Path(name)) for name in named]), place)
    if results is None:
        return compare_answer(found, ())
    with rewritten(place):
        files = save(found, results, place, clock())
    return compare_answer(found, files)


def shown_compare(answer: "CompareAnswer") -> str:
    """Return a comparison in words: the metrics side by side, the differences, and what luck may have to do with it."""
    rows = [
        {"metric": field.name, **{run.label: metric(field.name, getattr(run.net, field.name)) for run in answer.runs}}
        for field in fields(answer.runs[0].net)
    ]
    first = answer.runs[0].label
    columns = ("run", "of", "difference", "95% from", "to", "p", "p chosen")
    return sections(
        f"{len(answer.runs)} runs on the {counted(answer.bars, 'day')} that all have, {answer.start} to {answer.end}",
        table(rows, ("metric", *(run.label for run in answer.runs))),
        f"Less {first}, on the same days:\n"
        + table(
            [row for each in answer.against for row in _rows(each)],
            columns if len(answer.against) > 1 else columns[:-1],
        ),
        _every_pair(answer),
        _luck(answer),
        "\n".join(answer.files),
        warned(answer),
    )


def _rows(each: "AgainstAnswer") -> list[dict[str, str]]:
    sharpe = each.sharpe
    ratios = {} if sharpe is None else {"p": figure(sharpe.p, 3), "p chosen": figure(sharpe.p_chosen, 3)}
    return [
        {"run": each.label, "of": "sharpe", **_interval(sharpe, figure), **ratios},
        {"run": each.label, "of": "growth per year", **_interval(each.growth, percent)},
        {"run": each.label, "of": "deepest drawdown", **_interval(each.drawdown, percent)},
        {"run": each.label, "of": "at equal vol", **_interval(each.drawdown_at_equal_vol, percent)},
    ]


def _interval(found: "DifferenceAnswer | None", shown: Callable[[float | None], str]) -> dict[str, str]:
    if found is None:
        return {"difference": shown(None)}
    return {"difference": shown(found.difference), "95% from": shown(found.low), "to": shown(found.high)}


def _every_pair(answer: "CompareAnswer") -> str:
    """Return the differences of Sharpe ratio between all pairs; empty for two runs, which are one."""
    count = len(answer.pairs)
    if count < 2:
        return ""
    rows = [
        {
            "run": each.label,
            "less": each.other,
            **_interval(each.sharpe, figure),
            "p of all": "" if each.sharpe is None else figure(each.sharpe.p_all, 3),
        }
        for each in answer.pairs
    ]
    return (
        f"The Sharpe ratios of all {count} pairs; p of all is the probability that luck alone makes any pair differ so "
        "much, and each interval is of its own pair:\n"
        + table(rows, ("run", "less", "difference", "95% from", "to", "p of all"))
    )


def _luck(answer: "CompareAnswer") -> str:
    best = answer.best
    if best is None:
        return "No run moves enough for a Sharpe ratio."
    seen = "both" if len(answer.runs) == 2 else f"all {len(answer.runs)}"
    told = [
        f"{best.label} has the highest Sharpe ratio, {ratio(best.sharpe)}, and was chosen after seeing {seen}: the "
        f"best of {counted(best.trials, 'trial')} without skill would show {ratio(best.luckiest_sharpe)}; the chance "
        f"that it is more than luck is {ratio(best.deflated_sharpe)}."
    ]
    if best.spa_p is not None:
        told.append(
            f"That the best of the others looks this much better than {answer.runs[0].label} by luck alone has "
            f"probability {ratio(best.spa_p)}."
        )
    if best.pbo is not None:
        told.append(
            f"In {best.pbo:.0%} of the splits of the days, what was best on one half was no better than the median run "
            "on the other."
        )
    return " ".join(told)
