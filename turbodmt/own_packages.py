"""TurboDMT's own packages under their names, whatever files of the same names lie beside a script or notebook."""

import sys
import warnings
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

PACKAGES = ("strategy", "exchange", "storage", "tasks", "flows")
ROOT = Path(__file__).resolve().parents[1]


def claim() -> None:
    """Import the packages that TurboDMT consists of from where it is installed, not from the folder of the script.

    Raises ImportError if the program has imported another module under one of their names. Warns of a file that has
    one of their names and could be imported: from now on the name means the package.
    """
    for name in PACKAGES:
        ours = _found(name, [str(ROOT)])
        if ours is None:
            raise ImportError(f"{ROOT / name} is missing; install TurboDMT again")
        loaded = sys.modules.get(name)
        if loaded is None:
            _load(ours)
        elif _place(loaded) != ours.origin:
            raise ImportError(
                f"{_place(loaded)} was imported as `{name}`, the name of a package of TurboDMT; rename that file"
            )
        first = _found(name, None)
        if first is not None and first.origin is not None and Path(first.origin).resolve() != Path(str(ours.origin)):
            warnings.warn(
                f"{first.origin} has the name of a package of TurboDMT, so `import {name}` does not find it; rename it",
                stacklevel=3,
            )


def _found(name: str, places: list[str] | None) -> ModuleSpec | None:
    """Return the module that the places, or else the path of this process, have under the name."""
    return PathFinder.find_spec(name, places)


def _load(spec: ModuleSpec) -> None:
    assert spec.loader is not None, "a package with an __init__.py has a loader"
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise


def _place(module: ModuleType) -> str:
    """Return the path of a module's file, or its name if it has none."""
    file = getattr(module, "__file__", None)
    return str(Path(file).resolve()) if file else repr(module)
