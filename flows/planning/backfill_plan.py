"""Plan of a backfill: its window, account and rules, decided once, before anything is written."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from exchange.ports import BarSource
from flows.config.settings import Settings
from flows.planning.deployed_accounts import ACCOUNT, TAKEN
from flows.planning.kept_terms import on_kept_terms
from flows.planning.plan import Request, RequestRefused, outline
from tasks.backfill.runs import Backfill, own_account
from tasks.run.runs import DAILY

#: The accounts of `turbodmt daily` and of its deployments: a backfill begun in one would shut it to them.
TRADED = (DAILY, *TAKEN, ACCOUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRequest:
    """The user's request: both dates included, and the account (None: one derived from the rest)."""

    start: date
    end: date
    account: str | None
    clock: datetime


def plan_backfill(settings: Settings, source: BarSource, wanted: BackfillRequest) -> Backfill:
    """Return the backfill up to the requested end or the source's last closed bar, whichever is earlier: a replay.

    Raises RequestRefused for dates or an account that no backfill can have, and what the source raises.
    """
    request = Request(
        account=wanted.account or "backfill", since=wanted.start, until=wanted.end, clock=wanted.clock, settles=True
    )
    if wanted.account in TRADED:
        raise RequestRefused(
            f"--account is {wanted.account!r}, which `turbodmt daily` trades; name another, or leave it out for one of "
            "its own"
        )
    job = outline(settings, source, request)
    if wanted.start > job.as_of:
        raise RequestRefused(
            f"--start-date is {wanted.start}, after the last closed bar of {source.name}, {job.as_of}; name that day "
            "or an earlier one"
        )
    backfill = Backfill(job=job, start=wanted.start)
    account = wanted.account or own_account(backfill)
    named = replace(backfill.job, account=account, models_of=account)
    return replace(backfill, job=on_kept_terms(settings, named))
