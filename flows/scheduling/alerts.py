"""Who is told: a notification block of Prefect's, or a webhook of the environment. Telling never fails a run."""

import logging
import os
from typing import Any

from flows.server.proxies import hidden

#: The address to post to; a secret, since whoever knows it may write there.
WEBHOOK = "TURBODMT_ALERT_WEBHOOK"
#: The notification block, of any kind, that a person may make in Prefect's UI; it goes before the webhook.
BLOCK = "turbodmt-alerts"
TIMEOUT_S = 10.0

log = logging.getLogger("flows.scheduling.alerts")


class ProxyUnusable(Exception):
    """The outside is to be reached by a proxy that Prefect's client does not know how to use."""


def notify(subject: str, body: str) -> bool:
    """Whether nobody is left to be told: False only where telling failed, so that it is tried again.

    A block wants a server that PREFECT_API_URL names; the webhook wants none.
    """
    try:
        block = _block() or _webhook()
        if block is not None:
            if (proxy := hidden()) is not None:
                raise ProxyUnusable(f"{proxy} is a SOCKS proxy, which needs the package socksio")
            # Only then do the blocks for Slack, Teams, e-mail and their like raise.
            with block.raise_on_failure():
                block.notify(body, subject)
    # Any library stands behind a block; its words may hold the address.
    except Exception as error:  # noqa: BLE001
        log.warning("Nobody could be told of %s (%s).", subject, type(error).__name__)
        return False
    return True


def _block() -> Any:
    if "PREFECT_API_URL" not in os.environ:
        return None
    from prefect.blocks.core import Block
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = [one for one in client.read_block_documents() if one.name == BLOCK]
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
