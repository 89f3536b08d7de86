"""A commented strategy file to start from, with its test."""

from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from re import fullmatch, sub

from strategy.exit_codes import UsageError
from strategy.signals.strategies import NAME_PATTERN
from tasks.run.answers import Answer
from tasks.strategies.catalogue import taken_names

_STRATEGY = '''"""{name}: long above its moving average, short below. Replace this by your own idea."""

from dataclasses import dataclass

import numpy as np

from turbodmt import Strategy


@dataclass(frozen=True)
class Parameters:
    """What `--set bars=50` and a grid may change; every value tried counts as a trial."""

    bars: int = 100


def signal(bars, parameters):
    """Return a value in [-1, 1] for every bar of one symbol; NaN until it knows.

    bars.open_time, open, high, low, close, volume and factor are arrays of one symbol, oldest first; raw prices times
    the factor are adjusted for splits and dividends. Row t may use rows up to t, and no more than `history_bars` of
    them: an audit recomputes values from exactly those rows, and refuses a strategy that gives others.
    """
    close = bars.close * bars.factor
    out = np.full(len(close), np.nan)
    if len(close) >= parameters.bars:
        mean = np.convolve(close, np.ones(parameters.bars) / parameters.bars, "valid")
        out[parameters.bars - 1 :] = np.sign(close[parameters.bars - 1 :] - mean)
    return out


# Numbers of the user's own in a file beside its bars are bars.columns["eps"] once they are declared, each with the days
# after its date at which it is known: Strategy(..., columns={{"eps": Lag(days=45)}}), with Lag from turbodmt.
# sizing: "volatility" scales the signal to the target volatility, "full" adds the neutral zone, the regime and drawdown
# control, "once" buys once, and with "direct" the signal is the exposure itself, a fraction of equity.
strategy = Strategy(
    name="{name}", signal=signal, history_bars=250, sizing="volatility", parameters=Parameters()
)
'''

_TEST = '''"""Tests of {name}: run them with `pytest {test}`."""

from types import SimpleNamespace

import numpy as np
from {module} import strategy


def bars(close):
    return SimpleNamespace(close=np.array(close), factor=np.ones(len(close)))


def test_it_follows_a_trend():
    rising = bars(np.linspace(10.0, 20.0, 300))
    assert strategy.values(rising)[-1] == 1.0
    falling = bars(np.linspace(20.0, 10.0, 300))
    assert strategy.values(falling)[-1] == -1.0


def test_it_needs_no_more_than_its_history():
    close = np.random.default_rng(1).uniform(10.0, 20.0, 600)
    assert strategy.values(bars(close))[-1] == strategy.values(bars(close[-strategy.history_bars :]))[-1]
'''


class NewStrategyAnswer(Answer):
    """The answer of `turbodmt strategies new`: the files written."""

    name: str
    files: tuple[str, ...]


def write_template(name: str, folder: Path) -> NewStrategyAnswer:
    """Write NAME.py and its test into the folder. Raises UsageError for a name that is taken or a file that exists."""
    if not fullmatch(NAME_PATTERN, name):
        raise UsageError(
            f"NAME is {name!r}; it must be up to 64 lower-case letters, digits and dashes, a dash not first"
            + _close(name)
        )
    if name in taken_names():
        raise UsageError(f"NAME is {name!r}, a strategy that exists already; choose another")
    module = _module(name, folder)
    test = f"test_{module}.py"
    content = {
        f"{module}.py": _STRATEGY.format(name=name),
        test: _TEST.format(name=name, test=test, module=module),
    }
    for file in content:
        if (folder / file).exists():
            raise UsageError(f"{folder / file} exists already; choose another name or folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in content.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}; name another --folder") from error
    return NewStrategyAnswer(name=name, files=tuple(str(folder / file) for file in content))


def _module(name: str, folder: Path) -> str:
    """Return the name of the strategy's file, without its ending: one that its test can import.

    A name that is no identifier, is a word of Python, or is that of another module that would be imported in its place,
    such as `signal`, has `strategy_` before it.
    """
    module = name.replace("-", "_")
    if not module.isidentifier() or iskeyword(module):
        return f"strategy_{module}"
    known = find_spec(module)
    # A file of the folder is refused by its own sentence.
    ours = known is not None and known.origin is not None and Path(known.origin).parent == folder.resolve()
    return module if known is None or ours else f"strategy_{module}"


def _close(name: str) -> str:
    """Return a proposal of an allowed name, or nothing if none is left of the letters."""
    near = sub("[^a-z0-9]+", "-", name.lower())[:64].strip("-")
    return f"; {near} would do" if near else ""
