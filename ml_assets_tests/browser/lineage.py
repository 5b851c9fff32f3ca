"""The global lineage graph with every group opened."""

from urllib.parse import quote

from playwright.sync_api import Page, ViewportSize

GROUPS = (
    "sources__tables",
    "flight_delays__features",
    "flight_delays__training",
    "flight_delays__release",
    "flight_delays__predictions",
    "flight_delays__monitoring",
)


HIDDEN = (
    "*_dead_letters",
    "source_database/*",
    "flight_forest/*",
    "flight_linear/*",
    "flight_ensemble/*",
    "flight_forecast/*",
    "flight_chain/*",
)
TABLES = "not (" + " or ".join(f'key:"{table}"' for table in HIDDEN) + ")"
"""What fits on a screen: Dagster draws only the nodes that are in view."""

GRAPH_SIZE: ViewportSize = {"width": 2600, "height": 1700}
"""Wide enough for the whole graph at a size at which Dagster still draws its nodes."""


def open_lineage(page: Page, url: str) -> None:
    """Show the tables of all groups at once: the graph starts with its groups closed."""
    page.set_viewport_size(GRAPH_SIZE)
    opened = quote(",".join(f"global@global:{group}" for group in GROUPS), safe="")
    selected = quote(TABLES, safe="")
    page.goto(f"{url}/asset-groups~{selected}?expanded={opened}")
    page.locator('svg :text-is("flight_features")').first.wait_for(state="attached")
    page.get_by_text("Hide navigation").click()
    page.locator('button:has([aria-label="panel_show_right"])').last.click()
