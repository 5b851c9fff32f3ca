"""The README's pictures, of what ``make demo-year`` left: ``python -m ml_assets_tests.browser.screenshots``.

What is photographed is ``make ui``, which ends afterwards: its daemon gives the sensors a history.
"""

import tempfile
from pathlib import Path

from ml_assets_tests.browser.chromium import SIZE, browser_page, running_browser
from ml_assets_tests.browser.lineage import open_lineage
from ml_assets_tests.browser.server import running
from ml_assets_tests.project import ROOT

IMAGES = ROOT / "docs" / "images"
SETTLE_MS = 4000
"""Animations and status polling have no end that could be waited for."""


TICKS_MS = 40_000
"""Long enough for some ticks of the daemon."""

RETRAINED = "2013-07-07"
"""A day of the demo on which a retraining was asked for."""

WAITING = "2013-10-07"
"""An as-of day of the demo whose release waits for approval."""

TALL = {"width": 1400, "height": 1500}


def take() -> None:
    """Write the README's pictures and those of docs/release.md."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "DAGSTER_HOME": str(ROOT),
            "ML_ASSETS_DATA": str(ROOT / "data"),
            "ML_ASSETS_COMPUTE_LOGS": str(ROOT / "data" / "dagster" / "compute_logs"),
            "ML_ASSETS_SENSOR_SECONDS": "5",
        }
        command = ["dagster", "dev"]
        with (
            running(command, ROOT, environment, Path(folder) / "log") as url,
            running_browser() as browser,
            browser_page(browser) as page,
        ):
            open_lineage(page, url)
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=IMAGES / "lineage.png")
            page.set_viewport_size(SIZE)
            page.goto(f"{url}/assets/sources/weather?view=partitions&partition=2013-12-31")
            page.get_by_text("Failed (1)").wait_for()
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=IMAGES / "asset.png")
            page.set_viewport_size(TALL)
            for noun, day, text, picture in (
                ("retraining_decision", RETRAINED, "verdict", "decision.png"),
                ("release_decision", WAITING, "gates", "release.png"),
            ):
                page.goto(f"{url}/assets/flight_delays/{noun}?view=partitions&partition={day}")
                page.get_by_text(text, exact=True).first.wait_for()
                page.wait_for_timeout(SETTLE_MS)
                page.screenshot(path=IMAGES / picture)
            page.set_viewport_size(SIZE)
            page.goto(f"{url}/locations/ml_assets.definitions/sensors/flight_delays__retraining")
            page.wait_for_timeout(TICKS_MS)
            page.screenshot(path=IMAGES / "sensor.png")


if __name__ == "__main__":
    take()
