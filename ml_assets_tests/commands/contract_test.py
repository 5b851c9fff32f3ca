"""``ml-assets contract propose-day``: what it prints for a real table, and what it refuses."""

from subprocess import CompletedProcess

import pytest

from ml_assets.contracts.day import DayContract
from ml_assets.contracts.day_verdicts import judge_days
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.project import Project

WEATHER, SPAN = "sources/weather", "2013-01-01...2013-01-21"


def ask(project: Project, table: str) -> "CompletedProcess[str]":
    """Run the command in the project's folder."""
    return ml_assets(project.data.parent, "contract", "propose-day", table)


def test_proposal_can_be_pasted_and_history_passes_it(project: Project) -> None:
    assert project.materialize(f'key:"{WEATHER}"', SPAN).succeeded

    reported = ask(project, WEATHER)

    assert reported.returncode == 0, reported.stderr
    names: dict[str, object] = {}
    exec(compile(reported.stdout, "proposal", "exec"), names)
    proposed = names["WeatherDay"]
    assert isinstance(proposed, type)
    assert issubclass(proposed, DayContract)
    days = project.lake.days_stored(WEATHER)
    assert judge_days(project.lake.read(WEATHER), days, {}, proposed) == ({}, {})
    assert "origin_present: float = values_present('origin', ['EWR', 'JFK', 'LGA'], ge=1)" in (
        reported.stdout
    )


@pytest.mark.parametrize(
    ("table", "reported"),
    [
        pytest.param("sources/wether", "Did you mean 'sources/weather'?", id="unknown table"),
        pytest.param(WEATHER, "nothing was materialized there yet", id="nothing stored"),
    ],
)
def test_what_cannot_be_proposed_is_reported(project: Project, table: str, reported: str) -> None:
    if table != WEATHER:
        assert project.materialize('key:"sources/airlines"').succeeded

    refused = ask(project, table)

    assert refused.returncode == 2
    assert reported in refused.stderr
