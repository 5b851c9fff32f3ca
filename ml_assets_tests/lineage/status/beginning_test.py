"""The first run of a pipeline of which nothing was processed."""

from ml_assets.configuration.models import pipelines_outside
from ml_assets.lineage.status.beginning import beginning


def test_a_pipeline_begins_with_its_first_source_from_its_first_day_to_its_last() -> None:
    step = beginning("flight_delays")

    assert step is not None
    assert "with which flight_delays begins" in step.step
    assert step.command.endswith("--partition-range 2013-01-01...2013-12-31")
    assert "--assets 'key:\"sources/" in step.command


def test_pipelines_in_other_folders_are_those_of_ones_own() -> None:
    others = ["airport_weather", "flight_ensemble", "flight_chain"]

    assert pipelines_outside(others) == ["flight_delays"]
    assert pipelines_outside([*others, "flight_delays"]) == []
