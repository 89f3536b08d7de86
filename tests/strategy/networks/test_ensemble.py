"""A model of several networks: its signals see their own window only, and its weights survive the way to disk."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from strategy.market.bars import Bars, make_bars
from strategy.networks.ensemble import Ensemble, keep, revive
from strategy.networks.transformer import DEPARTURE_LIMIT, NetworkShape, new_network
from strategy.signals.features import FEATURE_BARS
from strategy.signals.network_inputs import INPUTS, bars_behind
from strategy.signals.prior import PRIOR_BARS, prior, prior_terms
from testing.markets.panels import market, stock, walk
from testing.runs.networks import TINY, opinionated


def model(shape: NetworkShape = TINY) -> Ensemble:
    return Ensemble(members=(opinionated(shape, 1), opinionated(shape, 2)))


def bars() -> dict[str, Bars]:
    return market(walk("COIN", 1, 420), stock("STK", 2, 300), walk("YOUNG", 3, 290, first="2010-05-11"))


def test_untrained_networks_trade_exactly_the_prior() -> None:
    untrained = Ensemble(members=(new_network(TINY, 0), new_network(TINY, 1)))
    for symbol, signal in untrained.forecast(bars()).items():
        assert np.array_equal(signal, prior(bars()[symbol].close), equal_nan=True)


def test_a_departure_is_bounded_and_so_is_the_signal() -> None:
    network = opinionated()
    torch.nn.init.constant_(network.head.bias, 50.0)
    one = bars()["COIN"]
    signal = Ensemble(members=(network,)).forecast({"COIN": one})["COIN"][TINY.history_bars - 1 :]
    assert signal == pytest.approx(np.minimum(prior(one.close)[TINY.history_bars - 1 :] + DEPARTURE_LIMIT, 1.0))


def test_the_signal_is_the_mean_of_the_members() -> None:
    both = model()
    alone = [Ensemble(members=(member,)).forecast(bars())["COIN"] for member in both.members]
    before = prior(bars()["COIN"].close)
    expected = (alone[0] + alone[1]) / 2
    inside = (np.abs(alone) < 1).all(axis=0) & (alone[0] != before)
    assert inside.sum() > 50
    assert both.forecast(bars())["COIN"][inside] == pytest.approx(expected[inside], abs=1e-12)


def test_the_bare_window_gives_the_very_same_signals() -> None:
    """Other symbols, other calendars and a late listing included, on every one of the last ten dates."""
    whole = model().forecast(bars())
    for cut in bars()["COIN"].open_time[-10:]:
        past = {symbol: series.until(cut) for symbol, series in bars().items()}
        count = max(
            TINY.history_bars,
            bars_behind({symbol: series.open_time for symbol, series in past.items()}, TINY.context_bars),
        )
        bare = {symbol: series.rows(max(0, len(series) - count), len(series)) for symbol, series in past.items()}
        for symbol, signal in model().forecast(bare, since=cut).items():
            assert signal[-1] == whole[symbol][len(past[symbol]) - 1], (symbol, cut)


def test_the_default_network_gives_the_very_same_signal_on_the_bare_window() -> None:
    shape = replace(NetworkShape(), features=30)
    large = Ensemble(members=(opinionated(shape),))
    one = walk("COIN", 4, 512)
    whole = large.forecast({"COIN": one})["COIN"]
    for row in (503, 507, 511):
        bare = one.rows(row - 503, row + 1)
        assert large.forecast({"COIN": bare}, since=bare.open_time[-1])["COIN"][-1] == whole[row]


def test_rows_since_a_date_are_those_of_the_whole() -> None:
    whole = model().forecast(bars())
    sunday = np.datetime64("2011-01-09", "us")
    asked = model().forecast(bars(), since=sunday)
    for symbol, series in bars().items():
        first = int(np.searchsorted(series.open_time, sunday, side="right")) - 1
        assert np.array_equal(asked[symbol][first:], whole[symbol][first:], equal_nan=True)


def test_signals_ignore_the_future() -> None:
    cut = bars()["COIN"].open_time[400]
    past = {symbol: series.until(cut) for symbol, series in bars().items()}
    whole, seen = model().forecast(bars()), model().forecast(past)
    for symbol in past:
        assert np.array_equal(whole[symbol][: len(seen[symbol])], seen[symbol], equal_nan=True)


def test_another_symbols_past_moves_the_signal() -> None:
    alone, beside = model().forecast({"COIN": bars()["COIN"]})["COIN"], model().forecast(bars())["COIN"]
    assert not np.array_equal(alone[TINY.history_bars :], beside[TINY.history_bars :])


def test_where_the_context_is_not_full_the_prior_trades_and_before_it_nothing() -> None:
    one = bars()["COIN"]
    signal, before = model().forecast({"COIN": one})["COIN"], prior(one.close)
    full = TINY.context_bars + FEATURE_BARS - 2
    assert np.isnan(signal[: PRIOR_BARS - 1]).all()
    assert (signal[PRIOR_BARS - 1 : full] == before[PRIOR_BARS - 1 : full]).all()
    assert (signal[full:] != before[full:]).all()


def test_prices_that_never_move_get_a_signal() -> None:
    flat = make_bars("FLAT", bars()["COIN"].open_time, close=np.full(420, 5.0))
    assert np.isfinite(model().forecast({"FLAT": flat})["FLAT"][PRIOR_BARS:]).all()


def test_a_symbol_with_one_bar_has_no_signal_and_leaves_the_others_alone() -> None:
    one = walk("NEW", 5, 1, first="2011-02-20")
    beside = model().forecast(bars() | {"NEW": one})
    assert np.isnan(beside["NEW"]).all()
    assert np.array_equal(beside["COIN"], model().forecast(bars())["COIN"], equal_nan=True)


def test_weights_survive_the_way_through_arrays() -> None:
    again = revive(TINY, keep(model().members))
    assert len(again.members) == 2
    for symbol, signal in model().forecast(bars()).items():
        assert np.array_equal(again.forecast(bars())[symbol], signal, equal_nan=True)


def test_weights_of_no_member_or_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="the model holds no network; train again"):
        revive(TINY, {})
    with pytest.raises(ValueError, match="the weights are of the members head; train again"):
        revive(TINY, {"head.bias": np.zeros(1, dtype=np.float32)})
    lacking = {name: array for name, array in keep(model().members).items() if name != "1.head.bias"}
    with pytest.raises(ValueError, match=r"the weights lack 'head\.bias' and 0 more; train again"):
        revive(TINY, lacking)


def test_an_ensemble_needs_a_network() -> None:
    with pytest.raises(ValueError, match="the model holds no network; train again"):
        Ensemble(members=())


def test_the_parts_of_a_departure_add_up_to_it_and_find_the_input_that_moves_it() -> None:
    both = model()
    panel = bars()
    found = both.departure_parts(panel, "COIN")
    moved = float(both.forecast(panel)["COIN"][-1] - prior(panel["COIN"].close)[-1])
    assert sum(found.values()) == pytest.approx(moved, abs=1e-6)
    assert list(found)[: len(INPUTS)] == list(INPUTS)
    assert abs(found["left by the integration"]) < 1e-3
    assert found == both.departure_parts(panel, "COIN")
    blind = opinionated(TINY, 1)
    with torch.no_grad():
        blind.embed.weight[:, 1:] = 0.0
        blind.gate.weight[:, 1:] = 0.0
    parts = Ensemble(members=(blind,)).departure_parts(panel, "COIN")
    assert abs(parts[INPUTS[0]]) > 1e-3
    assert [parts[name] for name in INPUTS[1:]] == [0.0] * (len(INPUTS) - 1)
    assert both.departure_parts({"YOUNG": panel["YOUNG"].until(panel["YOUNG"].open_time[100])}, "YOUNG") == {}


@pytest.mark.parametrize("rows", [260, 300, 399])
def test_the_terms_of_the_prior_add_up_to_it(rows: int) -> None:
    close = bars()["COIN"].close[:rows]
    assert sum(prior_terms(close).values()) == pytest.approx(prior(close)[-1])
