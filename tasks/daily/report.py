"""Report: the day as a page; a failure here never blocks trading."""

import logging
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from storage import reports
from storage.bars import instruments as instrument_store
from storage.bars import published as bar_store
from storage.database import connect
from storage.errors import StoreError
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from storage.ledger import runs
from strategy.backtest.fill_quotes import IMPACT_BARS, fill_quotes, impacted
from strategy.portfolio.decision import Decision
from tasks.daily.account_history import account_history
from tasks.daily.account_returns import flow_facts, refused_flows
from tasks.daily.account_state import account_config
from tasks.daily.drift import DriftAnswer, drift_facts, drift_sentences, edges, look_at
from tasks.daily.earned import earned, earned_answer, earned_tables
from tasks.daily.replay_check import Reconciliation
from tasks.model_page.writing import write_model_page
from tasks.models.retrain import Champion
from tasks.notices.delistings import settled_delistings, silent_symbols
from tasks.notices.excess_rates import ratio_left_out
from tasks.notices.high_rates import high_rates
from tasks.notices.impact import without_impact
from tasks.notices.left_over import left_over, left_over_warnings
from tasks.notices.maker_fees import unused_maker_fees
from tasks.notices.missed_orders import missed_since_last_answer
from tasks.performance.earned_words import earned_in_words
from tasks.report.backtest_tables import sleeve_lines, sleeves_table
from tasks.report.charts import EquityPicture
from tasks.report.daily_page import DailyPage, Provenance, daily_page
from tasks.report.markup import Table, minus
from tasks.report.settings_table import configured
from tasks.run.answers import DayResult, ModelCode
from tasks.run.job import PAPER, Job
from tasks.run.kept_terms import changes_given, in_words, terms_on
from tasks.run.runs import Findings, day_result
from tasks.strategies.binding import in_full
from tasks.validation.gate import Gate

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReport:
    """The findings of the day, its page, and the page's file; the file is None if it could not be written."""

    findings: Findings
    page: DailyPage
    file: Path | None


def report(job: Job, champion: Champion, gate: Gate, reconciled: Reconciliation | None = None) -> Findings:  # noqa: ARG001 (published under Prefect)
    """Write the day's page; return the warnings of the day's result, and the path of the page or None."""
    return write_report(job, champion, gate).findings


def write_report(job: Job, champion: Champion, gate: Gate) -> WrittenReport:
    """Write the day's page; return it with the warnings of the day's result."""
    warnings = [*gate.held_back.values(), *gate.warnings]
    warnings += [champion.warning] if champion.warning else []
    warnings += [
        *_strategy_changed(job),
        *_terms_given(job),
        *_refused(job),
        *_outside(job),
        *_delistings(job),
        *_missed(job),
        *missed_since_last_answer(job),
        *unmoved(job),
        *high_rates(job.policy.costs.financing),
        *_ratio_left_out(job),
        *unused_maker_fees(job.policy.config),
    ]
    with connect(job.home) as store:
        left = left_over(store, job.account)
    warnings += left_over_warnings(left)
    drifted = look_at(job, champion.model_id)
    warnings += left_today(drifted, job)
    parts = earned(job)
    findings = Findings(
        warnings=tuple(warnings),
        model_reason=champion.reason,
        model_code=champion.code,
        left_over=left,
        earned=earned_answer(parts[0]) if parts else None,
    )
    result = day_result(job, findings)
    page = replace(_page(result, champion, gate, drifted), earned=earned_tables(*parts) if parts else ())
    try:
        back = reports.way_back(job.home, reports.index_file(job.home).parent / job.account)
        earlier = [day for day in reports.day_pages(job.home, job.account) if day < job.as_of]
        page = replace(page, previous=earlier[-1] if earlier else None)
        file = reports.write_day(job.home, job.account, job.as_of, daily_page(page, back))
    except StoreError as error:
        log.warning("The report could not be written: %s", error)
        unwritten = f"the report could not be written: {error}"
        return WrittenReport(findings=replace(findings, warnings=(*warnings, unwritten)), page=page, file=None)
    log.info("The report of %s is %s.", job.as_of, file)
    _show_model(job)
    return WrittenReport(findings=replace(findings, report=str(file)), page=page, file=file)


def _show_model(job: Job) -> None:
    """Write the page of the model that the day has trained, if it has."""
    try:
        write_model_page(job)
    # Orders have been sent: a missing page must not fail the day.
    except Exception as error:  # noqa: BLE001
        log.warning("The page of the day's model could not be made (%s).", type(error).__name__)


def _strategy_changed(job: Job) -> list[str]:
    """Return a warning on the first day of another strategy, or of sleeves with other weights."""
    with connect(job.home) as store:
        today = ledger.provenance_on(store, job.account, job.as_of)
        before = ledger.provenance_before(store, job.account, job.as_of)
    if today is None or before is None or today.strategy == before.strategy:
        return []
    return [f"{today.strategy} trades from {job.as_of} on, as this run asked; until then {before.strategy} did"]


def _terms_given(job: Job) -> tuple[str, ...]:
    """Return a warning of each change of the account's terms that runs were given since its last decided day."""
    with connect(job.home) as store:
        decided = ledger.last_decided(store, job.account, before=job.as_of)
        return changes_given(store, job.account, decided or date.min, job.as_of)


def _ratio_left_out(job: Job) -> list[str]:
    """Return a warning if the account's Sharpe ratio is left out for want of a rate."""
    with connect(job.home) as store:
        opened = ledger.first_day(store, job.account)
    return ratio_left_out(job.policy.costs.financing, opened or job.as_of, job.as_of)


def _refused(job: Job) -> tuple[str, ...]:
    """Return a warning of each deposit, withdrawal or transfer that no day since the last decided one booked."""
    with connect(job.home) as store:
        decided = ledger.last_decided(store, job.account, before=job.as_of)
        return refused_flows(store, job.account, decided or date.min, job.as_of)


def _outside(job: Job) -> list[str]:
    """Return warnings of positions in symbols that this run does not trade."""
    with connect(job.home) as store:
        snapshot = position_store.latest_snapshot(store, job.account)
        decided = {decision.symbol for decision in ledger.decisions_on(store, job.account, job.as_of)}
    held = sorted(set(snapshot.held) - set(job.symbols) - decided) if snapshot else []
    return [
        f"{symbol} is held but not among the symbols of this run; it is kept and marked, not traded" for symbol in held
    ]


def _delistings(job: Job) -> list[str]:
    """Return a sentence of each position that a delisting settled on the day, and of each symbol that went silent."""
    with connect(job.home) as store:
        silent = silent_symbols(store, job.account, job.as_of)
        return [*settled_delistings(store, job.account, job.as_of), *silent.values()]


def unmoved(job: Job) -> list[str]:
    """Return warnings of paper fills of the day without the impact that is stated of their symbol."""
    if job.broker != PAPER:
        return []
    with connect(job.home) as store:
        terms = account_config(store, job).terms
        fills = [fill for fill in ledger.fills_on(store, job.account, job.as_of) if fill.symbol in impacted(terms)]
        symbols = tuple(sorted({fill.symbol for fill in fills}))
        bars = bar_store.load(store, job.source, symbols, until=job.as_of, last_bars=IMPACT_BARS + 1) if fills else {}
    return without_impact(fills, fill_quotes(bars, job.as_of, job.as_of, terms), terms)


def _missed(job: Job) -> list[str]:
    """Return warnings of days without a decision, and why; bars still fill their open orders and mark the account."""
    with connect(job.home) as store:
        days = ledger.missed_days(store, job.account, job.as_of)
        failed = runs.failures(store, job.account, days) if days else {}
        settled = {day: len(ledger.fills_on(store, job.account, day)) for day in days}
    said = [
        f"{day} passed without a decision: its run failed: {reason}{_trades(settled[day])}"
        for day, reason in failed.items()
    ]
    silent = [day for day in days if day not in failed]
    if silent:
        which = f"{silent[0]}" if len(silent) == 1 else f"{len(silent)} days from {silent[0]} to {silent[-1]}"
        whom = "it" if len(silent) == 1 else "them"
        why = f"no run was made for {whom} in time; bars are filled, the account is marked"
        trades = _trades(sum(settled[day] for day in silent))
        said.append(f"{which} passed without a decision: {why}{trades}")
    return said


def _trades(count: int) -> str:
    """Return a clause that counts the fills of earlier orders on days without an answer; empty for none."""
    return f", {count} trade{'' if count == 1 else 's'} of earlier orders settled" if count else ""


def left_today(found: DriftAnswer | None, job: Job) -> tuple[str, ...]:
    """Return a warning of each check that has left its limits on the day; the watchdog keeps saying so afterwards."""
    if found is None:
        return ()
    today = tuple(check for check in found.checks if check.left is not None and check.left.on == job.as_of)
    return drift_sentences(found.model_copy(update={"checks": today}), job.account)


def _page(result: DayResult, champion: Champion, gate: Gate, drifted: DriftAnswer | None) -> DailyPage:
    job, snapshot = result.job, result.snapshot
    assert snapshot is not None, "the day is settled before it is reported"
    history = account_history(job)
    with connect(job.home) as store:
        configuration = configured(job.policy, instrument_store.load(store, job.source, job.symbols))
        terms = in_words(terms_on(store, job.account, job.as_of))
        flows = flow_facts(store, job.account, job.as_of)
    return DailyPage(
        snapshot=snapshot,
        account=f"account {job.account}, broker {job.broker}",
        model=_signals_from(champion),
        halted=_halted(result),
        decisions=result.decisions,
        orders=result.orders,
        fills=result.fills,
        warnings=tuple(remark for remark in result.warnings if remark not in gate.standing),
        bar_warnings=gate.standing,
        findings=gate.findings,
        provenance=Provenance(
            run_id=job.run_id,
            strategy=in_full(job.policy.strategy),
            data_sha256=result.data_sha256 or "",
            code_version=job.code_version,
            model_id=result.model_id,
            seed=job.policy.recipe.seed,
            configuration=(("Terms of the account", terms), *configuration) if terms else configuration,
        ),
        picture=_with_band(job, history.picture),
        measured=history.measured,
        before=_before(job),
        flows=flows,
        passes=passes_in_words(result),
        sleeves=_sleeves(result),
        drift=drift_facts(drifted),
        today=(("Result of the day", minus(earned_in_words(result.earned))),) if result.earned else (),
    )


def _sleeves(result: DayResult) -> tuple[Table, ...]:
    """Return the table of the account's sleeves; none if it runs a single strategy."""
    if result.sleeves is None:
        return ()
    return (sleeves_table(sleeve_lines(result.sleeves), result.sleeves.since),)


def _with_band(job: Job, picture: EquityPicture) -> EquityPicture:
    """Return the picture with the band that the account's past has frozen around its equity."""
    with connect(job.home) as store:
        band = edges(store, job.account, picture.dates)
    return picture if band is None else replace(picture, band=(band.low, band.high))


def passes_in_words(result: DayResult) -> str:
    """Return the passes of the day and the symbols that it waits for; empty for a single one that decided all."""
    if len(result.passes) < 2 and not result.waiting:
        return ""
    made = [f"{each.number}: {', '.join(each.symbols)}" for each in result.passes]
    waiting = [f"waiting for {', '.join(result.waiting)}"] if result.waiting else []
    return "; ".join([*made, *waiting])


def _halted(result: DayResult) -> str:
    """Return what a halted account may still send, and why it is halted; empty if it is not."""
    if not result.halted:
        return ""
    sends = "Every position is closed" if result.flatten else "Only orders that reduce a position are sent"
    return f"{sends}. {result.halted}."


def _before(job: Job) -> tuple[Decision, ...]:
    """Return the decisions of the account's previous day; none on its first."""
    with connect(job.home) as store:
        snapshots = position_store.snapshots(store, job.account, until=job.as_of, last_days=2)
        return ledger.decisions_on(store, job.account, snapshots[0].account.as_of) if len(snapshots) > 1 else ()


def _signals_from(champion: Champion) -> str:
    """Return which model the signals come from; empty for rules, which need none."""
    if champion.code is ModelCode.NOT_NEEDED:
        return ""
    return f"model {champion.model_id[:12]}, {champion.reason}" if champion.model_id else champion.reason
