"""What fills cost at a broker, against the account's terms: told once it is too much, by what the exchange charged."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from storage.accounts import expectations as expectation_store
from storage.database import connect
from strategy.drift.cost import FEWEST_DAYS
from strategy.drift.looks import Check
from tasks.daily.drift import DriftCheckAnswer, drift_sentences, look_at
from testing.markets.bars import record
from testing.simulation.calm_days import Calm
from testing.simulation.year import FIRST

#: Account days within which the account fills on more than FEWEST_DAYS days.
DAYS = 18


class Spread(Calm):
    """A year at whose exchange half the spread is this share of the price."""

    half_spread = Decimal(0)

    def _quote(self, day: date) -> None:
        for listing in self.source.listings:
            frame = record(listing)
            opened = frame.loc[frame["open_time"] == str(day + timedelta(days=1)), "open"].iloc[0]
            price = round(Decimal(float(opened)), 1)
            self.testnet.exchange.quote(listing.symbol, price, half_spread=round(price * self.half_spread, 2))

    def lived_and_looked(self, first: int) -> DriftCheckAnswer:
        """The cost check after so many more days; the first one freezes what is expected."""
        for day in (FIRST + timedelta(days=number) for number in range(first, first + DAYS)):
            self.lived_on(day)
            if day == FIRST:
                look_at(self._job(day), None)
        found = look_at(self._job(day), None)
        assert found is not None
        self.said = drift_sentences(found, "daily")
        return next(check for check in found.checks if check.check is Check.COST)


@pytest.fixture(params=["testnet-spot", "testnet-futures"])
def year(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Spread]:
    with Spread(3, tmp_path / "home", request.param).open() as made:
        yield made


def test_fills_as_dear_as_the_terms_say_are_no_concern_and_dearer_ones_are(year: Spread) -> None:
    year.half_spread = Decimal("0.0005")
    modelled = year.lived_and_looked(0)
    with connect(year.home) as store:
        paid = expectation_store.slippages(store, "daily", FIRST, FIRST + timedelta(days=DAYS))
    assert len(paid) > FEWEST_DAYS
    # The exchange's prices have ticks, by which they miss the opens of the bars.
    assert sum(day.realised for day in paid) == pytest.approx(sum(day.modelled for day in paid), rel=0.25)
    assert modelled.newest is not None
    assert (modelled.left, year.said) == (None, ())
    year.half_spread = Decimal("0.004")
    dearer = year.lived_and_looked(DAYS)
    assert dearer.left is not None
    assert dearer.left.on > FIRST + timedelta(days=DAYS)
    assert dearer.left.value > dearer.left.high
    assert year.said[0].startswith(f"fills have cost more than modelled since {dearer.left.on}: the evidence is ")
    assert "correct the slippage of the account" in year.said[0]
