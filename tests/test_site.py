"""The site of the documents: built without a warning, whole, silent and legible on a phone, a tablet and a desk."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser

from testing.servers.page_visits import CONTRASTS, a_tab

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
PAGES = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
#: Texts and pictures that stand outside the window, other than in what scrolls by itself.
OUTSIDE = """() => [...document.querySelectorAll("body *")].filter(element => {
  const box = element.getBoundingClientRect();
  if (!box.width || box.right <= innerWidth + 1) return false;
  for (let at = element.parentElement; at; at = at.parentElement)
    if (getComputedStyle(at).overflowX !== "visible") return false;
  return true;
}).map(element => element.outerHTML.slice(0, 80))"""


class Parts(HTMLParser):
    """Names that a page may be linked at, and what it links to or loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = {""}
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id":
                self.anchors.add(value)
            elif name in ("href", "src"):
                (self.links if tag == "a" else self.loaded).append(value)


def parts_of(page: Path) -> Parts:
    parts = Parts()
    parts.feed(page.read_text(encoding="utf-8"))
    return parts


def dead_links(folder: Path) -> list[str]:
    """Every link of the pages to a file, or a heading of a page, that is not there."""
    pages = {page.resolve(): parts_of(page) for page in folder.rglob("*.html")}
    dead = []
    for page, parts in pages.items():
        for link in (*parts.links, *parts.loaded):
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            known = pages[target].anchors if target in pages else {unquote(address.fragment)}
            if not target.exists() or unquote(address.fragment) not in known:
                dead.append(f"{page.name}: {link}")
    return dead


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason='Sphinx comes with the extra "docs"')
    pytest.importorskip("myst_parser", reason='MyST comes with the extra "docs"')
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", ROOT / "docs", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_the_site_has_every_document_and_asks_no_other_host(site: Path) -> None:
    assert {f"{name}.html" for name in PAGES} <= {page.name for page in site.glob("*.html")}
    loaded = {page.name: parts_of(page).loaded for page in site.glob("*.html")}
    assert [link for links in loaded.values() for link in links if urlsplit(link).netloc] == []
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert [text for text in styles if re.search(r"url\([\"']?(?:https?:)?//|@import url\([\"']?http", text)] == []


def test_every_link_of_the_site_leads_somewhere(site: Path, tmp_path: Path) -> None:
    assert dead_links(site) == []
    (tmp_path / "one.html").write_text('<p id="here"><a href="#gone">x</a><a href="two.html">x</a>', encoding="utf-8")
    assert dead_links(tmp_path) == ["one.html: #gone", "one.html: two.html"]


@pytest.mark.browser
@pytest.mark.parametrize(("width_px", "scheme"), [(390, "light"), (768, "dark"), (1280, "light"), (390, "dark")])
def test_every_page_is_silent_fits_and_is_legible(browser: Browser, site: Path, width_px: int, scheme: str) -> None:
    said: list[str] = []
    tab = a_tab(browser, width_px)
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
    tab.on("requestfailed", lambda request: said.append(request.url))
    for name in (*PAGES, "search", "genindex"):
        tab.goto((site / f"{name}.html").as_uri())
        assert (name, tab.evaluate(OUTSIDE)) == (name, [])
        assert (name, tab.evaluate("document.documentElement.scrollWidth")) == (name, width_px)
        # Text needs a contrast of 4.5 (WCAG 2.2 AA).
        assert (name, [one for one in tab.evaluate(CONTRASTS) if one[0] < 4.5]) == (name, [])
    tab.close()
    assert said == []
    assert len(PAGES) > 10


@pytest.mark.browser
def test_a_search_finds_a_page_without_a_server(browser: Browser, site: Path) -> None:
    tab = a_tab(browser, 1280)
    tab.goto((site / "index.html").as_uri())
    tab.get_by_placeholder("Search").fill("rebalance band")
    tab.get_by_role("button", name="Go").click()
    tab.locator("#search-results li a", has_text="Method").first.wait_for()
    tab.close()
