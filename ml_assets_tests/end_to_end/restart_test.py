"""A failed run is restarted from the failed step with Dagster's own means, as the UI does it."""

import threading
from collections.abc import Sequence

import dagster as dg
import pytest

from ml_assets_tests.browser.server import query, running
from ml_assets_tests.project import DICTIONARIES, ROOT, Project

FIRST, LAST = "2013-01-02", "2013-01-05"
TABLES = ["sources/flights", "sources/weather", "flight_delays/flight_features"]
DEADLINE_SECONDS = 120
MODULE = "module_name: ml_assets.definitions"

LAUNCH = """mutation {{ launchRun(executionParams: {{
    selector: {{
        repositoryLocationName: "ml_assets.definitions", repositoryName: "__repository__",
        jobName: "__ASSET_JOB", assetSelection: [{assets}]
    }},
    mode: "default", executionMetadata: {{tags: [
        {{key: "dagster/asset_partition_range_start", value: "{first}"}},
        {{key: "dagster/asset_partition_range_end", value: "{last}"}}
    ]}}
}}) {{ __typename ... on LaunchRunSuccess {{ run {{ runId }} }} }} }}"""

REEXECUTE = """mutation {{ launchRunReexecution(
    reexecutionParams: {{parentRunId: "{run_id}", strategy: FROM_FAILURE}}
) {{ __typename ... on LaunchRunSuccess {{ run {{ runId }} }} }} }}"""


def launch(tables: Sequence[str]) -> str:
    """The mutation with which the UI materializes tables over a range."""
    assets = ", ".join(
        "{path: [" + ", ".join(f'"{part}"' for part in table.split("/")) + "]}" for table in tables
    )
    return LAUNCH.format(assets=assets, first=FIRST, last=LAST)


def steps(project: Project, run: dg.DagsterRun, event_type: dg.DagsterEventType) -> set[str]:
    """Keys of the steps of a run that have such an event."""
    logs = project.instance.all_logs(run.run_id, of_type=event_type)
    return {str(log.step_key) for log in logs}


def finished(project: Project, run_id: str) -> dg.DagsterRun:
    """The run, once it has ended."""
    pause = threading.Event()
    for _ in range(DEADLINE_SECONDS * 2):
        run = project.instance.get_run_by_id(run_id)
        if run is not None and run.is_finished:
            return run
        pause.wait(0.5)  # between two questions; the deadline is on the answer
    raise AssertionError(f"run {run_id} did not end in {DEADLINE_SECONDS} s")


@pytest.mark.slow
def test_only_the_failed_step_and_its_dependents_run_again(project: Project) -> None:
    workspace = (ROOT / "workspace.yaml").read_text("utf-8")
    assert MODULE in workspace
    changed = workspace.replace(MODULE, "module_name: ml_assets_tests.reference_pipeline")
    (project.data.parent / "workspace.yaml").write_text(changed, "utf-8")
    assert project.materialize(DICTIONARIES).succeeded
    project.sql("ALTER TABLE weather RENAME TO weather_elsewhere")
    log = project.data.parent / "server.log"

    environment = {"PYTHONPATH": str(ROOT)}
    with running(["dagster", "dev"], project.data.parent, environment, log) as url:
        first = finished(project, query(url, launch(TABLES))["launchRun"]["run"]["runId"])
        project.sql("ALTER TABLE weather_elsewhere RENAME TO weather")
        answer = query(url, REEXECUTE.format(run_id=first.run_id))["launchRunReexecution"]
        again = finished(project, answer["run"]["runId"])

    assert first.status is dg.DagsterRunStatus.FAILURE
    assert steps(project, first, dg.DagsterEventType.STEP_FAILURE) == {"sources__weather"}
    assert "sources__flights" in steps(project, first, dg.DagsterEventType.STEP_SUCCESS)
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert steps(project, again, dg.DagsterEventType.STEP_SUCCESS) == {
        "sources__weather",
        "sources__weather__checks",
        "flight_delays__flight_features",
        "flight_delays__flight_features__checks",
    }


def test_the_same_command_again_computes_only_what_failed(project: Project) -> None:
    assert project.materialize(DICTIONARIES).succeeded
    project.sql("ALTER TABLE weather RENAME TO weather_elsewhere")
    selection = " or ".join(f'key:"{table}"' for table in TABLES)
    first = project.materialize(selection, f"{FIRST}...{LAST}")
    flights = project.lake.open("sources/flights").version()
    project.sql("ALTER TABLE weather_elsewhere RENAME TO weather")

    again = project.materialize(selection, f"{FIRST}...{LAST}")

    assert set(first.failed_steps) == {"sources__weather"}
    assert again.succeeded, again.failed_steps
    assert project.lake.open("sources/flights").version() == flights
    assert len(project.lake.days_stored("flight_delays/flight_features")) == 4
