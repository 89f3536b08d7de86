"""Alerts through a notification block of Prefect's, or a webhook of the environment; they never fail a run."""

import logging
import os
from typing import Any

from flows.server.proxies import hidden

#: Environment variable with the address to post to; a secret, since anyone who knows it may write there.
WEBHOOK = "TURBODMT_ALERT_WEBHOOK"
#: Notification block, of any kind, that a person may create in Prefect's UI; it is preferred to the webhook.
BLOCK = "turbodmt-alerts"
TIMEOUT_S = 10.0

log = logging.getLogger("flows.scheduling.alerts")


class ProxyUnusable(Exception):
    """A proxy for outside addresses that Prefect's client cannot use."""


def notify(subject: str, body: str) -> bool:
    """Send the alert; return False only if sending failed and must be retried, True also if nobody is configured.

    A block needs a server that PREFECT_API_URL names; the webhook needs none.
    """
    try:
        way = recipient()
    # A block may use any library, whose error messages may hold the address.
    except Exception as error:  # noqa: BLE001
        _not_sent(subject, error)
        return False
    return way is None or send(way, subject, body)


def has_reader() -> bool:
    """Return whether anybody may be there to read a message; asks no server."""
    return any(os.environ.get(name) for name in (WEBHOOK, "PREFECT_API_URL"))


def recipient() -> Any:
    """Return the block, or else the webhook, through which a person is told; None if neither is configured.

    Raises what Prefect's client raises: whether there is a block is not known then.
    """
    return _block() or _webhook()


def send(way: Any, subject: str, body: str) -> bool:
    """Send the message through a block of `recipient`; return whether it was taken."""
    try:
        if (proxy := hidden()) is not None:
            raise ProxyUnusable(f"{proxy} is a SOCKS proxy, which needs the package socksio")
        # Without it the blocks for Slack, Teams, e-mail and the like do not raise.
        with way.raise_on_failure():
            way.notify(body, subject)
    except Exception as error:  # noqa: BLE001 (as in `notify`)
        _not_sent(subject, error)
        return False
    return True


def _not_sent(subject: str, error: Exception) -> None:
    log.warning("The alert %s could not be sent (%s).", subject, type(error).__name__)


def _block() -> Any:
    if "PREFECT_API_URL" not in os.environ:
        return None
    from prefect.blocks.core import Block
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = [document for document in client.read_block_documents() if document.name == BLOCK]
    return Block._from_block_document(found[0]) if found else None


def _webhook() -> Any:
    address = os.environ.get(WEBHOOK, "").strip()
    if not address:
        return None
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    return CustomWebhookNotificationBlock(
        name="TurboDMT",
        url=address,
        json_data={"title": "{{subject}}", "text": "{{body}}"},
        headers=None,
        cookies=None,
        timeout=TIMEOUT_S,
        allow_private_urls=True,
    )
