"""Pictures of pages for the documents: small files, and in words what they show, by which a stale one is noticed."""

import struct
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Page

from testing.servers.prefect_server import ROOT

#: Where the pictures are, what they show, and the variable with which the tests make both anew.
DOCS, KEPT, KEEP = ROOT / "docs", ROOT / "tests" / "pictures", "KEEP_PICTURES"
#: A picture keeps so many colours: flat pages have few, and the edges of letters do with the nearest of them.
_COLOURS = 256
#: Texts of the parts of a page, and their looks; a line of a drawing has no text, and its place differs by font.
_SHOWN = """parts => {
  const texts = [], looks = [];
  for (const part of document.querySelectorAll(parts)) for (const element of [part, ...part.querySelectorAll("*")]) {
    if (!element.checkVisibility() || element.matches("title, script, style")) continue;
    const style = getComputedStyle(element);
    looks.push([element.localName, element.getAttribute("class"), style.color, style.backgroundColor, style.fill,
      style.stroke, style.fontSize, style.fontWeight, style.padding, style.border].join());
    const own = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data).join(" ");
    if (own.trim()) texts.push(own.replace(/\\s+/g, " ").trim());
  }
  return [texts, looks];
}"""
_PIXELS = """async source => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const bytes = pen.getImageData(0, 0, image.width, image.height).data;
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return [image.width, image.height, btoa(text)];
}"""


def in_words(tab: Page, parts: str) -> str:
    """What these parts of the page show: a digest of how they look, then their texts, a line each."""
    texts, looks = tab.evaluate(_SHOWN, parts)
    assert texts, f"{parts} shows nothing"
    return "\n".join([f"look {sha256(chr(10).join(looks).encode()).hexdigest()}", *texts]) + "\n"


def with_picture(words: str, picture: Path) -> str:
    """The words, and the digest of the file that shows them."""
    return f"picture {sha256(picture.read_bytes()).hexdigest()}\n{words}"


def shrunk(tab: Page, png: bytes) -> bytes:
    """The same picture in few colours; any tab decodes it."""
    width, height, text = tab.evaluate(_PIXELS, f"data:image/png;base64,{b64encode(png).decode()}")
    pixels = np.frombuffer(b64decode(text), dtype=np.uint8).reshape(height * width, 4)[:, :3].astype(np.int64)
    keys = pixels @ np.array([1 << 16, 1 << 8, 1])
    seen, counts = np.unique(keys, return_counts=True)
    kept = seen[np.argsort(-counts, kind="stable")[:_COLOURS]]
    palette = np.stack([kept >> 16, kept >> 8 & 255, kept & 255], axis=1)
    channels = np.stack([seen >> 16, seen >> 8 & 255, seen & 255], axis=1)
    nearest = ((channels[:, None, :] - palette[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)
    indices = nearest[np.searchsorted(seen, keys)].astype(np.uint8).reshape(height, width)
    return _png(indices, palette.astype(np.uint8))


def _png(indices: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file of a picture with a palette (PNG specification, third edition, 11.2)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = indices.shape
    # Each row begins with its filter: none.
    rows = np.hstack([np.zeros((height, 1), dtype=np.uint8), indices]).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"PLTE", palette.tobytes()), chunk(b"IDAT", zlib.compress(rows, 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")
