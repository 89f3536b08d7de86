"""The settings: precedence, limits, and what a wrong one says."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.config.settings import FILE_NAME, ConfigurationError, Settings, load
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams


def write_file(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / FILE_NAME).write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("default_rates")
def test_the_defaults_are_those_of_the_strategy(home: Path) -> None:
    settings = load({})
    assert settings.home == home
    assert (settings.source, settings.broker, settings.strategy) == ("sample", "paper", "turbo")
    assert (settings.rates, settings.financing_rate) == (None, None)
    # docs/evaluation.md, "Rebalance bands and frequencies"; sizing by itself has no band.
    for values, count in ((SizingParams(rebalance_band=0.0025), 8), (RiskLimits(), 4)):
        names = [name for name in Settings.model_fields if hasattr(values, name)]
        assert len(names) == count
        assert [getattr(settings, name) for name in names] == [getattr(values, name) for name in names]


def test_an_option_beats_the_environment_which_beats_the_file_which_beats_the_default(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load({}).seed == 7
    write_file(home, "seed = 1\nthreads = 1\n")
    assert load({}).seed == 1
    monkeypatch.setenv("TURBODMT_SEED", "2")
    assert load({"seed": None}).seed == 2
    settings = load({"seed": 3})
    assert (settings.seed, settings.threads) == (3, 1)


def test_the_file_lies_in_the_home_that_an_option_names(tmp_path: Path) -> None:
    write_file(tmp_path / "elsewhere", "seed = 9\n")
    settings = load({"home": tmp_path / "elsewhere"})
    assert (settings.home, settings.seed) == (tmp_path / "elsewhere", 9)


@pytest.mark.usefixtures("default_rates")
def test_rates_above_a_flat_rate_end_it_and_both_in_one_place_contradict(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text("financing_rate = 0.04\n", encoding="utf-8")
    assert load({"home": home}).financing_rate == 0.04
    rated = load({"home": home, "rates": "constant:0.02"})
    assert (rated.rates, rated.financing_rate) == ("constant:0.02", None)
    monkeypatch.setenv("TURBODMT_RATES", "yahoo")
    assert (load({"home": home}).financing_rate, load({"home": home, "financing_rate": 0.01}).financing_rate) == (
        None,
        0.01,
    )
    monkeypatch.delenv("TURBODMT_RATES")
    with pytest.raises(ConfigurationError, match=r"rates is 'yahoo' and financing_rate is 0\.01; .* give one of them"):
        load({"home": home, "rates": "yahoo", "financing_rate": 0.01})


def test_a_file_of_rates_is_named_by_its_whole_path(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({"home": home, "rates": "file:rates.csv"}).rates == f"file:{tmp_path / 'rates.csv'}"
    for wrong in ("bond", "constant:", "constant:x", "file:"):
        with pytest.raises(ConfigurationError, match="it must be bills, yahoo, constant:RATE such as constant:0"):
            load({"home": home, "rates": wrong})


def test_a_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({"home": "here"}).home == tmp_path / "here"


def test_symbols_come_as_a_list_or_separated_by_commas(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(home, 'symbols = ["SPY", "^GSPC"]\n')
    assert load({}).symbols == ("SPY", "^GSPC")
    monkeypatch.setenv("TURBODMT_SYMBOLS", "BTCUSDT, ETHUSDT,")
    assert load({}).symbols == ("BTCUSDT", "ETHUSDT")
    assert load({"symbols": "GC=F"}).symbols == ("GC=F",)


def test_money_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_CAPITAL", "0.1")
    assert load({}).capital == Decimal("0.1")


def test_an_empty_variable_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_SOURCE", "")
    assert load({}).source == "sample"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load({}).seed = 1


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("fee_bps", -3, r"^fee_bps is -3; it must be greater than or equal to 0 \("),
        ("fee_bps", "nan", r"^fee_bps is 'nan'; it must be a finite number"),
        ("capital", "0", r"^capital is '0'; it must be greater than 0"),
        ("broker", "binance", r"^broker is 'binance'; it must be 'paper', 'testnet-spot' or 'testnet-futures'"),
        ("strategy", "Tur bo", r"^strategy is 'Tur bo'; it must be turbo, rules, hold"),
        ("source", "kraken", r"^source is 'kraken'; it must be sample, binance, binance-futures, yahoo or file:PATH"),
        ("source", "Yahho", r"^source is 'Yahho'; did you mean yahoo\?$"),
        ("funding", "kraken", r"^funding is 'kraken'; it must be file:PATH of a csv file"),
        ("symbols", "A B", r"^symbols is 'A B'; it must be up to 32 letters"),
        ("symbols", "A,B,A", r"^symbols name A more than once; name each once$"),
        ("groups", {"bonds": ["TLT"]}, "groups is set and max_group_exposure is not, so that nothing is capped"),
        ("max_group_exposure", 0.5, "max_group_exposure is set and groups is not, so that nothing is capped"),
        ("max_symbol_exposure", 0, "max_symbol_exposure is 0; it must be greater than 0"),
        ("network_heads", 7, r"^network_heads is 7, which does not divide network_dimensions, 96"),
        ("model_max_age_bars", 5, r"^model_max_age_bars is 5, below retrain_every_bars, 21"),
        ("max_drawdown_halt", 1.5, r"^max_drawdown_halt is 1.5; it must be less than or equal to 1"),
        ("fee_bps", True, r"^fee_bps is True; it must be a number or a text, not true or false"),
        ("sede", 1, r"^unknown setting sede; did you mean seed\?$"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(name: str, value: object, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        load({name: value})
    assert "\n" not in str(caught.value)
    assert str(caught.value) == f"{caught.value.what}; {caught.value.remedy}"


def test_what_is_wrong_and_what_it_must_be_are_told_apart() -> None:
    with pytest.raises(ConfigurationError, match="choose a divisor") as caught:
        load({"network_heads": 7})
    what = "network_heads is 7, which does not divide network_dimensions, 96"
    assert (caught.value.what, caught.value.remedy) == (what, "choose a divisor")


def test_a_wrong_variable_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURBODMT_STALE_DAYS", "soon")
    with pytest.raises(ConfigurationError, match=r"^stale_days is 'soon'; it must be a valid integer"):
        load({})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("target_vol = 0.2", r"settings.toml: unknown setting target_vol; did you mean target_annual_vol"),
        ("Seed = 1", r"settings.toml: unknown setting Seed; did you mean seed"),
        ("zzz = 1", r"settings.toml: unknown setting zzz; known are home, source"),
        ("seed = ", r"settings.toml is not valid TOML: .*; correct it or delete it"),
        ('home = "/tmp"', r"settings.toml sets home, but it lies in it; use --home or TURBODMT_HOME"),
        ("max_turnover = 0", r"max_turnover is 0; it must be greater than 0"),
    ],
)
def test_a_wrong_file_is_refused(home: Path, text: str, sentence: str) -> None:
    write_file(home, text)
    with pytest.raises(ConfigurationError, match=sentence):
        load({})


def test_a_file_of_a_windows_editor_is_read(home: Path) -> None:
    home.mkdir()
    (home / FILE_NAME).write_bytes(b"\xef\xbb\xbfcapital = 20000\r\n")
    assert load({}).capital == 20_000


def test_a_folder_in_place_of_the_file_is_refused(home: Path) -> None:
    (home / FILE_NAME).mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"settings.toml cannot be read: .*; make it a readable file"):
        load({})


def test_a_home_that_is_a_file_has_no_settings_file(home: Path) -> None:
    home.write_text("", encoding="utf-8")
    assert load({}).seed == 7


def test_no_setting_names_an_exchange_or_a_key() -> None:
    words = ("host", "url", "key", "secret", "token", "endpoint", "password")
    assert [name for name in Settings.model_fields if any(word in name for word in words)] == []


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
