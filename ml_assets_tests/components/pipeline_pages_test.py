"""Assets lead to the section of the page that shows them."""

import dagster as dg
import pytest

from ml_assets.reports.pages.address import HOST, PORT, SECTION_OF
from ml_assets.reports.pages.page import SECTIONS


@pytest.mark.parametrize("noun", SECTION_OF)
def test_an_asset_leads_to_its_section(definitions: dg.Definitions, noun: str) -> None:
    spec = definitions.resolve_asset_graph().get(dg.AssetKey(["flight_delays", noun]))

    assert spec.metadata["page"].value == (
        f"http://{HOST}:{PORT}/flight_delays.html#{SECTION_OF[noun]}"
    )


def test_assets_without_a_section_have_no_page(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()

    assert "page" not in graph.get(dg.AssetKey(["flight_delays", "labels"])).metadata


def test_sections_are_those_of_the_page() -> None:
    assert {*SECTION_OF.values()} <= {*SECTIONS}
