"""Refusal of the outside world in a process that runs a strategy's file: network, processes, files, foreign libraries.

It finds mistakes, not malice. What compiled code opens, no event shows: `confinement` is for that.
"""

import os
import site
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from types import FrameType

from strategy.signals.faults import CallFailed, Check

_HERE = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120
_LIBRARY = os.path.dirname(os.__file__)  # noqa: PTH120 (pathlib would cost a tenth of the child's start)
#: What may be read besides: time zones, the processors, and what gives nothing or chance.
FOLDERS = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")
SYSTEM = ("/proc/self", "/proc/sys", "/sys")
FILES = frozenset(
    {
        *("/etc/localtime", "/etc/timezone", "/dev/null", "/dev/random", "/dev/urandom"),
        *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/mounts", "/proc/version", "/proc/loadavg"),
    }
)
_CODE = (".py", ".pyc", ".pyi", *EXTENSION_SUFFIXES)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PROCESSES = frozenset(
    {
        *("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.system"),
        *("os.kill", "os.killpg", "os.startfile", "pty.spawn"),
    }
)
_CHANGES = frozenset(
    f"os.{name}"
    for name in (
        *("mkdir", "rmdir", "remove", "rename", "link", "symlink", "truncate", "chmod", "chown", "utime", "chdir"),
        *("setxattr", "removexattr", "chflags", "lockf", "fchdir"),
    )
)
_ONLY_BARS = "a strategy sees the bars that it is given and nothing else"


class OutsideWorld(CallFailed, PermissionError):
    """A strategy's file reached for the outside world.

    Libraries that can do without what they tried, as they can without a cache, take it for a missing permission.
    """

    def __init__(self, message: str) -> None:
        super().__init__(Check.OUTSIDE_WORLD, message)


class Guard:
    """Watch over what the file at `origin` does in this process; it cannot be taken off again.

    It keeps the first refusal of the file's own doing, even if the file catches it, and the first of a package's.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._refusal: OutsideWorld | None = None
        self._of_package: OutsideWorld | None = None
        self.packages, self.editable = _folders()
        self._rules: Mapping[str, Callable[[tuple[object, ...]], str]] = {
            "open": self._opens,
            "os.listdir": self._lists,
            "os.scandir": self._lists,
            "ctypes.dlopen": self._loads,
            "ctypes.dlsym": lambda given: f"calls {given[1]} of a library" if self.file_acts() else "",
            "sqlite3.connect": self._connects,
            **dict.fromkeys(_PROCESSES, lambda _: "starts or ends a process"),
            **dict.fromkeys(_CHANGES, lambda given: f"changes {given[0] if given else 'files'}"),
        }

    def install(self) -> None:
        """Begin to watch."""
        sys.addaudithook(self._hear)

    def take(self, error: BaseException | None = None) -> OutsideWorld | None:
        """Return what was refused since the last time, None if nothing that matters, and forget it.

        What was refused to a package matters if the operating system seems to be at fault for the `error` of the file:
        a package that could not write its settings says that there is no folder for them.
        """
        of_package = self._of_package if isinstance(error, OSError) else None
        taken = self._refusal or of_package
        self._refusal = self._of_package = None
        return taken

    def refuse(self, what: str) -> OutsideWorld:
        """Return the refusal of what the file does now, with the line of the file that does it."""
        refusal = self.refusal_at(self._line(), what)
        if self.file_acts():
            self._refusal = self._refusal or refusal
        else:
            self._of_package = self._of_package or refusal
        return refusal

    def refusal_at(self, line: int, what: str) -> OutsideWorld:
        """Return the refusal of what the file does on this line."""
        return OutsideWorld(f"{self.origin}, line {line}: {what}; {_ONLY_BARS}")

    def file_acts(self) -> bool:
        """Return whether the file itself acts, through the standard library at most, and not a package.

        An import acts for the module that it loads, whoever asked for it.
        """
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and _is_standard(frame.f_code.co_filename):
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return False
            frame = frame.f_back
        return frame is not None and frame.f_code.co_filename == self.origin

    def _hear(self, event: str, given: tuple[object, ...]) -> None:
        rule = self._rules.get(event)
        if rule is not None:
            what = rule(given)
        elif event.startswith("socket."):
            what = "uses the network"
        else:
            return
        if what:
            raise self.refuse(what)

    def _line(self) -> int:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != self.origin:
            frame = frame.f_back
        return frame.f_lineno if frame is not None else 1

    def _opens(self, given: tuple[object, ...]) -> str:
        path, mode, flags = (*given, None, None)[:3]
        if isinstance(path, int):
            return ""
        place = _place(path)
        changed = isinstance(flags, int) and flags & _WRITES
        if changed or (isinstance(mode, str) and set(mode) & set("wax+")):
            return "" if place == "/dev/null" else f"writes {place}"
        return "" if self._readable(place) else f"opens {place}"

    def readable(self, path: object) -> bool:
        """Return whether the file may read what is at this path."""
        return self._readable(_place(path))

    def _readable(self, place: str) -> bool:
        if place in FILES or _inside(place, SYSTEM):
            return True
        return self._installed(place) or self._installed(os.path.realpath(place))

    def _installed(self, place: str) -> bool:
        code = is_code(place) and _inside(place, self.editable)
        return code or _inside(place, (*self.packages, *FOLDERS))

    def _lists(self, given: tuple[object, ...]) -> str:
        if given and isinstance(given[0], int):
            return "lists a folder"
        place = _place(given[0] if given and given[0] is not None else ".")
        imports = _inside(place, self.editable) and _importing()
        granted = self._readable(place) and (_importing() or _inside(place, FOLDERS) or not self.file_acts())
        return "" if imports or granted else f"lists {place}"

    def _connects(self, given: tuple[object, ...]) -> str:
        # Even a database in memory attaches files, which no event shows.
        name = str(given[0])
        return "" if name == ":memory:" and not self.file_acts() else f"opens the database {name}"

    def _loads(self, given: tuple[object, ...]) -> str:
        if given[0] is None:
            return "loads the libraries of the process" if self.file_acts() else ""
        name = os.fsdecode(given[0]) if isinstance(given[0], str | bytes) else str(given[0])
        whole = os.path.isabs(name)  # noqa: PTH117
        allowed = not self.file_acts() and (not whole or self._readable(name))
        return "" if allowed else f"loads the library {name}"


def _folders() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folders of interpreter and packages, and those of packages installed for editing (code only)."""
    packages = {_LIBRARY, *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        packages.add(site.getusersitepackages())
    packages |= {place for place in sys.path if place.rstrip("/").endswith(("-packages", ".zip"))}
    packages |= {os.path.realpath(place) for place in packages}
    editable = {os.path.abspath(place) for place in sys.path if not _inside(place, tuple(packages))}  # noqa: PTH100
    editable |= {os.path.realpath(place) for place in editable}
    return tuple(sorted(packages)), tuple(sorted(editable))


def _place(path: object) -> str:
    name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
    return os.path.abspath(name)  # noqa: PTH100


def is_code(place: str) -> bool:
    """Return whether this is code or what is known of a package, the only files read where packages are edited."""
    return place.endswith(_CODE) or ".dist-info/" in place or ".egg-info/" in place


def _inside(place: str, folders: tuple[str, ...]) -> bool:
    return any(place == folder or place.startswith(f"{folder}/") for folder in folders)


def _is_standard(file: str) -> bool:
    ours = file.startswith((_HERE, "<frozen "))
    return ours or (file.startswith(_LIBRARY) and "-packages/" not in file[len(_LIBRARY) :])


def _importing() -> bool:
    """Return whether the import system itself lists a folder, for modules or for what is installed."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    file = frame.f_code.co_filename if frame is not None else ""
    return file.startswith(("<frozen importlib", f"{_LIBRARY}/importlib/metadata/"))
