"""Configuration of an account: its strategy, symbols, sizing, limits and trading terms."""

from dataclasses import dataclass, replace
from decimal import Decimal

from strategy.account.trading_terms import TradingTerms
from strategy.portfolio.rebalancing import Frequency
from strategy.portfolio.risk_limits import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.har import VolatilityEstimator
from strategy.signals.strategies import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """Configuration of an account: strategy, symbols (sorted), sizing, risk limits and trading terms.

    `capital` is what accounts that are trained and judged on start with, whose orders move the price; None: not known.

    Raises ValueError if the symbols are not sorted and distinct, or if one of them has no instrument.
    """

    strategy: Strategy
    symbols: tuple[str, ...]
    sizing: SizingParams
    limits: RiskLimits
    terms: TradingTerms
    capital: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.symbols or tuple(sorted(set(self.symbols))) != self.symbols:
            raise ValueError(f"symbols are {self.symbols}; they must be sorted, distinct and at least one")
        unknown = [symbol for symbol in self.symbols if symbol not in self.terms.instruments]
        if unknown:
            raise ValueError(f"no instrument is known for {', '.join(unknown)}")

    @property
    def at_once(self) -> "AccountConfig":
        """Return the configuration of a halted account: every target is sought on every date, without a band."""
        sizing = replace(self.sizing, rebalance_band=0.0, rebalance_every=Frequency.DAILY)
        return replace(self, sizing=sizing)

    @property
    def estimator(self) -> VolatilityEstimator:
        """Return the estimator of the volatilities that it is sized by; EWMA for a strategy sized without them."""
        return self.sizing.estimator_for(self.strategy)
