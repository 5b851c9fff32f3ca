"""Class G: what could not be measured is no evidence against a model (here: its integration tests)."""

from collections.abc import Callable

import pandas as pd
import pytest

from ml_assets.registry.integration import IntegrationTest, until_measured
from ml_assets.registry.integration_request import IntegrationResult
from ml_assets.registry.latency import IntegrationOutcome
from ml_assets.registry.store import CHAMPION as CHAMPION_ALIAS
from ml_assets.release.audit import audit
from ml_assets.release.promotion import release_command
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import ASKED_FOR, RELEASED, assets, nouns_of, tick
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import run_all

PIPELINE = "flight_delays"
TIMED_OUT = "no result: the tests took more than 120 s and were stopped"
LATENCY = "95th percentile 107.00 ms, allowed are 100 ms; but the machine was 6.0 times slower"


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


def machine_that_finds(
    results: dict[str, IntegrationResult], finding: str
) -> Callable[..., object]:
    """Stands in for the process that tests, as its machine decides what it finds."""

    def integration_tests(*arguments: object) -> tuple[pd.DataFrame, dict[str, float]]:
        rows = pd.DataFrame(
            {
                "test": list(results),
                "passed": [result.passed for result in results.values()],
                "outcome": [result.outcome.value for result in results.values()],
                "finding": [name if result.passed else finding for name, result in results.items()],
                "fingerprint": arguments[3],
            }
        )
        return rows, {}

    return integration_tests


@pytest.mark.slow
def test_g4_a_release_on_a_busy_machine_fails_visibly_and_passes_when_it_is_run_again(
    measured: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "ml_assets.components.model_release.staging.integration_tests"
    selection = assets("release_decision", *RELEASED)
    for results, finding in ((STOPPED, TIMED_OUT), (BUSY, LATENCY)):
        monkeypatch.setattr(where, machine_that_finds(results, finding))

        outcome = measured.materialize(selection, ASKED_FOR)

        reported = outcome.failed_steps[f"{PIPELINE}__champion__checks"]
        assert (
            f"integration test within_latency_budget could not be measured: {finding}" in reported
        )
        assert release_command(PIPELINE, ASKED_FOR) in reported
        event = audit(
            Workspace.of_environment().lake, Workspace.of_environment().approvals, PIPELINE
        )[-1]
        assert (event.as_of, event.what) == (
            ASKED_FOR,
            "released by gates, did not become champion",
        )
        assert f"within_latency_budget could not be measured: {finding}" in event.reason
        assert release_command(PIPELINE, ASKED_FOR) in event.reason
        [request] = tick(measured, f"{PIPELINE}__retraining").requests
        assert "integration_tests" in nouns_of(request)
    monkeypatch.setattr(where, machine_that_finds(PASSED, ""))

    run_all(measured, reported)

    champion = Workspace.of_environment().registry.with_alias(PIPELINE, CHAMPION_ALIAS)
    assert champion is not None
    assert champion.as_of == ASKED_FOR
    assert tick(measured, f"{PIPELINE}__retraining").requests == []
