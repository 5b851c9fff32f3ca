"""The pages in a browser: drawn without a network or an error, in both themes, at both widths, by keyboard."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from ml_assets.alerts.finding import Level
from ml_assets.reports.pages.address import HOST
from ml_assets.reports.pages.library import library
from ml_assets.reports.pages.page import INDEX, pages_of
from ml_assets.reports.pages.server import Pages, server
from ml_assets_tests.browser.chromium import browser_page, executable
from ml_assets_tests.reports.pages import world

pytestmark = pytest.mark.slow

LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
THEMES = ("light", "dark")
SEVERE = {"serious", "critical"}
ONE = f"{world.PIPELINE}.html"
CHARTS = {"performance", "coverage", "segments-carrier", "drift", "timeline"}
SECTIONS = 7
ALERTS = [world.alert(), world.alert(pipeline="sources", level=Level.WARNING)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a pipeline with everything, and the index."""
    executable()
    folder = tmp_path_factory.mktemp("pages")
    script = library(folder / "kept")
    for name, html in pages_of(
        world.index(world.state(), world.empty(), alerts=ALERTS), script
    ).items():
        (folder / name).write_text(html, "utf-8")
    return folder


@pytest.fixture
def told() -> list[str]:
    """What the browser complains about."""
    return []


@pytest.fixture
def page(browser: Browser, told: list[str]) -> Iterator[Page]:
    """A browser page that notes errors and warnings, and fails to load anything but files."""
    with browser_page(browser) as fresh:
        fresh.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
        fresh.on("pageerror", lambda error: told.append(str(error)))
        yield fresh


def opened(page: Page, file: Path, *, theme: str = "light", size: dict | None = None) -> None:
    """Open a file and wait until its charts are drawn."""
    page.set_viewport_size(size or LAPTOP)
    page.emulate_media(color_scheme=theme)
    page.goto(file.as_uri())
    if file.name != INDEX:
        expect(page.locator(f"body[data-drawn={theme}]")).to_be_attached()


def is_drawn(page: Page, chart: str) -> bool:
    """Whether a chart has marks: shapes, or coloured pixels."""
    return page.locator(f"#chart-{chart}").evaluate(
        """(holder) => {
          const canvas = holder.querySelector("canvas");
          if (!canvas) return holder.querySelectorAll(".mark-rect path, .mark-symbol path, .mark-area path, .mark-line path, .mark-rule line").length > 0;
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          return new Set(new Uint32Array(pixels.buffer)).size > 5;
        }"""
    )


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_every_chart_is_drawn_without_errors_or_requests(
    page: Page, folder: Path, told: list[str], theme: str, size: dict
) -> None:
    asked = list[str]()
    page.on("request", lambda request: asked.append(request.url))

    opened(page, folder / ONE, theme=theme, size=size)

    ids = page.locator(".chart").evaluate_all("all => all.map(one => one.id.slice(6))")
    assert {*ids} > CHARTS
    assert [one for one in ids if not is_drawn(page, one)] == []
    assert asked == [(folder / ONE).as_uri()]
    assert told == []


@pytest.mark.parametrize("name", [ONE, INDEX])
def test_nothing_is_wider_than_a_phone(page: Page, folder: Path, name: str) -> None:
    opened(page, folder / name, size=PHONE)

    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    wide = page.locator("figure, .tile, .alerts li").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().right > innerWidth).length"
    )
    assert wide == 0


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", [ONE, INDEX])
def test_axe_finds_no_serious_fault(page: Page, folder: Path, name: str, theme: str) -> None:
    opened(page, folder / name, theme=theme)
    for summary in page.locator("summary").all():
        summary.click()

    found = Axe().run(page).response["violations"]

    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SEVERE] == []


def test_a_change_of_the_theme_draws_the_charts_anew(page: Page, folder: Path) -> None:
    opened(page, folder / ONE)
    label = page.locator("#chart-performance text").first
    before = label.evaluate("one => getComputedStyle(one).fill")

    page.emulate_media(color_scheme="dark")

    expect(page.locator("body[data-drawn=dark]")).to_be_attached()
    assert label.evaluate("one => getComputedStyle(one).fill") != before


def test_a_keyboard_reaches_everything_in_its_order(page: Page, folder: Path) -> None:
    opened(page, folder / ONE)

    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    walked = list[str]()
    for _ in range(60):
        page.keyboard.press("Tab")
        walked.append(
            page.evaluate(
                "[document.activeElement.tagName, document.activeElement.textContent].join(' ')"
            )
        )
        if walked[-1].startswith("BODY"):
            break
    assert walked[0] == f"SUMMARY Table of {world.METRIC} by day"
    summaries = [one for one in walked if one.startswith("SUMMARY")]
    assert summaries == [f"SUMMARY {text}" for text in page.locator("summary").all_text_contents()]


def test_links_of_the_navigation_lead_to_their_sections(page: Page, folder: Path) -> None:
    opened(page, folder / ONE)
    links = page.locator("nav a")

    assert links.count() == SECTIONS
    for link in links.all():
        link.focus()
        page.keyboard.press("Enter")
        target = str(link.get_attribute("href"))
        expect(page.locator(target)).to_be_in_viewport()


def test_the_table_of_a_chart_has_its_figures(page: Page, folder: Path) -> None:
    opened(page, folder / ONE)
    summary = page.locator("#figure-performance summary")

    summary.focus()
    page.keyboard.press("Enter")

    table = page.locator("#figure-performance table")
    expect(table.locator("tbody tr")).to_have_count(30)
    expect(table.locator("thead th").first).to_have_text("Partition")
    expect(table.locator("tbody tr").last.locator("td").nth(2)).to_have_text("0.7")


def test_texts_of_the_project_run_no_script(page: Page, folder: Path) -> None:
    opened(page, folder / ONE)

    assert page.title() == "flight_delays: health, performance, drift"
    assert page.locator("img").count() == 0


def test_the_index_leads_to_a_page_and_back(page: Page, folder: Path) -> None:
    opened(page, folder / INDEX)

    page.get_by_role("heading").get_by_role("link", name=world.PIPELINE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(world.PIPELINE)
    page.get_by_role("link", name="All pipelines").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pipelines")


@contextmanager
def serving(pages: Pages) -> Iterator[str]:
    with server(pages, 0) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://{HOST}:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


def test_a_served_page_offers_newer_figures(page: Page, folder: Path, told: list[str]) -> None:
    positions = [1]
    states = [world.state(alerts=[]), world.state()]
    script = library(folder / "kept")
    pages = Pages(
        lambda: positions[0], lambda: pages_of(world.index(states[positions[0] - 1]), script)
    )
    page.clock.install()
    with serving(pages) as url:
        page.goto(f"{url}/{ONE}")
        expect(page.locator("body[data-drawn]")).to_be_attached()
        expect(page.get_by_text("No alert is open.")).to_be_visible()
        positions[0] = 2
        page.clock.fast_forward(20_000)
        page.get_by_role("button", name="Show them").click()
        expect(page.get_by_text("performance dropped")).to_be_visible()
    assert told == []
