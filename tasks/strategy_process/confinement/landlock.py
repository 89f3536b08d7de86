"""Confinement of this process by Linux (Landlock, since 5.13): what it may read, for compiled code as for Python.

See https://docs.kernel.org/userspace-api/landlock.html. It cannot be taken off again, and it holds for the thread that
asks for it and for those that this one starts.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from contextlib import suppress

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
#: The first version of Landlock that knows each right to refuse: files, truncation, TCP, then signals and sockets.
_FILE_RIGHTS_BIT, _TRUNCATE_SINCE, _TCP_SINCE, _SCOPE_SINCE = 13, 3, 4, 6
_TRUNCATE, _BIND_AND_CONNECT_TCP, _SIGNALS_AND_SOCKETS = 1 << 14, 3, 3


class _Ruleset(ctypes.Structure):
    """What is refused unless a rule grants it."""

    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scope", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    """What is granted for a file, or for all beneath a folder."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the version of Landlock that this kernel has, 0 if it has none or does not let us use it."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _call(_CREATE_RULESET, None, 0, _VERSION_FLAG))


def confine(read: Iterable[str], listed: Iterable[str], written: Iterable[str]) -> bool:
    """Refuse to this thread all files but those granted, and TCP; return False where the kernel cannot.

    Files in `read`, and all beneath its folders, may be read; folders in `listed` and those beneath may be listed;
    files in `written` may be read and written. What is not there is left out.
    """
    known = version()
    if not known:
        return False
    refused = _Ruleset(
        files=(1 << _FILE_RIGHTS_BIT) - 1 | (_TRUNCATE if known >= _TRUNCATE_SINCE else 0),
        network=_BIND_AND_CONNECT_TCP if known >= _TCP_SINCE else 0,
        scope=_SIGNALS_AND_SOCKETS if known >= _SCOPE_SINCE else 0,
    )
    size = 8 * (1 + (known >= _TCP_SINCE) + (known >= _SCOPE_SINCE))
    ruleset = _call(_CREATE_RULESET, ctypes.byref(refused), size, 0)
    if ruleset < 0:
        return False
    try:
        for place in read:
            _grant(ruleset, place, _READ_FILE | _READ_DIR | _EXECUTE)
        for place in listed:
            _grant(ruleset, place, _READ_DIR)
        for place in written:
            _grant(ruleset, place, _READ_FILE | _WRITE_FILE)
        # The kernel demands the promise that no program started from here gains rights.
        promised = _function("prctl")(_NO_NEW_PRIVILEGES, *(ctypes.c_ulong(n) for n in (1, 0, 0, 0))) == 0
        return promised and _call(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _grant(ruleset: int, place: str, rights: int) -> None:
    with suppress(OSError):
        parent = os.open(place, os.O_PATH | os.O_CLOEXEC)
        try:
            if not os.path.isdir(place):  # noqa: PTH112 (pathlib would cost a tenth of the child's start)
                rights &= ~_READ_DIR
            _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(rights=rights, parent=parent)), 0)
        finally:
            os.close(parent)


def _call(number: int, *given: object) -> int:
    """Return what a call of the kernel returns, -1 if it fails; these three have the same number on all processors."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in given]
    return int(_function("syscall")(ctypes.c_long(number), *words))


def _function(name: str) -> "ctypes._NamedFuncPointer":
    function = getattr(ctypes.CDLL(None), name)
    function.restype = ctypes.c_long if name == "syscall" else ctypes.c_int
    return function  # type: ignore[no-any-return]
