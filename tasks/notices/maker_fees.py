"""The warning that fees of resting orders are stated, which no order pays."""

import json

from strategy.market.instrument_terms import INSTRUMENT_FILE

_KEY = "maker_bps"


def unused_maker_fees(config: str) -> list[str]:
    """Return a warning if the settings, canonical JSON, state fees of resting orders; empty if they state none.

    >>> unused_maker_fees('{"instruments": {"classes": {"crypto": {"maker_bps": 2.0, "taker_bps": 4.0}}}}')
    ['instruments.toml states maker_bps of crypto, which has no effect: ...; leave it out']
    """
    groups = json.loads(config).get("instruments", {}).values()
    stated = sorted(name for sections in groups for name, section in sections.items() if _KEY in section)
    if not stated:
        return []
    return [
        f"{INSTRUMENT_FILE} states {_KEY} of {', '.join(stated)}, which has no effect: every order is a market order "
        "at the open and pays the fee of the taker; leave it out"
    ]
