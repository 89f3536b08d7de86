"""Fees per share and market impact of the compiled account: what they read of the bars, and what they come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from strategy.account.fees_and_slippage import Costs
from strategy.kernel.forward_pass import Charges
from strategy.market.bars import Bars, FloatArray
from strategy.market.instruments import Instrument
from strategy.market.panel import Panel
from strategy.signals.rolling import volatility_before


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FillBars:
    """What fees per share and impact read of the bars at whose open orders fill, (T, S); 0 on dates without a bar.

    `factor` is the raw units of an adjusted one. With the root of an order's adjusted units, over accounts that start
    with 1, `strain` gives the part of the open that is lost at an impact of 1: σ · √(units / volume), where σ is the
    daily volatility up to the bar before. It is 0 where volume or σ is not known. `capital` is the money that 1 stands
    for; None: not known.
    """

    factor: FloatArray
    strain: FloatArray
    capital: Decimal | None

    def since(self, rows: slice) -> "FillBars":
        """Return them on some dates."""
        return FillBars(factor=self.factor[rows], strain=self.strain[rows], capital=self.capital)

    def of_accounts(self, rows: NDArray[np.int64]) -> "FillBars":
        """Return them with arrays (T, S, N), for accounts whose dates are the rows (T, N)."""
        factor, strain = (np.moveaxis(values[rows], 2, 1) for values in (self.factor, self.strain))
        return FillBars(factor=factor, strain=strain, capital=self.capital)

    @property
    def lanes(self) -> "FillBars":
        """Return them with arrays (T, S, 1), for any number of accounts on the same dates."""
        return FillBars(factor=self.factor[:, :, None], strain=self.strain[:, :, None], capital=self.capital)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderCosts:
    """Costs of orders in S symbols of N accounts, (S, N): the fee per share in money, impact, and slippage."""

    per_share: FloatArray
    impact: FloatArray
    slippage: FloatArray

    @property
    def none(self) -> bool:
        """Return whether there is neither a fee per share nor an impact."""
        return not (self.per_share.any() or self.impact.any())

    def times(self, multiplier: float) -> "OrderCosts":
        """Return the costs times a number."""
        return OrderCosts(
            per_share=multiplier * self.per_share,
            impact=multiplier * self.impact,
            slippage=multiplier * self.slippage,
        )


def fill_bars(panel: Panel, ordered: Sequence[Bars], capital: Decimal | None) -> FillBars:
    """Return what is read of the bars of the panel's symbols, in their order, for accounts of this capital."""
    known = [volatility_before(bars.adjusted_close) for bars in ordered]
    scale = 1.0 if capital is None else float(capital)
    factor = panel.at_sessions(bars.factor for bars in ordered)
    strain = panel.at_sessions(
        _strain(volatility, bars.factor * scale, bars.volume) for volatility, bars in zip(known, ordered, strict=True)
    )
    return FillBars(factor=np.nan_to_num(factor), strain=np.nan_to_num(strain), capital=capital)


def _strain(volatility: FloatArray, units: FloatArray, volume: FloatArray) -> FloatArray:
    """Return σ · √(units / volume), (T,); 0 where there is no volume, or too few bars for σ."""
    known = (volume > 0.0) & np.isfinite(volatility)
    share = np.divide(units, volume, out=np.zeros_like(volume), where=known)
    return np.where(known, volatility, 0.0) * np.sqrt(share)


def order_costs(costs: Sequence[Costs], instruments: Sequence[Instrument]) -> OrderCosts:
    """Return what orders in these instruments cost at each of the costs."""
    return OrderCosts(
        per_share=np.array([[float(each.per_share(one)) for each in costs] for one in instruments]),
        impact=np.array([[float(each.impact(one)) for each in costs] for one in instruments]),
        slippage=np.array([[float(each.slippage(one)) for each in costs] for one in instruments]),
    )


def charges(bars: FillBars, costs: OrderCosts) -> Charges | None:
    """Return the charges of orders on bars of arrays (T, S, N), or (T, S, 1) for all accounts; None if there are none.

    Raises ValueError for an impact on bars of an unknown capital: it grows with the money that is traded.
    """
    if costs.none:
        return None
    if bars.capital is None and costs.impact.any():
        raise ValueError("market impact is stated, and the account's capital is not; give the capital too")
    per_unit, impact = costs.per_share * bars.factor, costs.impact * bars.strain
    # An order sold into a market without buyers still gets nothing, rather than paying.
    return Charges(per_unit=per_unit, impact=impact, most=np.broadcast_to(1.0 - costs.slippage, per_unit.shape[1:]))


def demand_right(given: Charges, shape: tuple[int, ...]) -> None:
    """Raise ValueError for charges that do not fit closes of this shape (T, S, N), or are out of range."""
    for name, values in given._asdict().items():
        fitting = shape[1:] if name == "most" else shape
        if values.shape != fitting:
            raise ValueError(f"charges.{name} has shape {values.shape}; beside these closes it must be {fitting}")
        right = (values >= 0) & ((values <= 1) if name == "most" else np.isfinite(values))
        if not right.all():
            at = tuple(map(int, np.unravel_index(int(np.argmin(right)), right.shape)))
            limit = "between 0 and 1" if name == "most" else "finite and at least 0"
            raise ValueError(f"charges.{name} is {values[at]} at {at}; it must be {limit}")
