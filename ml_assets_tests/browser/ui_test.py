"""What a person sees and does in ``make ui``: the graph, a table, its days, its checks."""

import threading

import dagster as dg
import pytest
from playwright.sync_api import Page, expect

from ml_assets_tests.browser.conftest import QUARANTINED, Ui
from ml_assets_tests.browser.lineage import GROUPS, open_lineage

pytestmark = pytest.mark.slow

WEATHER = dg.AssetKey(["sources", "weather"])
PLANES = dg.AssetKey(["sources", "planes"])
EXECUTE = "button:has-text('Execute'):not(:has-text('all'))"
RUN_SECONDS = 120
PASSED_DAYS = 9


def test_lineage_shows_groups_and_their_assets(ui: Ui, page: Page) -> None:
    page.goto(f"{ui.url}/asset-groups")
    for group in GROUPS:
        expect(page.get_by_text(group, exact=True).last).to_be_attached()
    open_lineage(page, ui.url)
    for noun in ("weather", "flight_features", "training_dataset", "model"):
        expect(page.locator(f'svg :text("{noun}")').first).to_be_attached()


def test_sensors_keep_the_loop_going(ui: Ui, page: Page) -> None:
    page.goto(f"{ui.url}/automation")
    for name in ("new_days", "days", "retraining"):
        expect(page.get_by_text(f"flight_delays__{name}", exact=True).first).to_be_visible()


def test_table_page_shows_description_columns_and_plots(ui: Ui, page: Page) -> None:
    page.goto(f"{ui.url}/assets/sources/weather?view=overview")
    for text in (
        "Hourly weather at New York's three airports. One partition per local day.",
        "Temperature. [°F] From source_files/weather.temp.",
        "Wind speed. [mph] From source_files/weather.wind_speed.",
        "data-platform",
    ):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    page.get_by_role("button", name="Plots").click()
    page.get_by_role("button", name="Events", exact=False).last.click()
    for name in ("mean temp", "mean visib", "dead_letters"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()


def test_quarantined_day_is_not_materialized_and_its_neighbours_are(ui: Ui, page: Page) -> None:
    page.goto(f"{ui.url}/assets/sources/weather?view=partitions")
    expect(page.get_by_text(f"Materialized ({PASSED_DAYS})")).to_be_visible()
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    _show_only(page, "Failed")
    expect(page.get_by_text(QUARANTINED, exact=True).first).to_be_visible()
    expect(page.get_by_text("2013-01-05", exact=True)).to_have_count(0)


def test_checks_say_by_day_what_failed_and_why(ui: Ui, page: Page) -> None:
    page.goto(f"{ui.url}/assets/sources/weather?view=checks&checkDetail=meets_contract")
    for name in ("no_dead_letters", "rows_match_data_version", "up_to_date_with_source"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    page.get_by_role("tab", name="Partitions", exact=True).last.click()
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    expect(page.get_by_text(f"Passed ({PASSED_DAYS})")).to_be_visible()
    page.get_by_placeholder("Filter by partition").fill(QUARANTINED)
    page.get_by_text(QUARANTINED, exact=True).first.click()
    expect(page.get_by_text("no rows in the source, though it has later ones")).to_be_visible()


def test_execute_runs_one_check_and_materializes_nothing(ui: Ui, page: Page) -> None:
    before, materialized = _runs(ui), _materializations(ui, PLANES)
    page.goto(f"{ui.url}/assets/sources/planes?view=checks&checkDetail=meets_contract")
    page.locator(EXECUTE).click()
    run = _finished_run(ui, before)
    assert run.asset_check_selection == {dg.AssetCheckKey(PLANES, "meets_contract")}
    assert _results(ui, run, "meets_contract") == {None: True}
    assert _materializations(ui, PLANES) == materialized


def test_execute_all_checks_every_day_and_materializes_nothing(ui: Ui, page: Page) -> None:
    before, materialized = _runs(ui), _materializations(ui, WEATHER)
    page.goto(f"{ui.url}/assets/sources/weather?view=checks")
    page.locator("button:has-text('Execute all')").click()
    run = _finished_run(ui, before)
    results = _results(ui, run, "meets_contract")
    assert results.pop(QUARANTINED) is False
    assert {day for day, passed in results.items() if passed} == {
        f"2013-01-{day:02}" for day in (1, 2, 3, 4, 5, 7, 8, 9, 10)
    }
    assert _materializations(ui, WEATHER) == materialized


def test_dagster_still_offers_no_execute_for_one_check_with_days(ui: Ui, page: Page) -> None:
    """When this fails, Dagster has learnt it, and the README may say so."""
    page.goto(f"{ui.url}/assets/sources/weather?view=checks&checkDetail=meets_contract")
    expect(page.locator(EXECUTE)).to_be_disabled()


def _show_only(page: Page, status: str) -> None:
    for other in {"Failed", "Materialized", "Materializing", "Missing"} - {status}:
        page.get_by_text(f"{other} (").click()


def _runs(ui: Ui) -> set[str]:
    return {run.run_id for run in ui.instance.get_runs()}


def _materializations(ui: Ui, key: dg.AssetKey) -> int:
    return len(ui.instance.fetch_materializations(key, limit=1000).records)


def _finished_run(ui: Ui, before: set[str]) -> dg.DagsterRun:
    """The run that came after the ones before, when it has ended."""
    pause, new = threading.Event(), []
    for _ in range(RUN_SECONDS * 2):
        new = [run for run in ui.instance.get_runs() if run.run_id not in before]
        if new and new[0].is_finished:
            return new[0]
        pause.wait(0.5)  # between two looks
    raise AssertionError(f"No run ended within {RUN_SECONDS} s of pressing the button: {new}")


def _results(ui: Ui, run: dg.DagsterRun, check: str) -> dict[str | None, bool]:
    """Day → whether the check passed in that run; None is a result for the whole table."""
    events = ui.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    data = [event.get_dagster_event().asset_check_evaluation_data for event in events]
    return {item.partition: item.passed for item in data if item.check_name == check}
