"""Version of the code, which names what made a result."""

from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

FLOORS = ("strategy", "exchange", "storage", "tasks", "flows")
#: Suffixes of the files that make a result and its page.
SOURCES = (".css", ".j2", ".js", ".npz", ".py", ".sql")


def code_version() -> str:
    """Return the package's version and a hash of its source, so that a result names the exact code that made it."""
    digest = sha256()
    for floor in FLOORS:
        spec = find_spec(floor)
        folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
        files = [path for path in sorted(folder.rglob("*")) if path.suffix in SOURCES] if folder else []
        for path in files:
            digest.update(path.read_bytes())
    return f"{version('turbodmt')}+{digest.hexdigest()[:12]}"
