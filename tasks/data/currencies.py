"""The one currency of an account: its cash, its orders and its equity are all in it."""

from collections.abc import Mapping

from exchange.ports import SourceRefused
from strategy.market.instruments import Instrument

_SHOWN = 5


def demand_one_currency(instruments: Mapping[str, Instrument]) -> None:
    """Raise SourceRefused if the instruments of one account are known to be priced in several currencies.

    Pence and pounds count as different: amounts are added without conversion. Unknown currencies are not judged.
    """
    by_currency: dict[str, list[str]] = {}
    for symbol, instrument in sorted(instruments.items()):
        if instrument.money:
            by_currency.setdefault(instrument.money, []).append(symbol)
    if len(by_currency) < 2:
        return
    listed = "; ".join(
        f"{', '.join(names[:_SHOWN])}{_more(names)} in {currency}" for currency, names in by_currency.items()
    )
    pence = " (GBp is a penny, a hundredth of GBP)" if "GBp" in by_currency else ""
    raise SourceRefused(
        f"an account has one currency, and its symbols are priced in {len(by_currency)}: {listed}{pence}; give each "
        "currency an account and a run of its own, with --account and --symbols"
    )


def _more(names: list[str]) -> str:
    return f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
