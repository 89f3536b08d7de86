"""Sending a digest at most once: its day is claimed in the ledger before the message leaves."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from storage.accounts import digests
from storage.accounts.digests import RecordedDigest
from storage.database import connect
from storage.ledger import days as ledger
from storage.ledger import positions as position_store
from tasks.digest.facts import day_facts
from tasks.digest.wording import Beside, Message, message
from tasks.run.answers import Answer

log = logging.getLogger(__name__)

#: Sends a message, and returns whether it arrived, as far as is known.
Send = Callable[[Message], bool]


class DigestAnswer(Answer):
    """The answer of `turbodmt digest`: a day's message as it was sent, or as it would be sent now.

    `claimed_at` is when it was about to be sent, `sent_at` when it had been; null if it was not, or may not have been.
    """

    account: str
    as_of: date
    subject: str
    body: str
    claimed_at: datetime | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The first and the last day of an account."""

    first: date
    last: date


def span(home: Path, account: str) -> Span | None:
    """Return the days between which the account has digests; None before its first day."""
    with connect(home) as store:
        first, last = ledger.first_day(store, account), position_store.latest_snapshot(store, account)
    return None if first is None or last is None else Span(first=first, last=last.account.as_of)


def digest_answer(home: Path, account: str, as_of: date, beside: Beside) -> DigestAnswer:
    """Return the day's digest as it was claimed, or else as it would be sent now."""
    with connect(home) as store:
        kept = digests.on_day(store, account, as_of)
        made = message(day_facts(store, account, as_of), beside) if kept is None else None
    found = kept or made
    assert found is not None, "a digest that is not kept is made"
    return DigestAnswer(
        account=account,
        as_of=as_of,
        subject=found.subject,
        body=found.body,
        claimed_at=kept.claimed_at if kept else None,
        sent_at=kept.sent_at if kept else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDay:
    """A day of an account of the home."""

    home: Path
    account: str
    as_of: date


def tell_once(day: AccountDay, now: datetime, beside: Beside, send: Send) -> bool | None:
    """Send the day's digest, unless it was claimed before; return whether it arrived, None if there was none to send.

    A process that dies in between leaves it claimed: it is never sent twice, and a concern names it.
    """
    with connect(day.home) as store:
        made = message(day_facts(store, day.account, day.as_of), beside)
        claim = RecordedDigest(as_of=day.as_of, subject=made.subject, body=made.body, claimed_at=now)
        claimed = digests.claim(store, day.account, claim)
    if not claimed:
        return None
    if not send(made):
        return False
    with connect(day.home) as store:
        digests.mark_sent(store, day.account, day.as_of, now)
    log.info("The digest of account %s for %s was sent.", day.account, day.as_of)
    return True
