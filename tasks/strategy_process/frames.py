"""Messages between a run and the process of a strategy: JSON, then the raw bytes of arrays; nothing is unpickled."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from strategy.market.bars import COLUMNS, Bars
from strategy.signals.faults import Check, Fault

#: Before each message: the length of its JSON and that of all its arrays, in bytes.
_LENGTHS = struct.Struct(">IQ")
#: Between the number of a symbol and the name of a column of the user's own.
_OWN = ".own."
#: Largest message, in bytes.
MOST_BYTES = 1 << 34
_INTEGERS = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8")
_TYPES = frozenset({"<f2", "<f4", "<f8", "<M8[us]", "|b1", *_INTEGERS})


class BrokenFrame(ValueError):
    """Bytes that are no message."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Message:
    """A message: its kind, its content for JSON, and arrays by name, which are read-only once received."""

    kind: str
    content: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def write(stream: IO[bytes], message: Message) -> None:
    """Send the message. Raises what the stream raises, and ValueError for an array of another type than numbers."""
    arrays = {name: np.ascontiguousarray(values) for name, values in message.arrays.items()}
    for name, values in arrays.items():
        if values.dtype.str not in _TYPES:
            raise ValueError(f"{name} has the type {values.dtype}; only numbers, dates and booleans are sent")
    shapes = [(name, values.dtype.str, values.shape) for name, values in arrays.items()]
    text = json.dumps({"kind": message.kind, "content": message.content, "arrays": shapes}).encode()
    stream.write(_LENGTHS.pack(len(text), sum(values.nbytes for values in arrays.values())) + text)
    for values in arrays.values():
        stream.write(values.tobytes())
    stream.flush()


def read(stream: IO[bytes]) -> Message | None:
    """Return the next message, None where the stream ends before or within it."""
    start = stream.read(_LENGTHS.size)
    if len(start) < _LENGTHS.size:
        return None
    header, size = _LENGTHS.unpack(start)
    text, body = stream.read(header), stream.read(size)
    return _message(text, body) if (len(text), len(body)) == (header, size) else None


def cut(buffer: bytearray) -> Message | None:
    """Take the first message from the buffer; None while it is incomplete. Raises BrokenFrame."""
    if len(buffer) < _LENGTHS.size:
        return None
    header, body = _LENGTHS.unpack_from(buffer)
    if body > MOST_BYTES:
        raise BrokenFrame(f"a message of {body} bytes; the limit is {MOST_BYTES}")
    end = _LENGTHS.size + header + body
    if len(buffer) < end:
        return None
    text, rest = bytes(buffer[_LENGTHS.size : _LENGTHS.size + header]), bytes(buffer[_LENGTHS.size + header : end])
    del buffer[:end]
    return _message(text, rest)


def _message(text: bytes, body: bytes) -> Message:
    try:
        said = json.loads(text)
        arrays: dict[str, NDArray[Any]] = {}
        offset = 0
        for name, kind, shape in said["arrays"]:
            if kind not in _TYPES:
                raise BrokenFrame(f"an array of the type {kind}")
            size = np.dtype(kind).itemsize * int(np.prod(shape, dtype=np.int64))
            # A view of bytes is read-only.
            arrays[name] = np.ndarray(shape, dtype=kind, buffer=body, offset=offset)
            offset += size
        return Message(kind=said["kind"], content=said["content"], arrays=arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenFrame("bytes that are no message") from error


def packed_bars(bars: Mapping[str, Bars]) -> tuple[list[str], dict[str, NDArray[Any]]]:
    """Return the symbols of the bars, and their arrays by number and column."""
    arrays = {f"{number}.{name}": series[name] for number, series in enumerate(bars.values()) for name in COLUMNS}
    for number, series in enumerate(bars.values()):
        arrays |= {f"{number}{_OWN}{name}": values for name, values in series.columns.items()}
    return list(bars), arrays


def unpacked_bars(symbols: list[str], arrays: Mapping[str, NDArray[Any]]) -> dict[str, Bars]:
    """Return the bars that `packed_bars` packed, in their order."""
    own: dict[str, dict[str, NDArray[Any]]] = {}
    for key, values in arrays.items():
        number, mark, name = key.partition(_OWN)
        if mark:
            own.setdefault(number, {})[name] = values
    return {
        symbol: Bars(
            symbol=symbol,
            **{name: arrays[f"{number}.{name}"] for name in COLUMNS},
            columns=own.get(str(number), {}),
        )
        for number, symbol in enumerate(symbols)
    }


def packed_fault(fault: Fault) -> dict[str, str | None]:
    """Return the fault for JSON."""
    day = fault.day.isoformat() if fault.day is not None else None
    return {"check": fault.check.value, "message": fault.message, "symbol": fault.symbol, "day": day}


def unpacked_fault(said: Mapping[str, Any]) -> Fault:
    """Return the fault that `packed_fault` packed."""
    day = date.fromisoformat(said["day"]) if said["day"] is not None else None
    return Fault(check=Check(said["check"]), message=said["message"], symbol=said["symbol"], day=day)
