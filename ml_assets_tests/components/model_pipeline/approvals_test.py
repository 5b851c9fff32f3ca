"""The launchpad job records an approval or rejection, or fails with the reason."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from ml_assets.components.model_release.approvals import approval_job
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.release.approvals.approvals import Action
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide

AS_OF = "2013-07-09"


@pytest.fixture(autouse=True)
def empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A project in a folder of its own, in which a release waits for approval."""
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path))
    monkeypatch.setenv("ML_ASSETS_RETRY_WAITS", "[1]")
    monkeypatch.delenv("ML_ASSETS_POSTGRES_URL", raising=False)
    settings.cache_clear()
    decide(Workspace.of_environment().lake, AS_OF)
    yield
    settings.cache_clear()


@pytest.fixture
def job() -> dg.JobDefinition:
    """The job of a pipeline of which only the name is used."""
    return approval_job(cast("PipelineContext", SimpleNamespace(name=PIPELINE)))


def launch(job: dg.JobDefinition, **config: str) -> dg.ExecuteInProcessResult:
    """Launch the job with some configuration."""
    typed = {"as_of": AS_OF, "by": "Ann", "reason": "fine", **config}
    return job.execute_in_process(
        run_config={"ops": {f"{PIPELINE}__record": {"config": typed}}},
        resources={"workspace": Workspace.of_environment()},
        raise_on_error=False,
    )


@pytest.mark.parametrize(
    ("action", "expires", "is_for_ever"),
    [
        pytest.param("approve", "12h", False, id="approve for a time"),
        pytest.param("approve", "", True, id="approve"),
        pytest.param("reject", "", True, id="reject"),
    ],
)
def test_the_job_records_the_configured_action(
    job: dg.JobDefinition, action: str, expires: str, is_for_ever: bool
) -> None:
    assert launch(job, action=action, expires=expires).success

    (found,) = Workspace.of_environment().approvals.records(PIPELINE, AS_OF)
    assert (found.action, found.by, found.reason) == (Action(action), "Ann", "fine")
    assert (found.evidence, found.expires_at is None) == (EVIDENCE, is_for_ever)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param({"as_of": "2013-07-10"}, "Expected one of 2013-07-09", id="not decided"),
        pytest.param({"by": ""}, "'by' is empty", id="no name"),
        pytest.param({"expires": "soon"}, "'soon' is not a duration", id="unusable expiry"),
    ],
)
def test_an_invalid_configuration_fails_once_with_the_reason(
    job: dg.JobDefinition, config: dict[str, str], message: str
) -> None:
    result = launch(job, action="approve", **config)

    assert not result.success
    failure: Any = next(event for event in result.all_events if event.is_step_failure)
    assert message in failure.step_failure_data.error.cause.message
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    assert Workspace.of_environment().approvals.records(PIPELINE) == []


def test_the_job_cannot_record_a_use_of_an_approval(job: dg.JobDefinition) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="apply"):
        launch(job, action="apply")


def test_the_launchpad_describes_the_configuration(job: dg.JobDefinition) -> None:
    fields: Any = job.run_config_schema.config_type
    typed = fields.fields["ops"].config_type.fields[f"{PIPELINE}__record"].config_type
    config = typed.fields["config"].config_type.fields

    assert {name for name, field in config.items() if field.is_required} == {
        "as_of", "action", "by", "reason",
    }  # fmt: skip
    assert all(field.description for field in config.values())
