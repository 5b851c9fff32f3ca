"""``ml-assets lineage``, and what a run tells of columns: in the provenance and in Dagster."""

import json
from subprocess import CompletedProcess

import dagster as dg

from ml_assets.orchestration.assets.columns import LINEAGE_KEY
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.project import Project

DAYS = ["2013-01-02", "2013-01-03"]
FEATURES = "flight_delays/flight_features"


def ask(project: Project, *arguments: str) -> "CompletedProcess[str]":
    """Run the command in the project's folder."""
    return ml_assets(project.data.parent, "lineage", *arguments)


def test_columns_are_reported_by_the_command_and_by_the_last_day_of_a_run(project: Project) -> None:
    assert project.materialize_daily("...".join(DAYS)).succeeded

    reported = ask(project, f"{FEATURES}.wind_gust")
    as_json = ask(project, "sources/weather.wind_gust", "--json")

    assert reported.returncode == 0, reported.stderr
    assert reported.stdout.splitlines()[:6] == [
        f"{FEATURES}.wind_gust",
        "  made from",
        "    (declared)",
        "    sources/flights: origin, time_hour",
        "    sources/weather: origin, time_hour, wind_gust",
        "  comes from",
    ]
    assert json.loads(as_json.stdout)["sources/weather.wind_gust"] == {
        "made_from": {"source_files/weather": ["wind_gust"]},
        "comes_from": {"source_files/weather": ["wind_gust"]},
        "goes_into": {
            FEATURES: ["wind_gust"],
            "flight_delays/origin_state": ["wind_gust"],
            **_letters(project, "sources/weather"),
        },
        "basis": {"known": "declared"},
    }
    assert _days_with_lineage(project, FEATURES) == DAYS[-1:]


def test_names_that_do_not_exist_exit_2(project: Project) -> None:
    assert project.materialize('key:"sources/airlines"').succeeded

    table, column = ask(project, "sources/airline"), ask(project, "sources/airlines.nam")

    assert (table.returncode, column.returncode) == (2, 2)
    assert "There is no table 'sources/airline'" in table.stderr
    assert "Did you mean 'name'?" in column.stderr


def _letters(project: Project, table: str) -> dict[str, list[str]]:
    """The dead letters of a table, where it has some."""
    has_some = bool(project.dead_letters(table))
    return {f"{table}_dead_letters": ["row", "rule"]} if has_some else {}


def _days_with_lineage(project: Project, table: str) -> list[str]:
    key = dg.AssetKey(table.split("/"))
    records = project.instance.fetch_materializations(key, limit=10).records
    return [
        str(record.partition_key)
        for record in records
        if record.asset_materialization and LINEAGE_KEY in record.asset_materialization.metadata
    ]
