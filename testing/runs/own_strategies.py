"""Strategy files of a user, as text, and the strategies in them."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Any

from strategy.signals.strategies import Strategy
from tasks.strategies.catalogue import of_file

TREND = """
import numpy as np
from turbodmt import Strategy


def signal(bars):
    close = bars.close * bars.factor
    mean = np.convolve(close, np.ones(20) / 20, "valid")
    out = np.full(len(close), np.nan)
    out[19:] = np.sign(close[19:] - mean)
    return out


strategy = Strategy(name="trend", signal=signal, history_bars=20, sizing="volatility")
"""
#: The same signal, other bytes.
TREND_AGAIN = TREND.replace("np.ones(20) / 20", "np.ones(20) / 20.0")
#: The sign of tomorrow's change.
PEEKS = TREND.replace("np.sign(close[19:] - mean)", "np.sign(np.append(np.diff(close[19:]), 0.0))")
#: Its signal depends on parameters.
SPEEDS = """
from dataclasses import dataclass

import numpy as np
from turbodmt import Strategy


@dataclass(frozen=True)
class Speeds:
    bars: int = 20
    size: float = 1.0


def signal(bars, parameters):
    out = np.full(len(bars.close), np.nan)
    out[parameters.bars :] = parameters.size * np.sign(bars.close[parameters.bars :] - bars.close[: -parameters.bars])
    return out


strategy = Strategy(name="speeds", signal=signal, history_bars=60, sizing="direct", parameters=Speeds())
"""

#: A column of the file's own, as published 45 days after its date, is the exposure.
EARNINGS = """
import numpy as np
from turbodmt import Lag, Strategy


def signal(bars):
    return np.clip(bars.columns["eps"], -1.0, 1.0)


strategy = Strategy(name="earnings", signal=signal, history_bars=5, sizing="direct", columns={"eps": Lag(days=45)})
"""


def a_file(folder: Path, text: str = TREND, name: str = "trend.py") -> str:
    """Write the text into a file of the folder and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def a_strategy(folder: Path, text: str = TREND, **parameters: str) -> Strategy:
    """Return the strategy that the text defines, from a file of the folder."""
    return of_file(a_file(folder, text), parameters)


def made_here(text: str = TREND) -> Strategy:
    """Return the strategy that the text defines, made in this process as in a notebook."""
    names: dict[str, Any] = {}
    exec(text, names)
    strategy: Strategy = names["strategy"]
    return strategy


def fails_on(symbol: str, close: float, text: str = TREND) -> str:
    """Return the text of a strategy that raises where the symbol's newest close is this."""
    check = f"if bars.symbol == {symbol!r} and bars.close[-1] == {close!r}:\n        raise ValueError('odd')\n    "
    return text.replace("    close = bars.close", f"    {check}close = bars.close", 1)


def install(site: Path, text: str, version: str, *, package: str = "trend_pack", name: str = "trend-pack") -> None:
    """Install a package that offers the text's strategy under the name, as pip leaves it in a folder of packages.

    Another version of the package is replaced.
    """
    for old in site.glob(f"{package}*"):
        rmtree(old)
    info = f"{package}-{version}.dist-info"
    files = {
        f"{package}/__init__.py": "",
        f"{package}/rule.py": text,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/entry_points.txt": f"[turbodmt.strategies]\n{name} = {package}.rule:strategy\n",
    }
    lines = []
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(content, encoding="utf-8")
        digest = urlsafe_b64encode(sha256(content.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}")
    (site / info / "RECORD").write_text("\n".join([*lines, f"{info}/RECORD,,"]) + "\n", encoding="utf-8")
