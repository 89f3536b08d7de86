"""Report: the day as a page and as Prefect artifacts; it never blocks trading."""

import json
import logging

from prefect import task
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.cache_policies import NO_CACHE

from storage import ledger, reports
from storage.database import connect
from storage.failures import StoreError
from tasks.book import Findings, day_result
from tasks.charts import EquityPicture, Line, equity_picture, svg_data_uri
from tasks.job import Job
from tasks.pages import DailyPage, Provenance, daily_page
from tasks.results import DayResult, decision_json
from tasks.train import Champion
from tasks.validate import Gate

log = logging.getLogger(__name__)

#: Account days that the picture goes back.
PICTURE_DAYS = 504


@task(name="report", cache_policy=NO_CACHE)
def report(job: Job, champion: Champion, gate: Gate) -> Findings:
    """What the day's result warns of, and where its page lies (None if it could not be written).

    The run's artifacts are a table of the decisions, a summary, a picture of the equity and the link to the page.
    """
    warnings = [*gate.held_back.values(), *gate.warnings]
    if champion.model_id is None and champion.reason.startswith("the prior"):
        warnings.append(champion.reason)
    warnings += _outside(job)
    result = day_result(job, Findings(warnings=tuple(warnings)))
    picture = _picture(job)
    try:
        path = reports.write(
            job.home / "reports" / job.account, f"{job.as_of}.html", _page(result, champion, gate, picture)
        )
    except StoreError as error:
        log.warning("The report could not be written: %s", error)
        return Findings(warnings=(*warnings, f"the report could not be written: {error}"))
    _publish(result, champion, picture, str(path))
    log.info("The report of %s is %s.", job.as_of, path)
    return Findings(warnings=tuple(warnings), report=str(path))


def _outside(job: Job) -> list[str]:
    """What is held of symbols that the run does not look after."""
    with connect(job.home) as store:
        snapshot = ledger.latest_snapshot(store, job.account)
    held = sorted(set(snapshot.account.positions) - set(job.symbols)) if snapshot else []
    return [
        f"{symbol} is held but not among the symbols of this run; it is kept and marked, not traded" for symbol in held
    ]


def _picture(job: Job) -> EquityPicture:
    """The account's equity over its last days."""
    with connect(job.home) as store:
        snapshots = ledger.snapshots(store, job.account, until=job.as_of, last_days=PICTURE_DAYS)
    return EquityPicture(
        title=f"Equity of account {job.account}",
        dates=tuple(snapshot.account.as_of for snapshot in snapshots),
        lines=(Line(label=str(job.policy.strategy), values=tuple(float(snapshot.equity) for snapshot in snapshots)),),
        drawdown=tuple(snapshot.drawdown for snapshot in snapshots),
    )


def _page(result: DayResult, champion: Champion, gate: Gate, picture: EquityPicture) -> str:
    job, snapshot = result.job, result.snapshot
    assert snapshot is not None, "the day is settled before it is reported"
    configuration = tuple((name, str(value)) for name, value in json.loads(job.policy.config).items())
    return daily_page(
        DailyPage(
            snapshot=snapshot,
            account=f"account {job.account}, paper broker",
            model=_signals_from(champion),
            halted="the account is halted; only orders that reduce a position are sent" if result.halted else "",
            decisions=result.decisions,
            orders=result.orders,
            fills=result.fills,
            warnings=result.warnings,
            findings=gate.findings,
            provenance=Provenance(
                run_id=job.run_id,
                data_sha256=result.data_sha256 or "",
                code_version=job.code_version,
                model_id=result.model_id,
                seed=job.policy.recipe.seed,
                configuration=configuration,
            ),
            picture=picture,
        )
    )


def _signals_from(champion: Champion) -> str:
    return f"model {champion.model_id[:12]}, {champion.reason}" if champion.model_id else champion.reason


def _publish(result: DayResult, champion: Champion, picture: EquityPicture, path: str) -> None:
    """None; the artifacts of the run, each under a key that keeps its history."""
    account = result.job.account
    rows = [{"symbol": one.symbol, **decision_json(one)} for one in result.decisions]
    create_table_artifact(table=rows, key=f"decisions-{account}", description=f"Decisions of {result.job.as_of}")
    create_markdown_artifact(_summary(result, champion, path), key=f"summary-{account}")
    create_image_artifact(svg_data_uri(equity_picture(picture)), key=f"equity-{account}", description=picture.title)
    create_link_artifact(f"file://{path}", link_text=f"Report of {result.job.as_of}", key=f"report-{account}")


def _summary(result: DayResult, champion: Champion, path: str) -> str:
    """The day in Markdown."""
    snapshot = result.snapshot
    assert snapshot is not None, "the day is settled before it is reported"
    lines = [
        f"# {result.job.account}, {result.job.as_of}",
        "",
        "| | |",
        "|---|---|",
        f"| Equity | {snapshot.equity:,.2f} |",
        f"| Cash | {snapshot.account.cash:,.2f} |",
        f"| Drawdown | {snapshot.drawdown:.2%} |",
        f"| Signals from | {_signals_from(champion)} |",
        f"| Fills | {len(result.fills)} |",
        f"| Orders for the next open | {len(result.orders)} |",
        f"| Report | `{path}` |",
        "",
    ]
    lines += [f"- {order.side} {order.quantity:f} {order.symbol}: {order.state}" for order in result.orders]
    lines += [f"- **Warning:** {warning}" for warning in result.warnings]
    return "\n".join(lines)
