"""Importance of the inputs of networks: the Sharpe ratio that is lost on the gate's dates where one is shuffled."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from strategy.market.bars import FloatArray
from strategy.networks.transformer import Network
from strategy.signals.features import FEATURES
from strategy.training.rollout import departures, net_returns
from strategy.training.trainer import Importance, InputImportance
from strategy.training.training_panel import TrainingPanel
from strategy.training.windows import SplitRule
from strategy.work_progress import WorkName, counted

#: Rows that stay together when they are shuffled, a month: within it an input keeps its course.
BLOCK_ROWS = 21
#: Times that every input is shuffled, with up to so many symbols and with more: the work grows with their number.
REPEATS, FEW_SYMBOLS, LEAST_REPEATS = 5, 10, 2
#: Shuffled inputs whose effect is measured.
MEASURING = WorkName(name="Importance of inputs", unit="shuffles")


def importance(
    networks: Sequence[Network], panel: TrainingPanel, span: range, rule: SplitRule, seed: int
) -> Importance:
    """Return the permutation importance of each input on the decisions of the span.

    An input is shuffled in whole blocks of BLOCK_ROWS rows, over all rows that the networks see of the span: its values
    and their course within a month stay as they are, and only their time is wrong. A symbol's own input and that of the
    market, which is made of it, are shuffled alike, or one would tell what the other hides. See Breiman (2001), Random
    Forests, and Fisher, Rudin and Dominici (2019), whose model reliance this is, measured as a difference. Windows end
    every half context, so the Sharpe ratio with all inputs differs a little from the one that the gate judged.
    """
    stride = rule.scored_bars
    whole = departures(networks, panel, span, rule, stride)
    base = net_returns(whole, panel, span).sharpe
    if not whole.any():
        # The networks trade exactly the prior, whatever they read.
        return Importance(sharpe=base, repeats=0, block_rows=BLOCK_ROWS, inputs=())
    repeats = REPEATS if len(panel.inputs) <= FEW_SYMBOLS else LEAST_REPEATS
    tried = [(column, repeat) for column in range(len(FEATURES)) for repeat in range(repeats)]
    lost, moved = np.zeros((2, len(FEATURES), repeats))
    for column, repeat in counted(tried, MEASURING, len(tried)):
        draw = np.random.default_rng([seed, column, repeat])
        other = departures(networks, _shuffled(panel, span, rule, (column, draw)), span, rule, stride)
        lost[column, repeat] = base - net_returns(other, panel, span).sharpe
        moved[column, repeat] = np.abs(other - whole).mean()
    found = [_measured(name, lost[column], moved[column]) for column, name in enumerate(FEATURES)]
    ordered = tuple(sorted(found, key=lambda one: (-one.lost, one.name)))
    return Importance(sharpe=base, repeats=repeats, block_rows=BLOCK_ROWS, inputs=ordered)


def _measured(name: str, lost: FloatArray, moved: FloatArray) -> InputImportance:
    return InputImportance(
        name=name, lost=float(lost.mean()), spread=float(lost.std(ddof=1)), moved=float(moved.mean())
    )


def _shuffled(panel: TrainingPanel, span: range, rule: SplitRule, of: tuple[int, Generator]) -> TrainingPanel:
    """Return the panel with one feature, own and of the market, in another order on the rows seen of the span."""
    column, draw = of
    columns = [column, column + len(FEATURES)]
    seed = int(draw.integers(2**63))
    inputs = []
    for symbol, rows in enumerate(panel.inputs):
        seen = panel.dates.row[[span.start, span.stop - 1], symbol]
        first = max(0, int(seen[0]) - rule.context_bars + 1)
        last = int(seen[1]) + 1
        changed = rows.copy()
        if last > first:
            # Symbols with the same rows are shuffled alike, so that they still share their market.
            order = first + blocks(last - first, np.random.default_rng(seed))
            changed[first:last, columns] = rows[order][:, columns]
        inputs.append(changed)
    return replace(panel, inputs=tuple(inputs))


def blocks(rows: int, draw: Generator) -> NDArray[np.int64]:
    """Return the row numbers in whole blocks of BLOCK_ROWS that are in another order; the last one may be shorter.

    >>> sorted(blocks(50, np.random.default_rng(0)).tolist()) == list(range(50))
    True
    """
    starts = draw.permutation(np.arange(0, rows, BLOCK_ROWS))
    return np.concatenate([np.arange(start, min(start + BLOCK_ROWS, rows)) for start in starts])
