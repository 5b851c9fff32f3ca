"""Integration tests of a staged model: starts them in a clean process and evaluates the results.

A test passes only if the process reports so. On a busy machine, after a kill from outside, or
without a reachable registry, a test is ``not_measured`` and is retried. ``integration_process``
contains the tests. There is no canary, as there is no service yet; it would run after these tests.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, quote_plus

import numpy as np
import pandas as pd
import sqlalchemy as sa
from pydantic import BaseModel, Field, ValidationError

from ml_assets.contracts.contract import Contract, computed
from ml_assets.environment import OMP_WAIT_POLICY
from ml_assets.learning.specification import ModelSpecification
from ml_assets.registry.integration_process import TESTS
from ml_assets.registry.integration_request import REGISTRY_URL, RESULTS, IntegrationResult, Request
from ml_assets.registry.latency import IntegrationOutcome
from ml_assets.registry.store import Registry

ATTEMPTS = 3
"""Largest number of runs while a test could not be measured."""

MODULE = "ml_assets.registry.integration_process"

INHERITED = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
POSTGRES = "PG"
"""Environment variables that the process inherits, and prefix of those for Postgres."""

THREADS = {
    "OMP_WAIT_POLICY": OMP_WAIT_POLICY,
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Single requests are faster with one thread."""

HIDDEN = "***"
MAX_FINDING_LENGTH = 300
"""Characters."""


class StagingRules(BaseModel, extra="forbid", frozen=True):
    """Budgets of the integration tests; set in ``defs.yaml``.

    Attributes:
        latency_ms: largest 95th percentile of the time for one request on the reference machine,
            milliseconds; scaled on slower machines, see ``latency``.
        memory_mib: largest growth of the resident memory by the model and its predictions, MiB.
        timeout_seconds: timeout of the tests; those without a result are not measured and retried.
    """

    latency_ms: float = Field(50, gt=0, le=60_000)
    memory_mib: float = Field(512, gt=0, le=65_536)
    timeout_seconds: float = Field(120, gt=0, le=3_600)


TESTED = ["staging_model.fingerprint", "training_dataset.{features}", "training_dataset.split"]
"""Source columns of the tested model and the requests, for ``from``."""


class IntegrationTest(Contract):
    """Result of one integration test of the staged model."""

    fingerprint: str = computed("Fingerprint of the tested model.", ["staging_model.fingerprint"])
    test: str = computed("Name of the test.", ["staging_model.fingerprint"], isin=list(TESTS))
    passed: bool = computed("Whether the test passed.", TESTED)
    outcome: str = computed(
        "passed, failed, or not_measured if the test had no result.",
        TESTED,
        isin=[*IntegrationOutcome],
    )
    finding: str = computed("What was checked, or what failed.", TESTED)

    class Config:
        """Each test once for each as-of day."""

        unique: ClassVar = ["test"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}

    @classmethod
    def names(cls) -> list[str]:
        """Names of all tests, in the order of execution."""
        return list(TESTS)


def integration_tests(  # noqa: PLR0917
    registry: Registry,
    name: str,
    specification: ModelSpecification,
    fingerprint: str,
    requests: pd.DataFrame,
    predictions: np.ndarray,
    probe: pd.DataFrame,
    rules: StagingRules,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Test the version with the alias ``staging`` in a clean process.

    Args:
        registry: the model registry.
        name: name of the model.
        specification: specification of the model.
        fingerprint: expected fingerprint of the version.
        requests: (n, …) some rows with the input columns.
        predictions: (n,) predictions of the trained model for them; (n, k) of k classes.
        probe: the rows that belong to the fingerprint, see ``FittedModel``.
        rules: budgets.

    Returns:
        Rows of the ``IntegrationTest`` contract without its day, and measurements:
        ``latency_p50_ms``, ``latency_p95_ms``, ``memory_mib`` if their tests ran, and ``seconds``
        of the whole process.
    """
    request = Request(
        name=name,
        models=registry.models.root,
        specification=specification,
        fingerprint=fingerprint,
        latency_ms=rules.latency_ms,
        memory_mib=rules.memory_mib,
        requests=requests,
        predictions=predictions,
        probe=probe,
    )
    started = time.perf_counter()
    found = until_measured(lambda: _attempt(request, registry.url, rules.timeout_seconds))
    figures = {"seconds": time.perf_counter() - started}
    for result in found.values():
        figures |= result.figures
    shown = [
        (
            row.test,
            row.passed,
            row.outcome.value,
            _without_password(row.finding, registry.url)[:MAX_FINDING_LENGTH],
        )
        for row in found.values()
    ]
    rows = pd.DataFrame(shown, columns=["test", "passed", "outcome", "finding"])
    return rows.assign(fingerprint=fingerprint), figures


def until_measured(
    attempt: Callable[[], Mapping[str, IntegrationResult]], attempts: int = ATTEMPTS
) -> Mapping[str, IntegrationResult]:
    """The results of the first attempt that measured every test, or else of the last attempt.

    Args:
        attempt: runs all tests once; returns test → result.
        attempts: largest number of attempts.
    """
    for _ in range(attempts - 1):
        found = attempt()
        if all(result.outcome is not IntegrationOutcome.NOT_MEASURED for result in found.values()):
            return found
    return attempt()


@dataclass(frozen=True)
class _Ending:
    """Reason for missing results, and whether the tests count as measured."""

    reason: str
    is_measured: bool = field(default=True, kw_only=True)


def _attempt(request: Request, url: sa.URL, timeout: float) -> dict[str, IntegrationResult]:
    """Run all tests once; returns a result for each."""
    with tempfile.TemporaryDirectory(prefix="integration-") as temporary:
        folder = Path(temporary)
        request.write(folder)
        ending = _run(folder, url, timeout)
        results = _results(folder / RESULTS)
    return {
        test: results.get(test)
        or IntegrationResult(
            test=test, passed=False, finding=ending.reason, is_measured=ending.is_measured
        )
        for test in TESTS
    }


def _run(folder: Path, url: sa.URL, timeout: float) -> _Ending:
    """Run the process that writes the results; returns the reason for missing ones."""
    errors = folder / "errors.txt"
    try:
        with errors.open("w") as stderr:
            process = subprocess.run(  # noqa: S603
                [sys.executable, "-m", MODULE, str(folder)],
                cwd=folder,
                env=_environment(url),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                timeout=timeout,
                check=False,
            )
    except subprocess.TimeoutExpired:
        return _Ending(
            f"no result: the tests took more than {timeout:g} s and were stopped",
            is_measured=False,
        )
    except OSError as error:
        return _Ending(
            f"no result: the process could not be started ({error.strerror})", is_measured=False
        )
    lines = errors.read_text("utf-8", errors="replace").strip().splitlines()
    output = f"; last output: {lines[-1].strip()}" if lines else ""
    return _Ending(
        f"no result: the process ended with code {process.returncode}{output}",
        is_measured=process.returncode != -signal.SIGKILL,
    )


def _environment(url: sa.URL) -> dict[str, str]:
    """The environment of the clean process: required variables only."""
    kept = {
        variable: value
        for variable, value in os.environ.items()
        if variable in INHERITED or variable.startswith(POSTGRES)
    }
    return {
        **kept,
        **THREADS,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        REGISTRY_URL: url.render_as_string(hide_password=False),
    }


def _results(file: Path) -> dict[str, IntegrationResult]:
    """Test → result, from the complete lines of the file."""
    found = {}
    for line in file.read_bytes().splitlines() if file.is_file() else []:
        try:
            result = IntegrationResult.model_validate_json(line)
        except ValidationError:
            continue
        found[result.test] = result
    return found


def _without_password(text: str, url: sa.URL) -> str:
    if not url.password:
        return text
    password = str(url.password)
    for written in (quote(password, safe=" +"), quote_plus(password), password):
        text = text.replace(written, HIDDEN)
    return text
