"""Pages of states that were never stored: what they contain, and that they ask for nothing else."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import vl_convert

from ml_assets.alerts.alert import AlertState
from ml_assets.alerts.finding import Level
from ml_assets.cadence import Cadence, Calendar
from ml_assets.reports.pages.page import INDEX, index_of, page_of, pages_of
from ml_assets.reports.pages.state import Monitored, PageState, Released
from ml_assets_tests.reports.pages import world

LIBRARY = "window.vegaEmbed = () => { const end = '</script>'; };"


class Parsed(HTMLParser):
    """Elements, texts and addresses of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.ids, self.addresses, self.scripts, self.text = [], [], [], [], []
        self.in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in {"href", "src", "action"}:
                self.addresses.append(value)
        self.in_script = tag == "script"
        if self.in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.in_script = False

    def handle_data(self, data: str) -> None:
        if self.in_script:
            self.scripts[-1] += data
        else:
            self.text.append(data)


@pytest.fixture(scope="module")
def html() -> str:
    """The page of thirty days."""
    return drawn(world.state())


@pytest.fixture(scope="module")
def page(html: str) -> Parsed:
    """The same, parsed."""
    return Parsed(html)


def drawn(state: PageState) -> str:
    """The page of a state."""
    return page_of(state, LIBRARY)


def charts(page: Parsed) -> dict[str, dict]:
    """Identifier → what the script draws."""
    [data] = [script for script in page.scripts if script.startswith("[")]
    return {chart["id"]: chart for chart in json.loads(data)}


def words(page: Parsed) -> str:
    return " ".join(" ".join(page.text).split())


def test_a_page_has_every_section_once_and_leads_to_it(page: Parsed) -> None:
    sections = ["health", "alerts", "performance", "drift", "decisions", "rejected", "card"]

    assert [name for name in page.ids if name in sections] == sections
    assert {f"#{name}" for name in sections} <= {*page.addresses}
    assert len(page.ids) == len({*page.ids})


def test_a_page_has_no_address_but_the_index_and_its_own_parts(page: Parsed) -> None:
    others = {address for address in page.addresses if not str(address).startswith("#")}

    assert others == {"index.html", "data:,"}
    assert not {"img", "iframe", "object", "form"} & {*page.tags}


def test_only_the_scripts_of_the_page_may_run(html: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    }

    assert {*re.findall(r"sha256-([^&']*)", policy[1])} == hashes
    assert policy[1].startswith("default-src 'none'")
    assert "unsafe-eval" not in policy[1]


def test_texts_of_the_project_are_no_markup(html: str, page: Parsed) -> None:
    assert world.HOSTILE in words(page)
    assert "<script>document.title" not in html
    assert "<img src=x" not in html


def test_every_chart_is_valid_vega_lite_and_names_columns_of_its_table(page: Parsed) -> None:
    found = charts(page)

    assert {"performance", "coverage", "segments-carrier", "drift", "timeline"} < {*found}
    for chart in found.values():
        names = [column["name"] for column in chart["columns"]]
        rows = [dict(zip(names, row, strict=True)) for row in chart["rows"]]
        spec = {**chart["spec"], "datasets": {"rows": rows}}
        assert vl_convert.vegalite_to_vega(spec)["marks"]
        assert not re.search(r"#[0-9a-f]{6}", json.dumps(chart["spec"]))


def test_a_page_shows_what_was_stored(page: Parsed) -> None:
    found, shown = words(page), charts(page)

    assert "version 2" in found
    assert "performance dropped" in found
    assert f"likely due to {world.DRIFTED}" in found
    assert "1,234 rows that broke their contract" in found
    assert "Model card: flight_delays, version 2" in found
    [overall] = [row for row in shown["performance"]["rows"] if row[0] == "2013-04-30"]
    assert overall[2:6] == [0.70, 0.68, 0.72, 0.68]
    assert len(shown["drift"]["rows"]) == 30 * len(world.COUNTED)
    assert {"distribution-wait_minutes", "distribution-carrier"} < {*shown}


def test_a_breach_is_marked_in_its_segment_only(page: Parsed) -> None:
    segments = charts(page)["segments-carrier"]
    place = [column["name"] for column in segments["columns"]].index("is_breached")

    assert {row[0]: row[place] for row in segments["rows"]} == {
        "UA": False,
        "DL": False,
        "EV": True,
    }
    assert segments["rows"][-1][0] == "EV"


def test_of_a_metric_that_should_be_low_the_highest_segment_is_the_weakest() -> None:
    state = world.state()
    monitored = replace(
        state.monitored,
        performance=state.monitored.performance.replace(world.METRIC, "rmse"),
        reports=state.monitored.reports.replace(world.METRIC, "rmse"),
    )

    found = charts(Parsed(drawn(replace(state, metric="rmse", monitored=monitored))))

    assert [row[0] for row in found["segments-carrier"]["rows"]] == ["EV", "DL", "UA"]
    assert found["performance"]["title"] == "rmse by day"


@pytest.mark.parametrize(
    ("cadence", "hours"), [(Cadence.HOURLY, 1), (Cadence.DAILY, 24), (Cadence.WEEKLY, 168)]
)
def test_a_cell_of_the_heat_map_is_as_long_as_a_partition(cadence: Cadence, hours: int) -> None:
    found = charts(Parsed(drawn(world.state(calendar=Calendar(cadence)))))

    [calculated] = found["drift"]["spec"]["transform"]
    assert calculated["calculate"] == f"datum.ds + {hours * 3_600_000}"


def test_without_reports_the_line_is_a_moving_mean() -> None:
    state = world.state()
    monitored = replace(state.monitored, reports=Monitored().reports)

    chart = charts(Parsed(drawn(replace(state, monitored=monitored))))["performance"]

    means = [row[2] for row in chart["rows"]]
    values = [row[1] for row in chart["rows"]]
    assert means[9] == pytest.approx(sum(values[3:10]) / 7, abs=1e-4)
    assert {row[3] for row in chart["rows"]} == {None}


def test_a_pipeline_without_anything_has_sentences_instead_of_charts() -> None:
    found = Parsed(drawn(world.empty()))

    assert charts(found) == {}
    for text in (
        "No alert is open.",
        "No label of a prediction has arrived yet",
        "No drift report is stored yet",
        "Nothing was decided yet.",
        "No row was rejected.",
        "as there is no champion yet",
    ):
        assert text in words(found)


def test_what_cannot_be_read_is_said_and_the_rest_is_shown() -> None:
    state = world.state(problems=["flight_delays/drift_report 2013-04-02 was altered"])
    broken = replace(state, monitored=replace(state.monitored, drift=Monitored().drift))

    found = Parsed(drawn(broken))

    assert "Cannot be read: flight_delays/drift_report 2013-04-02 was altered" in words(found)
    assert "performance" in charts(found)
    assert "drift" not in charts(found)


def test_alerts_tell_who_takes_care_of_them() -> None:
    taken = world.alert(state=AlertState.ACKNOWLEDGED, by="ada", count=3, level=Level.WARNING)

    found = words(Parsed(drawn(world.state(alerts=[taken]))))

    assert "acknowledged by ada" in found
    assert "3 times" in found
    assert "partitions 2013-04-20 to 2013-04-26 · first seen 2026-01-02 03:04 UTC" in found


@pytest.mark.parametrize(
    ("since", "until", "span"),
    [
        pytest.param("2013-04-20", "2013-04-20", "· partition 2013-04-20 · first seen", id="one"),
        pytest.param("", "", "· open · first seen", id="of no partition"),
    ],
)
def test_an_alert_tells_its_partitions_apart_from_when_it_was_seen(
    since: str, until: str, span: str
) -> None:
    alert = world.alert(since=since, until=until)

    assert span in words(Parsed(drawn(world.state(alerts=[alert]))))


def test_the_same_state_is_the_same_page() -> None:
    assert drawn(world.state()) == drawn(world.state())


def test_the_index_leads_to_the_pages_that_there_are() -> None:
    pages = pages_of(world.index(world.state(), world.empty()), LIBRARY)
    index = Parsed(pages[INDEX])

    assert [*pages] == [INDEX, "flight_delays.html"]
    assert "flight_delays.html" in index.addresses
    assert "young.html" not in index.addresses
    assert "young" in words(index)


def test_the_index_shows_alerts_of_pipelines_without_a_page_too() -> None:
    alerts = [
        world.alert(),
        world.alert(pipeline="young", command="ml-assets audit young"),
        world.alert(pipeline="sources", kind="day_quarantined", command=""),
    ]
    shown = Parsed(index_of(world.index(world.state(), world.empty(), alerts=alerts)))

    text = words(shown)
    places = [text.index(f"{one.pipeline} · {world.METRIC}") for one in alerts]
    assert places == sorted(places)
    assert "ml-assets audit young" in text
    assert "docs/runbooks.md#day_quarantined" in text
    assert "flight_delays.html#alerts" in shown.addresses
    assert "young.html#alerts" not in shown.addresses
    assert "img" not in shown.tags


def test_the_index_says_when_no_alert_is_open() -> None:
    index = Parsed(index_of(world.index(world.state())))

    assert "No alert is open." in words(index)


def test_the_index_of_a_project_without_models_names_the_command() -> None:
    assert "ml-assets status" in words(Parsed(index_of(world.index(world.empty()))))


def test_a_page_of_a_released_model_without_card_says_so() -> None:
    released = replace(world.state().released, card=Released().card)

    found = words(Parsed(drawn(world.state(released=released))))

    assert "The champion has no model card." in found
