"""Returns of an account on which a model is judged."""

from dataclasses import dataclass

from strategy.evaluation.sharpe import sharpe
from strategy.market.bars import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Returns:
    """Net returns of an account, (D,), the calendar days of each, (D,), and its account days per year."""

    net: FloatArray
    days: FloatArray
    days_per_year: int

    @property
    def sharpe(self) -> float:
        """Return the annualised Sharpe ratio; 0 for an account that never moves."""
        return sharpe(self.net, self.days_per_year) or 0.0
