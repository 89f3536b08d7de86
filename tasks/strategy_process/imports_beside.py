"""Refusal of imports from the folder of a strategy's file, whose changes its hash would not show."""

from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

#: Packages of ours, which may lie beside the file in a clone.
OURS = frozenset({"exchange", "flows", "storage", "strategy", "tasks", "turbodmt"})


class LiesBeside(ModuleNotFoundError):
    """An import of a module in the folder of the strategy's file."""


class BesideFinder:
    """A finder, first in `sys.meta_path`, that refuses modules in the file's folder: their changes would be unseen."""

    def __init__(self, origin: str) -> None:
        self.folder = Path(origin).resolve().parent

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return None, as one that does not know the module, unless it lies beside the file: then raise."""
        del target
        if path is not None or "." in name or name in OURS:
            return None
        if not any((self.folder / place).exists() for place in (f"{name}.py", name)):
            return None
        spec = PathFinder.find_spec(name)
        places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
        if spec is None or any(place and self.folder in list(Path(place).resolve().parents)[:2] for place in places):
            raise LiesBeside(f"{name} lies beside the file", name=name)
        return None
