"""An account on plain days: the arithmetic of the day loop, without a value built for every number.

A plain day has nothing but financing, factors, fills at the open and marks at the close, all in one currency. The
operations are those of `financing`, `settlement`, `paper_fills` and `orders`, in the same order on the same Decimals:
all digits agree. A day on which a held or ordered symbol is delisted is settled by `settle_day`, and one whose decision
is not clear is decided by `decided`.
"""

import gc
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from strategy.account.money import exact, quantised
from strategy.account.orders import OPEN_STATES, Side, Target, order_quantity, too_small
from strategy.account.paper_fills import VOLUME_SHARE, fill_at_open, impact_share
from strategy.account.quotes import UNCHANGED, Quote, QuoteRow, QuotesByDate, quote_row
from strategy.account.state import Entry, EntryKind
from strategy.backtest.clear_days import LEAST_EQUITY, LEAST_HELD, MOST_HELD, ClearDays
from strategy.backtest.day_loop import REPLAY, AccountState, Leg, Replay, opening, settle_day
from strategy.backtest.plain_records import CashEntry, Close, PlainDecision, PlainFill, Plan, PlannedOrder, Records
from strategy.backtest.plain_terms import Accruals, SymbolTerms, symbol_terms
from strategy.backtest.pretrade import PreTradeDays, pretrade_days
from strategy.portfolio.account_config import AccountConfig
from strategy.portfolio.decision import ORDERED, Outcome, decided
from strategy.work_progress import counted

_ZERO, _ONE = Decimal(0), Decimal(1)
#: Share of a bar's volume below which an order that is known by a near value is certainly filled.
_SURE_SHARE = 0.99 * VOLUME_SHARE


def is_plain(config: AccountConfig) -> bool:
    """Return whether the account may be replayed plainly: without sleeves, other currencies and perpetuals."""
    terms = config.terms
    foreign = terms.costs.currencies.base or any(map(terms.perpetual, config.symbols))
    return not (config.strategy.sleeves or foreign)


def replay_plainly(legs: Sequence[Leg], quotes: QuotesByDate, capital: Decimal) -> Replay:
    """Run an account whose legs are all plain; see `replay_legs`."""
    account = PlainAccount(legs[0].config.symbols, opening(legs[0].dates[0], capital))
    collecting = gc.isenabled()
    # Nothing here refers to itself, and the collector would walk all records again and again.
    gc.disable()
    try:
        for leg, row in counted(_rows(legs), REPLAY, sum(len(leg.dates) for leg in legs)):
            if not row:
                account.follow(leg.config, leg.days or pretrade_days(leg.view, leg.dates, leg.config))
            account.advance(row, leg.dates[row], quotes.on(leg.dates[row]))
    finally:
        if collecting:
            gc.enable()
    return account.records.replay()


def _rows(legs: Sequence[Leg]) -> Iterator[tuple[Leg, int]]:
    for leg in legs:
        for row in range(len(leg.dates)):
            yield leg, row


class PlainAccount:
    """An account that is advanced day by day, with the records of its days; its lists are by column of the symbols.

    `units` and `near_marks` are the floats next to quantities and marks. `peaks` holds the unit values of the look-back
    that no later one exceeds, with their rows.
    """

    config: AccountConfig
    days: PreTradeDays
    clear: ClearDays
    terms: list[SymbolTerms]
    accruals: Accruals
    first_over: date

    def __init__(self, symbols: tuple[str, ...], opened: AccountState) -> None:
        self.symbols, self.records, count = symbols, Records(symbols=symbols), len(symbols)
        self.cash = self.equity = opened.account.cash
        self.quantities, self.marks, self.values = [_ZERO] * count, [_ZERO] * count, [_ZERO] * count
        self.units, self.near_marks = [0.0] * count, [0.0] * count
        self.held: list[int] = []
        self.stale: dict[int, date] = {}
        self.open: list[PlannedOrder] = []
        self.peaks: deque[tuple[int, Decimal]] = deque()
        self.first_known = 0

    def follow(self, config: AccountConfig, days: PreTradeDays) -> None:
        """Follow this configuration on these days."""
        self.config, self.days, self.clear = config, days, ClearDays(days, config)
        self.records.legs.append(days)
        self.terms = [symbol_terms(symbol, config.terms) for symbol in self.symbols]
        self.accruals = Accruals(config.terms.costs.financing)
        self.first_over = min(each.over_from for each in self.terms)

    def advance(self, row: int, as_of: date, today: Mapping[str, Quote]) -> None:
        """Settle the day if it is not the first, and decide it; `row` is its row in the days that are followed."""
        quotes = quote_row(today, self.symbols)
        closes = self.records.closes
        if closes and (as_of <= closes[-1].as_of or (as_of >= self.first_over and self._is_over(as_of))):
            self._settle_by_value(as_of, today)
        elif closes:
            self._finance(closes[-1].as_of, as_of)
            self._apply_factors(as_of, quotes)
            if self.open:
                self._fill_orders(as_of, quotes)
            self._mark(quotes)
        self._close(as_of)
        self._plan(row, quotes)

    def _is_over(self, as_of: date) -> bool:
        """Return whether a held or ordered symbol is delisted on the day."""
        columns = (*self.held, *(order.plan.column for order in self.open))
        return any(self.terms[column].over_from <= as_of for column in columns)

    def _finance(self, since: date, as_of: date) -> None:
        """Pay and earn what `financing_entries` gives."""
        long = short = _ZERO
        for column in self.held:
            value = self.values[column]
            if value.is_signed():
                short += value
            else:
                long += value
        short = -short
        accrual = self.accruals.over(since, (as_of - since).days)
        debt, total = max(_ZERO, long - self.equity), Decimal(0)
        borrowed = debt + short if accrual.flat else debt
        moved = [(EntryKind.FINANCING, -_over(accrual.borrow, borrowed))]
        if not accrual.flat:
            own = max(_ZERO, self.equity - long) if self.equity > 0 else _ZERO
            moved += [
                (EntryKind.INTEREST, _over(accrual.cash, own)),
                (EntryKind.SHORT_FEE, -_over(accrual.short, short)),
            ]
        for kind, cash in moved:
            if cash:
                self.records.entries.append(CashEntry(as_of, kind, cash))
                total += cash
        self.cash += total

    def _apply_factors(self, as_of: date, quotes: QuoteRow) -> None:
        """Add the units of splits and reinvested dividends."""
        for column in quotes.changed:
            quote = quotes.quote(column) if self.quantities[column] else None
            if quote is None or quote.factor_change == 1:
                continue
            added = quantised(self.quantities[column] * (quote.factor_change - 1))
            if added:
                self._hold({column: self.quantities[column] + added})
                entry = Entry(
                    as_of=as_of, kind=EntryKind.FACTOR, symbol=self.symbols[column], cash=Decimal(0), quantity=added
                )
                self.records.entries.append(entry)

    def _hold(self, changed: Mapping[int, Decimal]) -> None:
        """Replace quantities; records of earlier days keep their lists."""
        self.quantities = self.quantities.copy()
        for column, quantity in changed.items():
            self.quantities[column] = quantity if quantity else _ZERO
            self.units[column] = float(quantity)
        if any(not quantity or column not in self.held for column, quantity in changed.items()):
            self.held = [column for column, quantity in enumerate(self.quantities) if quantity]
            self.stale = {column: day for column, day in self.stale.items() if self.quantities[column]}

    def _fill_orders(self, as_of: date, quotes: QuoteRow) -> None:
        """Fill the open orders of symbols with a bar."""
        waiting: list[PlannedOrder] = []
        changed: dict[int, Decimal] = {}
        for order in self.open:
            column = order.plan.column
            quote = quotes.quote(column)
            if quote is None:
                waiting.append(order)
                continue
            signed = self._fill(order, quote, as_of)
            changed[column] = changed.get(column, self.quantities[column]) + signed
        self.open = waiting
        if changed:
            self._hold(changed)

    def _fill(self, order: PlannedOrder, quote: Quote, as_of: date) -> Decimal:
        """Fill an order at the open, as `fill_at_open` does, and return the units bought, negative if sold."""
        plan = order.plan
        quantity = quantised(plan.quantity * quote.factor_change)
        whole = quote.volume is None or (quote.factor_change is UNCHANGED and plan.most < _SURE_SHARE * quote.volume)
        if not whole and quote.volume is not None and quantity > VOLUME_SHARE * quote.volume:
            return self._fill_in_part(order, quote, as_of)
        terms, buys = self.terms[plan.column], plan.side is Side.BUY
        if terms.impact:
            slippage = min(terms.slippage + impact_share(terms.impact, quantity, quote), _ONE)
            price = quote.open * (1 + slippage if buys else 1 - slippage)
        else:
            price = quote.open * (terms.buy if buys else terms.sell)
        price = quantised(price)
        charged = quantity * quote.open * terms.fee + quantity * terms.per_share
        fee = quantised(max(charged, terms.min_fee))
        order.filled = True
        self.records.fills.append(PlainFill(order, as_of, quantity, price, fee))
        signed = quantity if buys else -quantity
        self.cash -= quantised(signed * price * _ONE) + fee
        return signed

    def _fill_in_part(self, order: PlannedOrder, quote: Quote, as_of: date) -> Decimal:
        """Fill the part of an order that the bar's volume allows."""
        order.made, fill = fill_at_open(order.value, {order.symbol: quote}, as_of, self.config.terms)
        if fill is None:
            return _ZERO
        self.records.fills.append(fill)
        self.cash -= fill.paid + fill.fee
        return fill.signed_quantity

    def _mark(self, quotes: QuoteRow) -> None:
        """Mark the positions at the closes, and compute the equity."""
        marks, values, total = self.marks.copy(), self.values, _ZERO
        quantities, near_marks, stale = self.quantities, self.near_marks, {}
        closes, near = quotes.closes, quotes.near
        for column in self.held:
            close = closes[column]
            if close is None:
                stale[column] = self.stale.get(column, self.records.closes[-1].as_of)
            else:
                marks[column], near_marks[column] = close, near[column]
                values[column] = quantised(quantities[column] * close)
            total += values[column]
        self.marks, self.stale = marks, stale
        self.equity = self.cash + total

    def _settle_by_value(self, as_of: date, today: Mapping[str, Quote]) -> None:
        """Settle a day that is not plain."""
        closes = self.records.closes
        state = AccountState(
            account=closes[-1].account(self.symbols),
            open_orders=tuple(order.value for order in self.open),
            unit_values=tuple(close.equity for close in closes[self.first_known :]),
            known_peak=self.peaks[0][1],
        )
        day = settle_day(state, today, as_of, self.config)
        account, settled = day.state.account, {order.order_id: order for order in day.settled}
        for order in self.open:
            if settled[order.order_id].state not in OPEN_STATES:
                order.made = settled[order.order_id]
        self.open = [order for order in self.open if order.made is None]
        self.records.fills.extend(day.fills)
        self.records.entries.extend(day.entries)
        self.cash, self.equity = account.cash, account.equity
        self._hold({column: account.quantity(symbol) for column, symbol in enumerate(self.symbols)})
        self.marks, self.stale = self.marks.copy(), {}
        for column in self.held:
            position = account.positions[self.symbols[column]]
            self.marks[column], self.near_marks[column] = position.mark, float(position.mark)
            self.values[column] = position.value
            if position.marked_on is not None and position.marked_on != as_of:
                self.stale[column] = position.marked_on

    def _close(self, as_of: date) -> None:
        """Record the close, with the drawdown from the highest unit value of the look-back."""
        row, equity, peaks = len(self.records.closes), self.equity, self.peaks
        self.first_known = max(self.first_known, row - self.config.sizing.lookback_period + 1)
        while peaks and peaks[-1][1] <= equity:
            peaks.pop()
        peaks.append((row, equity))
        while peaks[0][0] < self.first_known:
            peaks.popleft()
        peak = peaks[0][1]
        drawdown = float(1 - equity / peak) if peak > 0 and len(peaks) > 1 else 0.0
        self.records.closes.append(
            Close(as_of, self.cash, equity, drawdown, self.held, self.quantities, self.marks, self.stale)
        )

    def _plan(self, row: int, quotes: QuoteRow) -> None:
        """Decide the day, and plan its orders as `plan_order` does."""
        near_equity, equity, as_of = float(self.equity), self.equity, self.days.dates[row]
        for column, exposure in enumerate(self._decide(row, near_equity)):
            if exposure is None:
                continue
            mark = quotes.closes[column]
            if mark is None:
                raise KeyError(self.symbols[column])
            held, asked = self.quantities[column], exact(exposure)
            change = quantised(asked * equity / (mark * _ONE)) - held
            if not change:
                continue
            instrument = self.terms[column].instrument
            quantity = order_quantity(change, mark, instrument)
            small = too_small(quantity, quantity * mark, instrument)
            plan = Plan(
                column=column,
                as_of=as_of,
                config=self.config,
                side=Side.BUY if change > 0 else Side.SELL,
                quantity=quantity,
                mark=mark,
                target=Target(instrument=instrument, exposure=asked, mark=mark, held=held) if small else None,
                equity=equity,
                most=abs(exposure * near_equity / quotes.near[column]) + abs(self.units[column]),
            )
            order = PlannedOrder(plan)
            self.records.orders.append(order)
            if not small:
                self.open.append(order)

    def _decide(self, row: int, near_equity: float) -> Sequence[float | None]:
        """Record the decision of the day; return the exposures to trade to, None where nothing is traded."""
        closes = self.records.closes
        previous = closes[-2].as_of if len(closes) > 1 else None
        outcome = self._clear_outcome(row, near_equity, previous)
        if outcome is not None:
            self.records.decisions.append(PlainDecision(self.days, row, outcome, self.config))
            return outcome.exposures
        decisions = decided(self.days.view(row), closes[-1].snapshot(self.symbols, previous), self.config)
        self.records.decisions.append(decisions)
        return [each.exposure if each.status in ORDERED else None for each in decisions]

    def _clear_outcome(self, row: int, near_equity: float, previous: date | None) -> Outcome | None:
        """Return what comes of the day's targets, if that is clear."""
        if near_equity < LEAST_EQUITY:
            return None
        held = [0.0] * len(self.symbols)
        for column in self.held:
            held[column] = now = self.units[column] * self.near_marks[column] / near_equity
            if not LEAST_HELD < abs(now) < MOST_HELD:
                return None
        return self.clear.outcome(row, held, self.records.closes[-1].drawdown, previous)


def _over(rate: Decimal, held: Decimal) -> Decimal:
    return quantised(rate * held) if rate and held else _ZERO
