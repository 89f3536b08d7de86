"""The account as a plain torch loop over rows, with which the compiled one is compared: value, gradient and speed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from strategy.kernel.forward_pass import Charges
from strategy.kernel.simulate import AccountMarket
from strategy.portfolio.rebalancing import CAP_ROUNDING
from strategy.portfolio.sizing import SizingParams


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Position:
    """What is held of each symbol, (S, N), its mark, and whether its target is followed."""

    held: Tensor
    mark: Tensor
    followed: Tensor


def scanned(target: Tensor, market: AccountMarket, params: SizingParams) -> Tensor:
    """Equity (T, N) of cash and units, by autograd; at kinks the sides that `account` documents."""
    opens, closes = torch.from_numpy(market.open), torch.from_numpy(market.close)
    session, tradable = ~torch.isnan(closes), torch.from_numpy(market.tradable)
    days, cost = torch.from_numpy(market.days), torch.from_numpy(market.cost)
    borrow, idle, lent = (torch.from_numpy(getattr(market.rates, name)) for name in ("borrow", "cash", "short"))
    slope = (1.0 - params.drawdown_floor) / (params.drawdown_full - params.drawdown_start)
    mark = held = wanted = torch.zeros_like(closes[0])
    cash = torch.ones_like(closes[0, 0])
    peak = 1.0 / (1.0 - torch.from_numpy(market.drawdown))
    before = [peak]
    # Unbound once: indexing row by row would allocate a gradient of the whole target for each row.
    for t, row in enumerate(target.unbind(0)):
        if t > 0:
            equity = before[-1]
            value = held * mark
            long = torch.where(value >= 0, value, 0.0).sum(0)
            short = -torch.where(value < 0, value, 0.0).sum(0)
            debt, own = torch.where(long > equity, long - equity, 0.0), torch.where(long > equity, 0.0, equity - long)
            cash = cash - days[t] / 365.0 * (borrow[t - 1] * debt + lent[t - 1] * short - idle[t - 1] * own)
            trade = torch.where(session[t], wanted - held, 0.0)
            notional = trade * torch.where(session[t], opens[t], 0.0)
            paid = cost * torch.where(trade >= 0, notional, -notional)
            if market.charges is not None:
                paid = paid + charged(trade, torch.where(session[t], opens[t], 0.0), market.charges, t)
            cash = cash - (notional + paid).sum(0)
            held = torch.where(session[t], wanted, held)
        mark = torch.where(session[t], closes[t], mark)
        equity = cash + (held * mark).sum(0)
        before.append(equity)
        # While the look-back reaches the beginning, what it shows is the peak so far.
        seen = [peak, equity] if len(before) <= params.lookback_period else before[-params.lookback_period :]
        peak = latest_peak(seen)
        drawdown = 1.0 - equity / peak
        inside = (drawdown > params.drawdown_start) & (drawdown < params.drawdown_full)
        flat = torch.where(drawdown >= params.drawdown_full, params.drawdown_floor, 1.0).to(drawdown.dtype)
        multiplier = torch.where(inside, 1.0 - slope * (drawdown - params.drawdown_start), flat)
        budget = torch.where(equity > 0, multiplier * equity, 0.0)
        followed = session[t] & tradable[t]
        full = torch.where(followed, row, 0.0) * budget / torch.where(followed, closes[t], 1.0)
        if params.rebalance_band:
            full = within_band(full, Position(held=held, mark=mark, followed=followed), equity, params)
        wanted = torch.where(followed, full, wanted)
    return torch.stack(before[1:])


def charged(trade: Tensor, opens: Tensor, charges: Charges, t: int) -> Tensor:
    """What the orders (S, N) filled at row t cost in fees per unit and impact."""
    per_unit, impact, most = (torch.from_numpy(each) for each in (charges.per_unit[t], charges.impact[t], charges.most))
    units = torch.where(trade >= 0, trade, -trade)
    lost = torch.where(impact * units.detach().sqrt() < most, impact * units**1.5, most * units)
    return per_unit * units + opens * lost


def within_band(full: Tensor, position: Position, equity: Tensor, params: SizingParams) -> Tensor:
    """The quantities (S, N) to trade to within the rebalance band; a position at an edge of it is kept."""
    held, mark = position.held, position.mark
    half = params.rebalance_band * equity / torch.where(mark > 0, mark, 1.0)
    edge = torch.where(held < full - half, full - half, torch.where(held > full + half, full + half, held))
    sought = torch.where((full != 0) & (full * held >= 0), edge, full)
    gross = (torch.where(position.followed, sought, held).abs() * mark).sum(0)
    above = (gross > params.max_position_size * (1.0 + CAP_ROUNDING) * equity) & (sought.abs() > full.abs())
    return torch.where(above, full, sought)


def latest_peak(equities: list[Tensor]) -> Tensor:
    """The highest of the equities, and of equal ones the last, which alone receives the gradient."""
    peak = equities[0]
    for equity in equities[1:]:
        peak = torch.where(equity >= peak, equity, peak)
    return peak
