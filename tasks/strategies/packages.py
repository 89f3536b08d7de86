"""Strategies of installed packages, offered as entry points; their version is that of all files of their package."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from hashlib import new, sha256
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path

from strategy.signals.faults import Check, Fault, StrategyRefused
from strategy.signals.strategies import Strategy

#: Entry points of installed packages that are strategies.
GROUP = "turbodmt.strategies"


@cache
def installed() -> dict[str, EntryPoint]:
    """Return the strategies of installed packages, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def of_package(point: EntryPoint) -> Strategy:
    """Return a package's strategy; its version is the hash of the record of all of the package's files.

    Raises StrategyRefused if it cannot be imported, is no strategy of that name, or has other files than its record.
    """
    try:
        strategy = point.load()
    except Exception as error:
        wrong = f"{point.value} cannot be imported: {type(error).__name__}: {error}"
        raise _refused(point, wrong) from error
    if not isinstance(strategy, Strategy) or strategy.name != point.name:
        raise _refused(point, f"{point.value} is not a Strategy named {point.name}, as its entry point says")
    return replace(
        strategy,
        baseline=False,
        trusted=False,
        exact=False,
        runner=None,
        version=_version(point),
        origin=point.value,
    )


def _version(point: EntryPoint) -> str:
    """Return the hash of the distribution's record, whose files must be as it says; without one that of its code.

    An editable installation has a record that lacks the code.
    """
    root = _root(point)
    record = (point.dist.read_text("RECORD") if point.dist else None) or ""
    recorded = {str(path): digest for path, digest in _recorded(point.dist)} if point.dist and record else {}
    own = {file for file in recorded if Path(file).is_relative_to(root.name) or file == root.name}
    if not own:
        return sha256("".join(_sums(root)).encode()).hexdigest()
    assert point.dist is not None, "it has a record"
    for file in sorted(own):
        place, (algorithm, expected) = Path(str(point.dist.locate_file(file))), recorded[file]
        if not place.is_file() or _digest(place, algorithm) != expected:
            named = f"{point.dist.name} {point.dist.version}"
            raise _refused(point, f"{place} is not what the record of {named} says; install the package again")
    return sha256(record.encode()).hexdigest()


def _root(point: EntryPoint) -> Path:
    """Return the folder of the entry point's package, or the file of its module if it is alone."""
    module = import_module(point.module.partition(".")[0])
    file = Path(module.__file__ or next(iter(module.__path__)))
    return file.parent if file.name == "__init__.py" else file


def _recorded(distribution: Distribution) -> Iterator[tuple[str, tuple[str, str]]]:
    """Return the recorded files that have a hash, with the name of the algorithm and the hash."""
    for path in distribution.files or ():
        if path.hash is not None:
            yield str(path), (path.hash.mode, path.hash.value)


def _digest(place: Path, algorithm: str) -> str:
    return urlsafe_b64encode(new(algorithm, place.read_bytes()).digest()).rstrip(b"=").decode()


def _sums(root: Path) -> Iterator[str]:
    """Return a line with the hash of each file of code."""
    for file in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
        yield f"{sha256(file.read_bytes()).hexdigest()} {file.relative_to(root.parent)}\n"


def _refused(point: EntryPoint, wrong: str) -> StrategyRefused:
    return StrategyRefused(point.name, Fault(check=Check.NOT_LOADABLE, message=wrong))
