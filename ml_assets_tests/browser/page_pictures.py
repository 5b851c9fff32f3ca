"""The pictures of docs/pages.md, of what ``make demo`` left: ``python -m ml_assets_tests.browser.page_pictures``."""

import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page, expect

from ml_assets.reports.pages.library import library
from ml_assets.reports.pages.loading import load_pages
from ml_assets.reports.pages.page import pages_of
from ml_assets.workspace import Workspace
from ml_assets_tests.browser.chromium import browser_page, running_browser
from ml_assets_tests.project import ROOT

IMAGES = ROOT / "docs" / "images"
ONE = "flight_delays.html"
LAPTOP = {"width": 1200, "height": 1320}
PHONE = {"width": 390, "height": 1000}
COLORS = 64


def take() -> None:
    """Write the pictures."""
    workspace = Workspace.of_environment()
    state = load_pages(workspace.lake, workspace.approvals, workspace.alerts)
    with (
        TemporaryDirectory() as folder,
        running_browser() as browser,
        browser_page(browser) as page,
    ):
        for name, html in pages_of(state, library(Path(folder))).items():
            (Path(folder) / name).write_text(html, "utf-8")
        file = Path(folder) / ONE
        save("page.png", [shot(page, file, LAPTOP, "light")])
        save("page_drift.png", [shot(page, file, LAPTOP, "dark", "#drift")])
        phones = [shot(page, file, PHONE, theme) for theme in ("light", "dark")]
        save("page_phone.png", phones)


def shot(page: Page, file: Path, size: Mapping[str, int], theme: str, at: str = "") -> Image.Image:
    """What is on the screen at the top of the page, or at a section."""
    page.set_viewport_size(dict(size))
    page.emulate_media(color_scheme=theme)
    page.goto(f"{file.as_uri()}")
    expect(page.locator(f"body[data-drawn={theme}]")).to_be_attached()
    if at:
        page.locator(at).evaluate("one => one.scrollIntoView()")
    return Image.open(io.BytesIO(page.screenshot()))


def save(name: str, images: list[Image.Image]) -> None:
    """Images beside each other as one file with few colours, which is several times smaller."""
    gap = 24 if len(images) > 1 else 0
    width = sum(image.width for image in images) + gap * (len(images) - 1)
    whole = Image.new("RGB", (width, images[0].height), "#9aa7b2")
    left = 0
    for image in images:
        whole.paste(image, (left, 0))
        left += image.width + gap
    whole.quantize(COLORS).save(IMAGES / name, "PNG", optimize=True)


if __name__ == "__main__":
    take()
