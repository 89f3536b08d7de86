import numpy as np

from strategy.market.instruments import Calendar
from tasks.validation.volume_measures import LEAST_MONEY, VOLUME_CHECKS, money_traded


def test_volumes_in_millions_are_told_on_the_newest_bar() -> None:
    volume, close = np.full(80, 85.25), np.full(80, 100.0)
    found = money_traded(volume, close, 30, Calendar.XNYS)
    assert (found[-1], np.isnan(found[:-1]).all()) == (8_525.0, True)
    assert found[-1] < LEAST_MONEY <= money_traded(volume * 1e6, close, 30, Calendar.XNYS)[-1]
    whole = money_traded(np.full(150, 85.25), np.full(150, 100.0), 150, Calendar.XNYS)
    assert np.flatnonzero(~np.isnan(whole)).tolist() == [23, 86, 149]
    told = VOLUME_CHECKS[0].value.format(money_traded=found[-1], volume=volume[-1])
    assert told == "volume × close 8,525 a day, volume 85.25"


def test_coins_and_series_without_volumes_are_not_judged() -> None:
    volume, close = np.full(80, 85.25), np.full(80, 100.0)
    assert np.isnan(money_traded(volume, close, 30, Calendar.ALWAYS)).all()
    assert np.isnan(money_traded(np.full(80, np.nan), close, 30, Calendar.XNYS)).all()
    assert np.isnan(money_traded(volume[:19], close[:19], 19, Calendar.XNYS)).all()
