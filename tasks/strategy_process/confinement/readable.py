"""The places that the process of a strategy's file may read: interpreter, packages, system libraries and time zones."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator

from tasks.strategy_process.confinement.landlock import confine
from tasks.strategy_process.imports_beside import OURS
from tasks.strategy_process.outside_world import FILES, FOLDERS, SYSTEM, is_code

#: Where the system's shared libraries lie, and what the loader and the C library read.
_LIBRARIES = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/lib"),
    *("/usr/local/lib64", "/usr/local/cuda", "/nix/store", "/gnu/store", "/home/linuxbrew/.linuxbrew"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/opt/intel", "/opt/rocm"),
    *("/usr/share/locale", "/proc/driver", "/proc/devices"),
)
#: Devices that hold no data: nothing, chance and processors.
_DEVICES = ("/dev/null", "/dev/zero", "/dev/nvidia*", "/dev/kfd", "/dev/dri/*")


def confine_to_packages(packages: Iterable[str], editable: Iterable[str]) -> bool:
    """Let this process read nothing but code and what it needs to run, and write nothing; return False if it cannot.

    `packages` are folders of installed packages, `editable` those where packages are edited, of which the packages
    themselves may be read and not what lies beside them.
    """
    edited = list(editable)
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    base = (os.path.join(place, "lib") for place in {sys.base_prefix, sys.base_exec_prefix})  # noqa: PTH118
    read = [*packages, *base, *_LIBRARIES, *FOLDERS, *SYSTEM, *FILES, *filter(None, libraries)]
    devices = [place for pattern in _DEVICES for place in glob.glob(pattern)]  # noqa: PTH207
    return confine([*read, *_packages_of(edited)], edited, devices)


def _packages_of(folders: Iterable[str]) -> Iterator[str]:
    """Yield the modules, packages and records of packages in folders where packages are edited."""
    for folder in folders:
        if not os.path.isdir(folder):  # noqa: PTH112
            continue
        names = set(os.listdir(folder))  # noqa: PTH208
        ours = names >= OURS
        for name in names:
            place = os.path.join(folder, name)  # noqa: PTH118
            if name in OURS if ours else _holds_code(place):
                yield place


def _holds_code(place: str) -> bool:
    if not os.path.isdir(place):  # noqa: PTH112
        return is_code(place)
    if place.endswith((".dist-info", ".egg-info")):
        return True
    try:
        return any(is_code(name) for name in os.listdir(place))  # noqa: PTH208
    except OSError:
        return False
