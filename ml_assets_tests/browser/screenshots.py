"""The README's pictures, of what ``make demo`` left: ``python -m ml_assets_tests.browser.screenshots``.

The server that is photographed is read-only and ends afterwards.
"""

import tempfile
from pathlib import Path

from ml_assets_tests.browser.chromium import browser_page
from ml_assets_tests.browser.lineage import open_lineage
from ml_assets_tests.browser.server import running
from ml_assets_tests.project import ROOT

IMAGES = ROOT / "docs" / "images"
SETTLE_MS = 4000
"""Animations and status polling have no end that could be waited for."""


def take() -> None:
    """Write lineage.png and asset.png."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "DAGSTER_HOME": str(ROOT),
            "ML_ASSETS_DATA": str(ROOT / "data"),
            "ML_ASSETS_COMPUTE_LOGS": str(ROOT / "data" / "dagster" / "compute_logs"),
        }
        command = ["dagster_webserver", "--read-only"]
        with (
            running(command, ROOT, environment, Path(folder) / "log") as url,
            browser_page() as page,
        ):
            open_lineage(page, url)
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=IMAGES / "lineage.png")
            page.goto(f"{url}/assets/sources/weather?view=partitions&partition=2013-12-31")
            page.get_by_text("Failed (1)").wait_for()
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=IMAGES / "asset.png")


if __name__ == "__main__":
    take()
