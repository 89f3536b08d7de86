"""The currencies of an account: its cash, limits and equity are in one; prices in others are converted by pairs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from exchange.currencies import pair_names
from exchange.ports import SourceRefused
from strategy.market.currencies import CurrencyPair, currency_of, pair_named
from strategy.market.instruments import Instrument
from tasks.run.job import PAPER, Job

_SHOWN = 5


def demand_convertible(job: Job, instruments: Mapping[str, Instrument]) -> None:
    """Raise SourceRefused if prices of the account's instruments are in currencies that it cannot convert.

    Without a base currency all are in one: amounts are added as they are, and pence and pounds count as different. At
    an external broker nothing is converted. Instruments whose currency is unknown are not judged.
    """
    base = job.policy.costs.currencies.base
    if not base:
        _demand_one_currency(instruments)
    foreign = [symbol for symbol, each in sorted(instruments.items()) if job.policy.costs.currencies.foreign(each)]
    if foreign and job.broker != PAPER:
        raise SourceRefused(
            f"prices of {foreign[0]} are in {instruments[foreign[0]].money}, and broker {job.broker} converts nothing "
            f"into {base}; trade it with --broker paper, or leave out base_currency"
        )


def pairs_for(job: Job, instruments: Iterable[Instrument], listed: Collection[str]) -> tuple[CurrencyPair, ...]:
    """Return the pairs that convert the prices of the instruments, by currency.

    The pair of a currency is the stated one, else the first usual name that the source has among those `listed`, else
    the usual one. Raises UsageError for a stated pair of other currencies.
    """
    costs = job.policy.costs
    currencies, stated = costs.currencies, costs.instruments.pairs
    units = {each.money for each in instruments if each.money and currencies.foreign(each)}
    wanted = sorted({currency_of(unit)[0] for unit in units} - {currencies.base})
    found = []
    for currency in wanted:
        usual = pair_names(job.source, currency, currencies.base)
        symbol = stated.get(currency) or next((name for name in usual if name in listed), usual[0])
        found.append(pair_named(symbol, currency, currencies.base))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What the account trades or has traded, and the symbols that a recorded source lists; others list none."""

    instruments: tuple[Instrument, ...]
    listed: tuple[str, ...]


def lacking_pairs(job: Job, pairs: Sequence[CurrencyPair], offered: Offered, why: str) -> str:
    """Return the sentence that the source does not have the pairs that the instruments need, and why in its words.

    It asks whether another pair of the same two currencies was meant if the source lists that one.
    """
    base, known = job.policy.costs.currencies.base, offered.instruments
    lacking = [pair for pair in pairs if pair.symbol not in offered.listed]
    # The list of a recorded source says more than its refusal, which proposes to trade something else.
    said = f"{job.source} does not have them" if offered.listed and lacking else why
    needing = [
        f"{each.symbol} in {each.money}" for each in known if job.policy.costs.currencies.foreign(each) and each.money
    ]
    names, prices = ", ".join(pair.symbol for pair in lacking or pairs), ", ".join(needing[:_SHOWN]) + _more(needing)
    return (
        f"the account is in {base} and needs the bars of {names} to convert the prices of {prices}: {said}; import "
        "them from the same source, or name another pair under [currencies] in instruments.toml"
        f"{_meant(job, lacking, offered.listed)}"
    )


def _meant(job: Job, lacking: Iterable[CurrencyPair], listed: Collection[str]) -> str:
    """Return the question whether pairs were meant that the source has; empty if it has none."""
    others = [name for pair in lacking for name in pair_names(job.source, pair.currency, pair.base) if name in listed]
    return f"; did you mean {', '.join(others)}?" if others else ""


def _demand_one_currency(instruments: Mapping[str, Instrument]) -> None:
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
        f"an account has one currency, and its symbols are priced in {len(by_currency)}: {listed}{pence}; name the one "
        "of its cash, as --set base_currency=USD does, to have the others converted, or give each currency an account "
        "and a run of its own, with --account and --symbols"
    )


def _more(names: list[str]) -> str:
    return f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
