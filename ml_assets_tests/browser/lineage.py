"""The global lineage graph with every group opened."""

from urllib.parse import quote

from playwright.sync_api import Page

GROUPS = ("sources__tables", "flight_delays__features", "flight_delays__training")


def open_lineage(page: Page, url: str) -> None:
    """Show all assets of all groups at once: the graph starts with its groups closed."""
    opened = ",".join(f"global@global:{group}" for group in GROUPS)
    page.goto(f"{url}/asset-groups?expanded={quote(opened, safe='')}")
    page.locator('svg :text-is("flight_features")').first.wait_for(state="attached")
    page.get_by_text("Hide navigation").click()
    page.locator('button:has([aria-label="panel_show_right"])').last.click()
    for _ in range(2):
        page.locator('button:has([aria-label="zoom_out"])').click()
