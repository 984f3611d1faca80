"""The advice in a real browser: it asks for nothing, complains of nothing, fits a phone and can be printed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayshift.exports.advice_report import write_advice
from tests.exports.advice_samples import SAMPLES
from tests.exports.chromium import Page, chromium

pytestmark = pytest.mark.slow
WIDTHS = (360, 700, 1200)
PAPER = 688
OVERFLOW = """[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll') && !e.closest('thead')
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"""
CLIPPED = """[...document.querySelectorAll('svg.chart')].filter(s => s.getBoundingClientRect().width).flatMap(s =>
  [...s.querySelectorAll('text')].filter(t => { const a = t.getBoundingClientRect(), b = s.getBoundingClientRect();
    return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1 })
  .map(t => t.textContent))"""
SMALL = """Math.min(99, ...[...document.querySelectorAll('svg.chart text')].filter(t => t.getBoundingClientRect().width)
  .map(t => parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getBoundingClientRect().width
    / t.ownerSVGElement.viewBox.baseVal.width))"""


COVERED = """[...document.querySelectorAll('svg.chart')].filter(s => s.getBoundingClientRect().width).flatMap(s => {
  const all = [...s.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()])
  return all.flatMap(([one, a], at) => all.slice(at + 1).filter(([_, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
    .map(([other]) => s.querySelector('title').textContent + ': ' + one + ' | ' + other)) })"""


@pytest.fixture(scope="module")
def page(chromium_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for all."""
    with chromium(chromium_program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_stands_alone_and_fits(name: str, page: Page, tmp_path: Path) -> None:
    """No request but the file itself, nothing in the console, no sideways scrolling, and no text of a chart cut off,
    over another or smaller than 9 px, on a phone, a tablet, a desk and on paper, with everything unfolded."""
    path = write_advice(SAMPLES[name](), tmp_path / f"{name}.html")
    page.open(path)
    page.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    for width, media in (*((width, "") for width in WIDTHS), (PAPER, "print")):
        page.show(width, media=media)
        assert page.ask("document.documentElement.scrollWidth") <= width, (width, page.ask(OVERFLOW)[:5])
        assert page.ask(OVERFLOW) == [], width
        assert page.ask(CLIPPED) == [], width
        assert page.ask(COVERED) == [], width
        assert page.ask(SMALL) >= 9, width
    asked = {event["request"]["url"] for event in page.told("Network.requestWillBeSent")}
    assert asked == {path.as_uri()}
    assert page.told("Log.entryAdded") == page.told("Runtime.consoleAPICalled") == []
    assert page.told("Runtime.exceptionThrown") == []


def test_one_drawing_of_each_chart_is_shown(page: Page, tmp_path: Path) -> None:
    """The narrow one on a phone, the wide one on a desk and on paper; the other is not there for a screen reader either."""
    page.open(write_advice(SAMPLES["flights"](), tmp_path / "a.html"))
    for width, media, shown in ((360, "", "narrow"), (1200, "", "wide"), (600, "print", "wide")):
        page.show(width, media=media)
        kinds = page.ask(
            "[...new Set([...document.querySelectorAll('svg.chart')].filter(s => getComputedStyle(s).display != 'none')"
            ".map(s => s.classList[1]))].join()"
        )
        assert kinds == shown


def test_dark_is_dark_and_paper_is_light(page: Page, tmp_path: Path) -> None:
    """The scheme follows the reader's; a page printed from a dark screen is black on white."""
    page.open(write_advice(SAMPLES["flights"](), tmp_path / "a.html"))
    ground = "getComputedStyle(document.body).backgroundColor"
    page.show(1200, "light")
    light = page.ask(ground)
    page.show(1200, "dark")
    assert page.ask(ground) != light
    page.show(688, "dark", "print")
    assert page.ask(ground) == "rgb(255, 255, 255)"
    assert page.ask("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


def test_everything_that_opens_is_reached_by_keyboard(page: Page, tmp_path: Path) -> None:
    """Tab goes through every link, every unfolding and every table that scrolls by itself."""
    page.open(write_advice(SAMPLES["transactions"](), tmp_path / "a.html"))
    page.show(1200)
    wanted = page.ask("document.querySelectorAll('a, summary').length")
    assert wanted > 10
    page.ask("window.seen = new Set(); document.addEventListener('focusin', e => seen.add(e.target))")
    for _ in range(wanted + page.ask("document.querySelectorAll('.scroll').length") + 2):
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert page.ask("[...document.querySelectorAll('a, summary')].filter(e => !seen.has(e)).length") == 0


def test_it_prints(page: Page, tmp_path: Path) -> None:
    """The browser makes a PDF of it, with the method unfolded."""
    page.open(write_advice(SAMPLES["transactions"](), tmp_path / "a.html"))
    printed = base64.b64decode(page.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert printed.startswith(b"%PDF")
    page.show(688, media="print")
    assert (
        page.ask("Math.min(...[...document.querySelectorAll('details p')].map(p => p.getBoundingClientRect().height))")
        > 0
    )
