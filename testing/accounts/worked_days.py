"""Two worked accounts of two days each, one leveraged, one short, to the last digit: `docs/method.md` prints them.

The exact account, the compiled one and the paper broker are tested against these literals.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from strategy.account.interest_rates import FinancingTerms, RateSeries
from strategy.account.state import Account, Position

D = Decimal
FRIDAY, MONDAY, TUESDAY = date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7)
#: 4 % a year until Sunday, 2 % from Monday on.
RATES = RateSeries(name="worked", dates=(date(2020, 1, 1), MONDAY), rates=(D("0.04"), D("0.02")))
#: Borrowing costs 1.5 % more than the rate, cash earns 0.5 % less, short positions cost 0.5 %.
TERMS = FinancingTerms(
    rates=RATES, risk_free=RATES, borrow_spread=D("0.015"), cash_spread=D("0.005"), short_fee=D("0.005")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedDay:
    """A settled day: its close, what was paid (negative) or earned, and what the account comes to.

    `excess` is the day's return less the rate of the day before over the calendar days between.
    """

    day: date
    close: Decimal
    financing: Decimal
    interest: Decimal
    short_fee: Decimal
    cash: Decimal
    equity: Decimal
    excess: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkedAccount:
    """An account that holds `quantity` shares of one symbol at a mark of 100 on Friday, and its two days after."""

    quantity: Decimal
    cash: Decimal
    days: tuple[WorkedDay, ...]

    def opened(self, symbol: str) -> Account:
        """The account on Friday, with its shares under this symbol."""
        held = Position(quantity=self.quantity, mark=D(100), marked_on=FRIDAY)
        return Account(as_of=FRIDAY, cash=self.cash, positions={symbol: held})


LEVERAGED = WorkedAccount(
    quantity=D(150),
    cash=D(-5000),
    days=(
        WorkedDay(
            day=MONDAY,
            close=D(101),
            financing=D("-2.260273972603"),
            interest=D(0),
            short_fee=D(0),
            cash=D("-5002.260273972603"),
            equity=D("10147.739726027397"),
            excess=0.014445205479452029,
        ),
        WorkedDay(
            day=TUESDAY,
            close=D(99),
            financing=D("-0.479668793395"),
            interest=D(0),
            short_fee=D(0),
            cash=D("-5002.739942765998"),
            equity=D("9847.260057234002"),
            excess=-0.029665296652634631,
        ),
    ),
)
SHORT = WorkedAccount(
    quantity=D(-50),
    cash=D(15000),
    days=(
        WorkedDay(
            day=MONDAY,
            close=D(101),
            financing=D(0),
            interest=D("2.876712328767"),
            short_fee=D("-0.205479452055"),
            cash=D("15002.671232876712"),
            equity=D("9952.671232876712"),
            excess=-0.005061643835616471,
        ),
        WorkedDay(
            day=TUESDAY,
            close=D(99),
            financing=D(0),
            interest=D("0.409013886283"),
            short_fee=D("-0.069178082192"),
            cash=D("15003.011068680803"),
            equity=D("10053.011068680803"),
            excess=0.010026904498368493,
        ),
    ),
)
