"""Small pieces of work for the runners, as they stand in a module: some of them lose their worker."""

import os
import signal
from pathlib import Path

import numpy as np


def scaled(factor: float, number: int) -> np.ndarray:
    """Return an array that depends on both."""
    return factor * np.random.default_rng(number).normal(size=1_000)


def reciprocal(shared: object, number: int) -> float:
    """Return 1 / number. Raises ZeroDivisionError."""
    return 1 / number


def lost_once(folder: str, name: str) -> str:
    """Return the name; the first time that it is asked for, the process is killed instead."""
    mark = Path(folder) / name
    with mark.open("a") as written:
        written.write("begun\n")
    if mark.read_text().count("begun") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return name


def lost(shared: object, number: int) -> int:
    """Kill the process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def threads(shared: object, number: int) -> str | None:
    """Return how many threads the numerical libraries may use."""
    return os.environ.get("OPENBLAS_NUM_THREADS")


def endless(folder: str, number: int) -> int:
    """Write down the process and wait for ever, but for number 0."""
    if number:
        (Path(folder) / str(os.getpid())).touch()
        signal.pause()
    return number
