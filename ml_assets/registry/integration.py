"""Integration tests of a staged model, in a clean process: starting it and judging its answer.

A test passes only if the process says so. A busy machine, a process that was killed from outside or a
registry that does not answer say nothing of the model: such a test is ``not_measured`` and is tried
again. What the tests are is in ``integration_process``. A canary, a share of real requests that the staged version
answers, belongs between these tests and the alias ``champion``; it comes with the service.
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

from ml_assets.contracts.contract import Contract, made
from ml_assets.environment import OMP_WAIT_POLICY
from ml_assets.learning.specification import ModelSpecification
from ml_assets.registry.integration_process import TESTS
from ml_assets.registry.integration_request import REGISTRY_URL, RESULTS, IntegrationResult, Request
from ml_assets.registry.latency import IntegrationOutcome
from ml_assets.registry.store import Registry

ATTEMPTS = 3
"""Times that the tests are run while one of them could not be measured."""

MODULE = "ml_assets.registry.integration_process"

INHERITED = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
POSTGRES = "PG"
"""What the process keeps: to find libraries, and how to reach Postgres."""

THREADS = {
    "OMP_WAIT_POLICY": OMP_WAIT_POLICY,
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""A single request is too small for several threads: they make it slower."""

HIDDEN = "***"
SHOWN = 300
"""Characters of a finding that are kept."""


class StagingRules(BaseModel, extra="forbid", frozen=True):
    """What a staged model may take; set in ``defs.yaml``.

    Attributes:
        latency_ms: allowed 95th percentile of the time for one request on the reference machine,
            milliseconds; a slower machine may take longer, see ``latency``.
        memory_mib: allowed growth of the resident memory by the model and its predictions, MiB.
        timeout_seconds: after this time the tests are stopped; those without a result are not
            measured, and run again a few times.
    """

    latency_ms: float = Field(50, gt=0, le=60_000)
    memory_mib: float = Field(512, gt=0, le=65_536)
    timeout_seconds: float = Field(120, gt=0, le=3_600)


TESTED = ["staging_model.fingerprint", "training_dataset.{features}", "training_dataset.split"]
"""What a contract's ``from`` says of the model and the requests that are tested."""


class IntegrationTest(Contract):
    """What one test of the staged model found."""

    fingerprint: str = made(
        "What identifies the model that was tested.", ["staging_model.fingerprint"]
    )
    test: str = made("Name of the test.", ["staging_model.fingerprint"], isin=list(TESTS))
    passed: bool = made("The staged model does what the test asks for.", TESTED)
    outcome: str = made(
        "passed, failed, or not_measured where the test could not tell.",
        TESTED,
        isin=[*IntegrationOutcome],
    )
    finding: str = made("What was made sure, or what went wrong.", TESTED)

    class Config:
        """Each test once for each as-of day."""

        unique: ClassVar = ["test"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}

    @classmethod
    def names(cls) -> list[str]:
        """Names of all tests, in the order they run."""
        return list(TESTS)


def integration_tests(  # noqa: PLR0917  what is tested, what is expected, what is allowed
    registry: Registry,
    name: str,
    specification: ModelSpecification,
    fingerprint: str,
    requests: pd.DataFrame,
    predictions: np.ndarray,
    probe: pd.DataFrame,
    rules: StagingRules,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Test the version that the alias ``staging`` names, in a clean process.

    Args:
        registry: where it is registered.
        name: the model's name.
        specification: the model's.
        fingerprint: of the version that the alias has to name.
        requests: (n, …) some rows with the input columns.
        predictions: (n,) what the trained model predicts for them.
        probe: the rows that belong to the fingerprint, see ``FittedModel``.
        rules: budgets.

    Returns:
        Rows of the ``IntegrationTest`` contract without its day, and what was measured:
        ``latency_p50_ms``, ``latency_p95_ms``, ``memory_mib`` as far as their tests came, and
        ``seconds`` of the whole process.
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
            _without_password(row.finding, registry.url)[:SHOWN],
        )
        for row in found.values()
    ]
    rows = pd.DataFrame(shown, columns=["test", "passed", "outcome", "finding"])
    return rows.assign(fingerprint=fingerprint), figures


def until_measured(
    attempt: Callable[[], Mapping[str, IntegrationResult]], attempts: int = ATTEMPTS
) -> Mapping[str, IntegrationResult]:
    """The results of the first attempt in which every test could tell, or else of the last one.

    Args:
        attempt: runs all tests once; test → its result.
        attempts: how often, at most.
    """
    for _ in range(attempts - 1):
        found = attempt()
        if all(result.outcome is not IntegrationOutcome.NOT_MEASURED for result in found.values()):
            return found
    return attempt()


@dataclass(frozen=True)
class _Ending:
    """Why some results may be missing, and whether that says something of the model."""

    reason: str
    is_measured: bool = field(default=True, kw_only=True)


def _attempt(request: Request, url: sa.URL, timeout: float) -> dict[str, IntegrationResult]:
    """Run all tests once; each has a result."""
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
    """Let the process write its results, and say why some may be missing."""
    errors = folder / "errors.txt"
    try:
        with errors.open("w") as stderr:
            process = subprocess.run(  # noqa: S603  ourselves
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
    told = f"; it said: {lines[-1].strip()}" if lines else ""
    return _Ending(
        f"no result: the process ended with code {process.returncode}{told}",
        is_measured=process.returncode != -signal.SIGKILL,
    )


def _environment(url: sa.URL) -> dict[str, str]:
    """What the process needs, and nothing that could make it behave as only this one does."""
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
    """Test → its result, as far as the process wrote whole lines."""
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
