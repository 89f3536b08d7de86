"""The currency of an account, from the settings to its ledger: named, kept, and converted by the pair of a file."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from exchange.ports import SourceRefused
from exchange.sessions.closing_times import closed_by
from flows.cli.trade.cash_flows import FlowOptions
from flows.cli.trade.deposit import run_deposit
from flows.config.settings import ConfigurationError, load
from flows.planning.adapters import open_source
from flows.planning.kept_terms import on_kept_terms
from flows.planning.plan import Request, plan, run_config, strategy_of
from storage.bars import instruments as instrument_store
from storage.database import connect
from storage.ledger import positions as position_store
from strategy.account.fees_and_slippage import NO_COSTS
from strategy.exit_codes import UsageError
from strategy.market.currencies import Currencies
from strategy.market.instrument_terms import INSTRUMENT_FILE
from strategy.market.instruments import Calendar
from tasks.data.ingest import ingest
from tasks.notices.currencies import unknown_currencies
from tasks.operations.adopt_defaults import adopt_defaults
from tasks.operations.cash_flows import CashFlowsAnswer
from tasks.operations.status import account_status
from tasks.run.job import Job
from tasks.run.kept_terms import LEGACY
from tasks.run.runs import begin
from tasks.validation.gate import validate
from testing.runs.jobs import run_day

NOW = datetime(2026, 1, 5, tzinfo=UTC)
#: Consecutive weekdays at the end of the file.
DAYS = (date(2020, 6, 24), date(2020, 6, 25), date(2020, 6, 26))
UNITS = {"HOME": "USD", "ABROAD": "EUR", "USDEUR": "EUR"}


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A file of two shares and the pair, dollars in euros: 0.8, and 0.64 on the last day."""
    days = np.arange(np.datetime64("2020-03-02"), np.datetime64("2020-06-27"))
    days = days[np.is_busday(days)]
    lines = ["symbol,date,open,high,low,close,currency"]
    for number, (symbol, unit) in enumerate(UNITS.items()):
        draw = np.random.default_rng(number)
        closes = np.round(50.0 * np.exp(np.cumsum(draw.normal(0.0, 0.01, len(days)))), 2)
        if symbol == "USDEUR":
            closes = np.where(days < np.datetime64(DAYS[-1]), 0.8, 0.64)
            closes[:-3] += np.arange(len(days) - 3) % 7 / 1000
        lines += [
            f"{symbol},{day},{close},{close + 0.01:.4f},{close - 0.01:.4f},{close},{unit}"
            for day, close in zip(days, closes.tolist(), strict=True)
        ]
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"file:{path}"


def job(home: Path, source: str, day: date, **given: object) -> Job:
    settings = load({"home": home, "source": source, "strategy": "hold", **given})
    return on_kept_terms(
        settings, plan(settings, open_source(settings), Request(account="daily", as_of=day, clock=NOW))
    )


def live_through(home: Path, source: str, day: date, **given: object) -> Job:
    made = job(home, source, day, **given)
    begin(made, NOW)
    run_day(made, lambda: open_source(load({"home": home, "source": source})))
    return made


def test_an_account_keeps_its_currency_and_converts_by_the_inverse_pair_of_the_file(
    home: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = live_through(home, source, DAYS[0], base_currency="USD")
    # The pair converts, and is not traded; the day is complete with the currencies' bars, at midnight.
    assert first.symbols == ("ABROAD", "HOME")
    assert (first.currency, first.now) == ("USD", closed_by(Calendar.WEEKDAYS, DAYS[0]))
    for day in DAYS[1:]:
        later = live_through(home, source, day)
        assert (later.symbols, later.policy.costs.currencies.base) == (first.symbols, "USD")
    with connect(home) as store:
        before, after = position_store.snapshots(store, "daily", until=DAYS[-1], last_days=2)
    assert [each.account.positions["ABROAD"].fx_rate for each in (before, after)] == [
        Decimal("1.25"),
        Decimal("1.5625"),
    ]
    kept = account_status(home, "daily").terms
    assert kept is not None
    assert kept["base_currency"] == "USD"
    adopted = adopt_defaults(home, "daily", {**LEGACY, "financing_rate": 0.01}, "cheaper elsewhere")
    assert adopted.terms["base_currency"] == "USD"
    with pytest.raises(UsageError, match="account daily is kept in USD, and base_currency is EUR"):
        live_through(home, source, DAYS[-1], base_currency="EUR")
    with pytest.raises(UsageError, match="account daily is kept in USD, and base_currency is EUR"):
        deposited(home, monkeypatch, "EUR")
    assert deposited(home, monkeypatch, "USD").recorded


def deposited(home: Path, monkeypatch: pytest.MonkeyPatch, currency: str) -> CashFlowsAnswer:
    """A deposit of 5, as `--set base_currency` asks for it."""
    monkeypatch.setenv("TURBODMT_BASE_CURRENCY", currency)
    return run_deposit(str(home), "5", FlowOptions(account="daily", day=None, reason="", key=None))


def test_an_account_without_a_named_currency_is_in_that_of_what_it_has_ordered(home: Path, source: str) -> None:
    assert live_through(home, source, DAYS[0], symbols="ABROAD").currency == "EUR"
    with pytest.raises(UsageError, match="account daily is kept in EUR, and base_currency is USD"):
        live_through(home, source, DAYS[1], base_currency="USD", symbols="ABROAD,HOME")
    later = live_through(home, source, DAYS[1], base_currency="EUR", symbols="ABROAD,HOME")
    assert later.policy.costs.currencies.base == "EUR"


def test_prices_of_unknown_currency_are_warned_of_unless_the_account_names_its_own(home: Path, source: str) -> None:
    path = Path(source.removeprefix("file:"))
    path.write_text(path.read_text(encoding="utf-8").replace(",USD\n", ",\n"), encoding="utf-8")
    mixed = job(home, source, DAYS[0], symbols="ABROAD,HOME")
    ingest(mixed, lambda: open_source(load({"home": home, "source": source})))
    (warning,) = (each for each in validate(mixed).warnings if "currency" in each)
    assert warning.startswith("the currency of HOME is not known, and its prices count as EUR")
    with connect(home) as store:
        known = instrument_store.load(store, mixed.source, mixed.symbols)
    for alone in known:
        assert unknown_currencies(mixed, {alone: known[alone]}) == ()
    named = replace(mixed.policy.costs, currencies=Currencies(base="EUR"))
    assert unknown_currencies(replace(mixed, policy=replace(mixed.policy, costs=named)), known) == ()


def test_a_stated_pair_is_used_and_one_of_other_currencies_refused(home: Path, source: str) -> None:
    home.mkdir(exist_ok=True)
    (home / INSTRUMENT_FILE).write_text('[currencies]\nEUR = "GBPUSD"\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r'the pair GBPUSD does not convert EUR into USD; .* EUR = "EURUSD"'):
        live_through(home, source, DAYS[0], base_currency="USD", symbols="ABROAD")
    (home / INSTRUMENT_FILE).write_text('[currencies]\nEUR = "EURUSD"\n', encoding="utf-8")
    with pytest.raises(
        SourceRefused,
        match=r"needs the bars of EURUSD to convert the prices of ABROAD in EUR: file:.* does not have them; "
        r"import .*; did you mean USDEUR\?$",
    ):
        live_through(home, source, DAYS[0], base_currency="USD", symbols="ABROAD")
    # A pair that the source does not have is not proposed.
    path = Path(source.removeprefix("file:"))
    path.write_text(path.read_text(encoding="utf-8").replace("USDEUR", "GBPEUR"), encoding="utf-8")
    with pytest.raises(SourceRefused, match=r"under \[currencies\] in instruments.toml$"):
        live_through(home, source, DAYS[0], base_currency="USD", symbols="ABROAD")


def test_the_configuration_of_before_is_that_without_a_base_currency(home: Path) -> None:
    plain, dollars = load({"home": home}), load({"home": home, "base_currency": "USD"})
    configs = [run_config(each, strategy_of(each), NO_COSTS.financing) for each in (plain, dollars)]
    assert ["base_currency" in each.config for each in configs] == [False, True]
    assert [each.costs.currencies.base for each in configs] == ["", "USD"]
    with pytest.raises(ConfigurationError, match="base_currency is 'usd'; it must be the three capital letters"):
        load({"home": home, "base_currency": "usd"})
