"""The compiled passes of training, kept between processes: compiling them takes each one 7 s of processor time."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numba

from strategy.kernel import autograd, forward_pass
from strategy.networks import attention_kernels

ROOT = Path(__file__).parents[2]

#: Python runs it at the start of a process whose PYTHONPATH names its folder: what trains there keeps its passes too.
_AT_START = """
import sys
from importlib.machinery import PathFinder


class Keep:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "strategy.training.loop":
            return None
        spec = PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            from testing.runs.compiled_passes import keep_compiled

            keep_compiled()

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Keep)
"""


def put_start(folder: Path) -> str:
    """Return the PYTHONPATH with which processes that a test starts keep their compiled passes as well."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_AT_START)
    return str(folder)


def keep_compiled() -> None:
    """Read the passes from build/numba, or write them there once they are compiled.

    numba itself looks at the file of a pass alone; the folder is named for all of them, as they share constants.
    """
    modules = (forward_pass, autograd, attention_kernels)
    sources = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    numba.config.CACHE_DIR = str(ROOT / "build" / "numba" / sha256(sources).hexdigest()[:16])  # type: ignore[attr-defined]  # made when numba is imported
    passes: tuple[Any, ...] = (
        forward_pass.forward,
        autograd.backward,
        attention_kernels.forward,
        attention_kernels.backward,
    )
    for compiled in passes:
        compiled.enable_caching()
