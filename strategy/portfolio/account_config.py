"""How an account is to be run: its strategy, symbols, sizing, limits and terms."""

from dataclasses import dataclass

from strategy.account.settlement import TradingTerms
from strategy.portfolio.risk import RiskLimits
from strategy.portfolio.sizing import SizingParams
from strategy.signals.outlook import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """How an account is to be run: by which strategy and limits, on which symbols (sorted), on what terms."""

    strategy: Strategy
    symbols: tuple[str, ...]
    sizing: SizingParams
    limits: RiskLimits
    terms: TradingTerms

    def __post_init__(self) -> None:
        if not self.symbols or tuple(sorted(set(self.symbols))) != self.symbols:
            raise ValueError(f"symbols are {self.symbols}; they must be sorted, distinct and at least one")
        unknown = [symbol for symbol in self.symbols if symbol not in self.terms.instruments]
        if unknown:
            raise ValueError(f"no instrument is known for {', '.join(unknown)}")
