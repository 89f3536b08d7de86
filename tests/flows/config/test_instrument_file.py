"""The instrument file: what it states, and what a wrong one says."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from flows.config.instrument_file import InstrumentFileRefused, table_of
from flows.config.settings import ConfigurationError, load
from flows.planning.adapters import open_source
from flows.planning.plan import run_config, strategy_of
from strategy.account.fees_and_slippage import NO_COSTS, on_stated_terms
from strategy.exit_codes import Exit, UsageError, exit_code
from strategy.market.instrument_terms import INSTRUMENT_FILE, InstrumentTerms
from strategy.market.instruments import Calendar, Instrument

SHARE = Instrument(symbol="SPY", calendar=Calendar.XNYS)
COIN = Instrument(symbol="BTCUSDT", calendar=Calendar.ALWAYS)


def write_file(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / INSTRUMENT_FILE).write_text(text, encoding="utf-8")


def test_without_a_file_nothing_is_stated_and_the_configuration_is_that_of_before(home: Path) -> None:
    settings = load({"home": home})
    assert settings.instruments == {}
    policy = run_config(settings, strategy_of(settings), NO_COSTS.financing)
    assert not policy.costs.instruments
    assert "instruments" not in json.loads(policy.config)


def test_a_symbol_is_above_its_class(home: Path) -> None:
    write_file(
        home, "[symbols.SPY]\nlot = 1\n[classes.other]\nlot = 10\nmin_fee = 1.5\n[classes.crypto]\ntaker_bps = 4\n"
    )
    settings = load({"home": home})
    table = table_of(settings.instruments)
    assert table.of(SHARE) == InstrumentTerms(lot=Decimal(1), min_fee=Decimal("1.5"))
    assert table.of(COIN) == InstrumentTerms(fee_bps=Decimal(4))
    assert table.applied(SHARE).lot == 1
    assert (
        json.loads(run_config(settings, strategy_of(settings), NO_COSTS.financing).config)["instruments"]
        == settings.instruments
    )


def test_pairs_and_the_cost_of_conversion_are_stated(home: Path) -> None:
    write_file(home, '[symbols.SPY]\nfx_bps = 5\n[currencies]\nJPY = "JPY=X"\nEUR = "EURUSD=X"\n')
    table = table_of(load({"home": home}).instruments)
    assert table.pairs == {"EUR": "EURUSD=X", "JPY": "JPY=X"}
    assert (table.of(SHARE).fx_bps, table.of(COIN).fx_bps) == (Decimal(5), None)


@pytest.mark.parametrize(("told", "unit"), [("usd", "USD"), ("GBX", "GBp"), ("GBp", "GBp"), ("gbp", "GBP")])
def test_a_currency_is_spelled_as_those_of_sources(home: Path, told: str, unit: str) -> None:
    write_file(home, f'[symbols.SPY]\ncurrency = "{told}"\n')
    assert table_of(load({"home": home}).instruments).of(SHARE).currency == unit


def test_perpetual_futures_are_stated_by_symbol_and_class(home: Path) -> None:
    write_file(home, "[classes.crypto]\nperpetual = true\n[symbols.ETHUSDT]\nperpetual = false\n")
    table = table_of(load({"home": home}).instruments)
    assert table.applied(COIN).perpetual
    assert not table.applied(replace(COIN, symbol="ETHUSDT")).perpetual
    assert not table.applied(SHARE).perpetual


def test_an_option_is_above_the_file_which_is_above_the_class(home: Path) -> None:
    write_file(home, "[symbols.SPY]\nfee_bps = 2\nmin_fee = 1\nhalf_spread_bps = 3\n")
    settings = load({"home": home})
    stated = run_config(settings, strategy_of(settings), NO_COSTS.financing).costs
    assert (stated.fee(SHARE), stated.slippage(SHARE)) == (Decimal("0.0002"), Decimal("0.0003"))
    given = load({"home": home, "fee_bps": 5, "slippage_bps": 0})
    costs = run_config(given, strategy_of(given), NO_COSTS.financing).costs
    assert (costs.fee(SHARE), costs.min_fee(SHARE), costs.slippage(SHARE)) == (Decimal("0.0005"), 0, 0)
    assert (stated.fee(COIN), stated.slippage(COIN)) == (Decimal("0.001"), Decimal("0.0005"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[symbols.SPY]\nlots = 1\n", "symbols.SPY has an unknown key lots; did you mean lot?"),
        ("[symbols.BRK.B]\nlot = 1\n", r'symbols.BRK has an unknown key B; write .*\[symbols."BRK.B"\]'),
        ("[classes.bonds]\nlot = 1\n", "unknown class bonds; known are crypto, other"),
        ("[symbol.SPY]\nlot = 1\n", "unknown table symbol; write"),
        ('[symbols."S P"]\nlot = 1\n', "symbol 'S P'; a symbol is"),
        ("[symbols.SPY]\nmin_fee = -1\n", "symbols.SPY: min_fee is -1; it must be greater than or equal to 0"),
        ("[symbols.SPY]\nlot = 0\n", "symbols.SPY: lot is 0; it must be greater than 0"),
        ("[symbols.SPY]\nlot = true\n", "symbols.SPY: lot is True; it must be a valid number"),
        ("[symbols.SPY]\nlot = inf\n", "symbols.SPY: lot is inf; it must be"),
        ("[symbols.SPY]\nfee_bps = 1\ntaker_bps = 1\n", "the same fee, so leave one out"),
        ("[symbols.SPY]\nmaker_bps = 1\n", "orders are market orders at the open, which pay the taker's fee"),
        ('[classes.other]\ncalendar = "XLON"\n', "a class follows from the calendar"),
        ('[symbols.SPY]\ncurrency = "dollars"\n', "currency is 'dollars'; it must be three to five letters"),
        ("currencies = 3\n", r"currencies is 3; write CURRENCY = \"SYMBOL\" under \[currencies\]"),
        ('[currencies]\neur = "EURUSD"\n', "currencies.eur is 'EURUSD'; write CURRENCY"),
        ("[currencies]\nEUR = 1.1\n", "currencies.EUR is 1.1; write CURRENCY"),
        ("[classes.other]\nfx_bps = -2\n", "classes.other: fx_bps is -2; it must be"),
        ("symbols = 3\n", r"symbols is 3; write \[symbols.NAME\]"),
        ('[symbols.SPY]\nperpetual = "yes"\n', "symbols.SPY: perpetual is 'yes'; it must be true or false"),
        ("[symbols.SPY]\nperpetual = 1\n", "symbols.SPY: perpetual is 1; it must be true or false"),
        ("[symbols.SPY\n", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_key_value_limit_and_remedy(home: Path, text: str, told: str) -> None:
    write_file(home, text)
    with pytest.raises(ConfigurationError, match=told) as refused:
        load({"home": home})
    assert INSTRUMENT_FILE in str(refused.value)
    assert exit_code(refused.value) is Exit.USAGE


def test_a_fee_per_share_on_fractions_of_one_is_refused_but_not_of_a_coin(home: Path) -> None:
    write_file(home, "[symbols.SPY]\nper_share = 0.005\n[symbols.BTCUSDT]\nper_share = 0.5\n")
    table = table_of(load({"home": home}).instruments)
    with pytest.raises(UsageError, match=r"per_share of SPY is 0.005, and its lot is 0.000001; .* state lot = 1"):
        on_stated_terms(SHARE, table)
    assert on_stated_terms(COIN, table) == COIN


def test_fees_in_both_files_are_refused(home: Path) -> None:
    write_file(home, "[symbols.SPY]\nper_share = 0.005\nlot = 1\n")
    (home / "settings.toml").write_text("fee_bps = 2\n", encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match=r"settings.toml sets fee_bps to 2, and instruments.toml states it too"
    ):
        load({"home": home})


def test_settings_do_not_hold_instruments(home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text("[instruments.symbols.SPY]\nlot = 1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"sets instruments; write them into instruments.toml"):
        load({"home": home})


def test_a_calendar_is_any_that_exchange_calendars_knows(home: Path) -> None:
    write_file(home, '[symbols."^GSPC"]\ncalendar = "london"\n')
    with pytest.raises(InstrumentFileRefused, match=r"symbols.\^GSPC: calendar is .london.; no calendar is called"):
        open_source(load({"home": home}))
    write_file(home, '[symbols."^GSPC"]\ncalendar = "XLON"\n')
    source = open_source(load({"home": home}))
    assert [each.calendar for each in source.instruments(("^GSPC", "^IXIC"))] == ["XLON", "XNYS"]
