"""Panel of a model: the source, the symbols and the version of a strategy for which it is trained and promoted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

#: The condition that a row is of a panel, for the values of `Panel.key`.
OF_PANEL = "source = ? AND symbols = ? AND strategy = ? AND strategy_sha256 IS NOT DISTINCT FROM ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Symbols of a source, and the strategy that trades them; models of other panels never decide for it.

    `strategy_sha256` is the version of a strategy of the user's own, None for one that is built in.
    """

    source: str
    symbols: tuple[str, ...]
    strategy: str
    strategy_sha256: str | None = None

    @property
    def key(self) -> list[str | None]:
        """Return source, symbols, strategy and its version as the store writes them."""
        return [self.source, as_json(self.symbols), self.strategy, self.strategy_sha256]


def as_json(symbols: Sequence[str]) -> str:
    """Return a set of symbols as the store writes it.

    >>> as_json(("B", "A"))
    '["A", "B"]'
    """
    return json.dumps(sorted(symbols))
