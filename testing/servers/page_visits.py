"""Visits to a saved page in a real browser: what it asks for, complains of, how wide it is, and how legible."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page

#: A browser beside other work may take long to begin.
PATIENCE_MS = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Result of loading a page: what it did, and how wide it turned out in a window of the asked width."""

    requests: tuple[str, ...]
    complaints: tuple[str, ...]
    width_px: int


def a_tab(browser: Browser, width_px: int) -> Page:
    tab = browser.new_page(viewport={"width": width_px, "height": 900})
    tab.set_default_timeout(PATIENCE_MS)
    return tab


def visit(browser: Browser, page: Path, width_px: int) -> Visit:
    requests: list[str] = []
    complaints: list[str] = []
    tab = a_tab(browser, width_px)
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(page.as_uri())
    width = int(tab.evaluate("document.documentElement.scrollWidth"))
    tab.close()
    return Visit(requests=tuple(requests), complaints=tuple(complaints), width_px=width)


def demand_sound(browser: Browser, page: Path) -> None:
    """Fail unless the page is silent, asks for nothing, fits, is legible and prints every column.

    On a phone, a tablet and a desk, in light and in dark, and printed from either.
    """
    for width_px in (390, 768, 1280):
        assert visit(browser, page, width_px) == Visit(requests=(page.as_uri(),), complaints=(), width_px=width_px)
    tab = a_tab(browser, 1280)
    tab.goto(page.as_uri())
    for width_px, scheme, media in (
        *((390, "light", "screen"), (768, "light", "screen"), (1280, "dark", "screen")),
        *((718, "light", "print"), (718, "dark", "print")),
    ):
        tab.set_viewport_size({"width": width_px, "height": 900})
        tab.emulate_media(color_scheme=scheme, media=media)  # type: ignore[arg-type]
        contrasts = tab.evaluate(CONTRASTS)
        assert len(contrasts) > 3
        assert [one for one in contrasts if one[0] < 4.5] == [], (scheme, media)
    # Printed on A4 less its margins, at 96 dots an inch.
    sizes = tab.eval_on_selector_all(".scroll", "all => all.map(one => [one.scrollWidth, one.clientWidth])")
    assert [size for size in sizes if size[0] > size[1]] == []
    tab.close()


#: The contrast of each text with what is painted under it, the lowest first; a canvas turns any colour into bytes.
CONTRASTS = """() => {
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const brush = pen.getContext("2d", { willReadFrequently: true });
  const painted = colours => {
    brush.fillStyle = "#fff";
    brush.fillRect(0, 0, 1, 1);
    for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
    return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = bytes => {
    const [red, green, blue] = bytes.map(byte => byte / 255).map(
      part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const seen = new Map();
  for (const element of document.querySelectorAll("body *")) {
    const says = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!says || !element.checkVisibility() || element.matches("title, style, script")) continue;
    const style = getComputedStyle(element), drawn = element.closest("svg");
    const under = [];
    for (let at = drawn ?? element; at; at = at.parentElement) under.unshift(getComputedStyle(at).backgroundColor);
    if (drawn) under.push(getComputedStyle(drawn.querySelector(".td-ground")).fill);
    const text = drawn ? style.fill : style.color, key = [...under, text].join();
    if (seen.has(key)) continue;
    const [low, high] = [light(painted(under)), light(painted([...under, text]))].sort((a, b) => a - b);
    seen.set(key, [(high + 0.05) / (low + 0.05), element.textContent.slice(0, 40), text]);
  }
  return [...seen.values()].sort((a, b) => a[0] - b[0]);
}"""
