"""Faults of a user's strategy: the rule that it broke, and where."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from strategy.exit_codes import Exit


class Check(StrEnum):
    """Rules that a strategy must obey."""

    RAISES = "raises"
    LENGTH = "length"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    WRITES_INPUT = "writes_input"
    #: Two calls on the same bars differ: a clock, a random number, or state that is kept between calls.
    UNSTABLE = "unstable"
    #: The whole history gives another value than the `history_bars` rows that end at the row.
    WINDOW = "window"
    LOOKS_AHEAD = "looks_ahead"
    #: The values of one symbol depend on other symbols, or those of a panel on the order of its symbols.
    OTHER_SYMBOLS = "other_symbols"
    #: Reads a clock, a file, the network, or starts a process.
    OUTSIDE_WORLD = "outside_world"
    TOO_SLOW = "too_slow"
    #: The file cannot be loaded, or does not define a strategy.
    NOT_LOADABLE = "not_loadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One broken rule: in words, with the file and line, symbol and date where known."""

    check: Check
    message: str
    symbol: str = ""
    day: date | None = None


class StrategyRefused(ValueError):
    """A strategy that breaks a rule (exit 2): one sentence, and the fault behind it."""

    exit_code = Exit.USAGE

    def __init__(self, strategy: str, fault: Fault) -> None:
        where = " ".join(part for part in (fault.symbol, str(fault.day or "")) if part)
        super().__init__(
            f"strategy {strategy} is refused ({fault.check}): {where}{': ' if where else ''}{fault.message}"
        )
        self.strategy, self.fault = strategy, fault

    @property
    def details(self) -> dict[str, str | None]:
        """Return what a program reads of the refusal: its code, the check, the symbol and the date."""
        day = self.fault.day
        return {
            "code": "strategy_refused",
            "check": str(self.fault.check),
            "symbol": self.fault.symbol or None,
            "date": day.isoformat() if day else None,
        }


class CallFailed(Exception):
    """A call of a strategy that failed; its evaluation adds symbol and date."""

    def __init__(self, check: Check, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(check=check, message=message)

    def at(self, symbol: str, day: date | None) -> Fault:
        """Return the fault with symbol and date."""
        return replace(self.fault, symbol=symbol, day=day)
