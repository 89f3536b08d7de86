"""The currency of an account's cash: the one that is set, else the one that the account keeps."""

from collections.abc import Iterable

from exchange.currencies import pair_names
from exchange.ports import BarSource
from flows.config.instrument_file import table_of
from flows.config.settings import Settings
from storage.bars import instruments as instrument_store
from storage.database import DATABASE_NAME, Connection, connect
from storage.ledger import orders
from strategy.account.fees_and_slippage import on_stated_terms
from strategy.exit_codes import UsageError
from strategy.market.currencies import Currencies, currency_of
from strategy.market.instruments import Calendar, Instrument
from tasks.run.kept_terms import newest_terms


def in_kept_currency(settings: Settings, account: str) -> Settings:
    """Return the settings with the base currency that the account keeps, if none is set."""
    if settings.base_currency is not None or not (settings.home / DATABASE_NAME).is_file():
        return settings
    with connect(settings.home) as store:
        kept = newest_terms(store, account)
    return settings.model_copy(update={"base_currency": kept["base_currency"]}) if kept else settings


def demand_base_kept(store: Connection, account: str, kept: str | None, wanted: str | None) -> None:
    """Raise UsageError if an account that is kept in one currency is wanted in another.

    One that keeps no base currency is in that of everything that it has ordered.
    """
    ordered = instrument_store.find(store, None, orders.ordered_symbols(store, account)).values()
    known = {kept} if kept else {each.money for each in ordered if each.money}
    if wanted and len(known) == 1 and wanted not in known:
        raise UsageError(
            f"account {account} is kept in {known.pop()}, and base_currency is {wanted}; its cash cannot change its "
            "currency, so open another with --account"
        )


def demand_currency_of(settings: Settings, account: str) -> None:
    """Raise UsageError if the settings name a base currency, and the account is kept in another."""
    if settings.base_currency is None or not (settings.home / DATABASE_NAME).is_file():
        return
    with connect(settings.home) as store:
        base = (newest_terms(store, account) or {}).get("base_currency")
        demand_base_kept(store, account, str(base) if base else None, settings.base_currency)


def without_pairs(settings: Settings, source: BarSource) -> tuple[str, ...]:
    """Return the symbols that the source serves by default, without the pairs that only convert the others' prices."""
    symbols, base = source.symbols(), settings.base_currency
    if base is None:
        return symbols
    table = table_of(settings.instruments)
    currencies = Currencies(base=base)
    known = [on_stated_terms(instrument, table) for instrument in source.instruments(symbols)]
    units = {currency_of(each.money)[0] for each in known if each.money and currencies.foreign(each)}
    pairs = {name for unit in units for name in (*pair_names(source.name, unit, base), table.pairs.get(unit, ""))}
    return tuple(symbol for symbol in symbols if symbol not in pairs)


def closing_calendars(instruments: Iterable[Instrument], base: str | None) -> frozenset[Calendar]:
    """Return the calendars that complete a day's bars, that of currencies with them if prices are converted."""
    known, currencies = tuple(instruments), Currencies(base=base or "")
    converted = any(currencies.foreign(instrument) for instrument in known)
    return frozenset(instrument.calendar for instrument in known) | ({Calendar.WEEKDAYS} if converted else set())
