"""Panel of a model: the source, the symbols and the strategy for which it is trained, promoted and read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Symbols of a source, and the strategy that trades them; models of other panels never decide for it."""

    source: str
    symbols: tuple[str, ...]
    strategy: str

    @property
    def key(self) -> list[str]:
        """Return source, symbols and strategy as the store writes them."""
        return [self.source, as_json(self.symbols), self.strategy]


def as_json(symbols: Sequence[str]) -> str:
    """Return a set of symbols as the store writes it.

    >>> as_json(("B", "A"))
    '["A", "B"]'
    """
    return json.dumps(sorted(symbols))
