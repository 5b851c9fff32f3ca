"""Class G: what could not be measured is no evidence against a model (here: its integration tests)."""

import re
from dataclasses import replace

import pytest

from ml_assets.definitions import project_definitions
from ml_assets.registry.integration import IntegrationTest, until_measured
from ml_assets.registry.integration_request import IntegrationResult
from ml_assets.registry.latency import IntegrationOutcome
from ml_assets.registry.store import CHAMPION as CHAMPION_ALIAS
from ml_assets.release.audit import audit
from ml_assets.release.promotion import release_command
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import ASKED_FOR, RELEASED, assets, nouns_of, tick
from ml_assets_tests.project import Project, overridden
from ml_assets_tests.remedies import run_all

PIPELINE = "flight_delays"
STOPPED_AT_ONCE = {"latency_ms": 100, "memory_mib": 512, "timeout_seconds": 0.2}
"""Budgets in which no process can even begin to test."""
NOT_MEASURED = (
    r"integration test \w+ could not be measured: "
    r"no result: the tests took more than 0\.2 s and were stopped"
)
TOO_LARGE = {"latency_ms": 0.0001, "memory_mib": 512}
"""A latency that no machine reaches."""
ABOVE_BUDGET = (
    r"integration test within_latency_budget failed: "
    r"95th percentile [\d.]+ ms, allowed are 0\.0001 ms"
)


def outcomes(**not_passed: IntegrationOutcome) -> dict[str, IntegrationResult]:
    """Results of all tests, some of which did not pass."""
    return {
        name: IntegrationResult(
            test=name,
            passed=name not in not_passed,
            finding=name,
            is_measured=not_passed.get(name) is not IntegrationOutcome.NOT_MEASURED,
        )
        for name in IntegrationTest.names()
    }


BUSY = outcomes(within_latency_budget=IntegrationOutcome.NOT_MEASURED)
STOPPED = outcomes(**dict.fromkeys(IntegrationTest.names(), IntegrationOutcome.NOT_MEASURED))
FAILED = outcomes(golden_requests=IntegrationOutcome.FAILED)
PASSED = outcomes()


@pytest.mark.parametrize(
    ("attempts", "used"),
    [
        pytest.param([PASSED], 1, id="passed at once"),
        pytest.param([FAILED], 1, id="a failed test is not tried again"),
        pytest.param([BUSY, PASSED], 2, id="busy once"),
        pytest.param([STOPPED, BUSY, FAILED], 3, id="stopped, busy, then failed"),
        pytest.param([STOPPED] * 3, 3, id="stopped every time"),
    ],
)
def test_g4_tests_that_could_not_be_measured_are_tried_again_a_few_times(
    attempts: list[dict[str, IntegrationResult]], used: int
) -> None:
    made: list[dict[str, IntegrationResult]] = []

    def attempt() -> dict[str, IntegrationResult]:
        made.append(attempts[len(made)])
        return made[-1]

    assert until_measured(attempt) == attempts[-1]
    assert len(made) == used


@pytest.mark.slow
def test_g4_a_release_whose_tests_are_stopped_or_fail_is_told_apart_and_passes_when_it_can(
    measured: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budgets are those of the configuration; the tests run in their real process."""
    selection = assets("release_decision", *RELEASED)
    for staging, finding in ((STOPPED_AT_ONCE, NOT_MEASURED), (TOO_LARGE, ABOVE_BUDGET)):
        monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(staging=staging))
        settings.cache_clear()
        limited = replace(measured, definitions=project_definitions())

        outcome = limited.materialize(selection, ASKED_FOR)

        reported = outcome.failed_steps[f"{PIPELINE}__champion__checks"]
        assert re.search(finding, reported)
        assert release_command(PIPELINE, ASKED_FOR) in reported
        workspace = Workspace.of_environment()
        event = audit(workspace.lake, workspace.approvals, PIPELINE)[-1]
        assert (event.as_of, event.what) == (
            ASKED_FOR,
            "released by gates, did not become champion",
        )
        assert re.search(finding, event.reason)
        assert release_command(PIPELINE, ASKED_FOR) in event.reason
        [request] = tick(limited, f"{PIPELINE}__retraining").requests
        assert "integration_tests" in nouns_of(request)
    monkeypatch.undo()
    settings.cache_clear()

    run_all(measured, reported)

    champion = Workspace.of_environment().registry.with_alias(PIPELINE, CHAMPION_ALIAS)
    assert champion is not None
    assert champion.as_of == ASKED_FOR
    assert tick(measured, f"{PIPELINE}__retraining").requests == []
