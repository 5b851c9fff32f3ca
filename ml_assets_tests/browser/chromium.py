"""Debian's Chromium, headless, driven by Playwright, which brings no browser of its own here."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CANDIDATES = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
SIZE = {"width": 1400, "height": 900}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 20_000
"""How long Playwright waits for something to appear."""


def executable() -> str:
    """Path of the browser; without one, CI fails and a developer's run skips."""
    found = next((path for name in CANDIDATES if (path := shutil.which(name))), None)
    if found:
        return found
    missing = f"No Chromium: none of {', '.join(CANDIDATES)}. Try 'apt-get install chromium'."
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(f"{missing} The UI is not tested.")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A browser, which takes a second to start."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_page(browser: Browser) -> Iterator[Page]:
    """A page that shares nothing with the browser's other pages."""
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    try:
        yield page
    finally:
        page.close()
