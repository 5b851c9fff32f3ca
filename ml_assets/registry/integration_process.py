"""The integration tests of a staged model, and the process that runs them.

``python -m ml_assets.registry.integration_process <folder>`` reads a request from the folder and
writes a result after each test, so that a crash keeps the earlier results. ``integration`` starts
the process and evaluates the results.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.errors import MLAssetsError, RegistryMismatch, TransientError
from ml_assets.learning.artifacts import ModelStore, StoredModel
from ml_assets.learning.scorer.parity import TOLERANCE, UNSEEN, difference, plain_rows
from ml_assets.learning.specification import ModelSpecification, build
from ml_assets.learning.training import fingerprint
from ml_assets.registry.integration_request import REGISTRY_URL, RESULTS, IntegrationResult, Request
from ml_assets.registry.latency import TIMED, IntegrationOutcome, measure, within_budget
from ml_assets.registry.store import STAGING, Registry
from ml_assets.registry.versions import RegisteredVersion, model_table

MEMORY_REQUESTS = 1000
"""Number of predictions in the memory test."""

TEXTS = frozenset({"string"})
NUMBERS = frozenset({"boolean", "integer", "long", "float", "double"})
"""MLflow types of text and numeric input columns."""

SHOWN_PROBLEMS = 3


@dataclass(frozen=True)
class Finding:
    """What a test checks, the problems that it found, and whether it could be measured."""

    promise: str
    problems: Sequence[str] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    is_measured: bool = True


class StagedModel:
    """The version with the alias ``staging``, loaded from the registry on demand."""

    def __init__(self, request: Request, registry: Registry) -> None:
        self.request = request
        self.registry = registry

    @property
    def specification(self) -> ModelSpecification:
        """The model's specification."""
        return self.request.specification

    @cached_property
    def version(self) -> RegisteredVersion:
        """The staged version.

        Raises:
            RegistryMismatch: it is not the requested model.
        """
        name, expected = self.request.name, self.request.fingerprint
        staged = self.registry.with_alias(name, STAGING)
        if staged is None or staged.fingerprint != expected:
            found = "no version" if staged is None else f"fingerprint {staged.fingerprint}"
            raise RegistryMismatch(
                f"Alias {STAGING} of model {name} has {found}, expected fingerprint {expected}. "
                "Stage the model again."
            )
        return staged

    @cached_property
    def memory_before(self) -> float:
        """Resident MiB with all libraries and without the model."""
        import skops.io  # noqa: F401  a later import would count as memory of the model
        import treelite.gtil  # noqa: F401

        build(self.specification)
        return _resident_mib()

    @cached_property
    def model(self) -> StoredModel:
        """The model, loaded once."""
        found = self.version.fingerprint
        _ = self.memory_before
        table = model_table(self.request.name)
        return self.registry.models.load(table, found, self.specification)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """(n,) predictions of the staged model's scorer; (n, k) of k classes."""
        return self.model.scorer.of_frame(rows)

    def predict_plain(self, row: dict[str, Any]) -> np.ndarray:
        """(1,) prediction of a row of plain values; (1, k) of k classes."""
        return self.model.scorer.of_rows([row])


def loads_from_registry(staged: StagedModel) -> Finding:
    """The alias has the expected version, and the model loads with allowed types only."""
    _ = staged.model
    return Finding(f"alias {STAGING} has {staged.version.fingerprint}, and the model loads")


def within_memory_budget(staged: StagedModel) -> Finding:
    """The model and its predictions take no more memory than allowed."""
    requests, budget = staged.request.requests, staged.request.memory_mib
    staged.predict(requests.iloc[np.resize(np.arange(len(requests)), MEMORY_REQUESTS)])
    grown = _resident_mib() - staged.memory_before
    return Finding(
        f"the model and {MEMORY_REQUESTS} predictions take at most {budget:g} MiB",
        [f"{grown:.2f} MiB, allowed are {budget:g} MiB"] if grown > budget else [],
        {"memory_mib": grown},
    )


def signature_matches(staged: StagedModel) -> Finding:
    """The registered signature has the model's input columns, in order and with matching types."""
    specification = staged.specification
    signature = staged.registry.signature(staged.request.name, staged.version.version)
    promise = f"the {len(specification.features)} input columns are registered, in order"
    if list(signature) != specification.features:
        registered, expected = ", ".join(signature), ", ".join(specification.features)
        return Finding(promise, [f"registered are {registered}; expected {expected}"])
    types = dict.fromkeys(_texts(specification), TEXTS)
    types |= dict.fromkeys(specification.numeric, NUMBERS)
    problems = [
        f"{column} is registered as {signature[column]}, expected {' or '.join(sorted(fitting))}"
        for column, fitting in types.items()
        if signature[column] not in fitting
    ]
    return Finding(promise, problems)


def golden_requests(staged: StagedModel) -> Finding:
    """The scorer of the staged model predicts like the trained model, in a batch and one at a time."""
    requests, expected = staged.request.requests, staged.request.predictions
    single = [staged.predict_plain(row) for row in plain_rows(requests)]
    ways = {"in a batch": staged.predict(requests), "one at a time": np.concatenate(single)}
    problems = [
        f"{way}, {wrong} of {len(requests)} predictions differ from the trained model's"
        for way, found in ways.items()
        if (wrong := int((difference(found, expected) > TOLERANCE).sum()))
    ]
    return Finding(
        f"{len(requests)} predictions, in a batch and one at a time, equal the trained model's",
        problems,
    )


def survives_missing_values(staged: StagedModel) -> Finding:
    """The model predicts if an input is missing, or if all are."""
    rows = staged.request.requests
    features = staged.specification.features
    missing = {name: rows[name].where(rows[name].isna()) for name in features}
    variants = {f"without {name}": rows.assign(**{name: none}) for name, none in missing.items()}
    variants["without any input"] = rows.assign(**missing)
    return Finding(
        f"each of {len(missing)} inputs may be missing, and all", _unusable(staged, variants)
    )


def survives_unseen_categories(staged: StagedModel) -> Finding:
    """The model predicts if a category or a text did not occur in training."""
    rows, names = staged.request.requests, _texts(staged.specification)
    variants = {f"with an unseen {name}": rows.assign(**{name: UNSEEN}) for name in names}
    return Finding(
        f"each of {len(names)} categories and texts may be unseen", _unusable(staged, variants)
    )


def equals_trained_model(staged: StagedModel) -> Finding:
    """The loaded model has the fingerprint of the trained model."""
    found = fingerprint(staged.specification, staged.model.pipeline, staged.request.probe)
    expected = staged.request.fingerprint
    return Finding(
        f"the loaded model has fingerprint {expected}",
        [f"fingerprint {found}, expected {expected}"] if found != expected else [],
    )


def within_latency_budget(staged: StagedModel) -> Finding:
    """Single requests are within the latency budget, scaled to the speed of this machine."""
    budget, requests = staged.request.latency_ms, plain_rows(staged.request.requests)

    def answer(number: int) -> object:
        return staged.predict_plain(requests[number % len(requests)])

    found = within_budget(lambda: measure(answer), budget)
    return Finding(
        f"95th percentile of {TIMED} single requests is at most {budget:g} ms, at the speed of the "
        "reference machine",
        [found.reason] if found.reason else [],
        {"latency_p50_ms": found.latency.p50, "latency_p95_ms": found.latency.p95},
        is_measured=found.outcome is not IntegrationOutcome.NOT_MEASURED,
    )


TESTS: dict[str, Callable[[StagedModel], Finding]] = {
    test.__name__: test
    for test in (
        loads_from_registry,
        within_memory_budget,
        signature_matches,
        golden_requests,
        survives_missing_values,
        survives_unseen_categories,
        equals_trained_model,
        within_latency_budget,
    )
}
"""Name → test, in the order of execution; memory is measured before other tests use any."""


def _unusable(staged: StagedModel, variants: Mapping[str, pd.DataFrame]) -> list[str]:
    """Variants of the requests without a valid prediction, with the reason."""
    problems = ((how, _problem(staged, rows)) for how, rows in variants.items())
    return [f"{how}: {problem}" for how, problem in problems if problem]


def _problem(staged: StagedModel, rows: pd.DataFrame) -> str:
    if rows.empty:
        return "there is no request"
    try:
        predictions = staged.predict(rows)
    except Exception as error:  # any error of the model is a finding
        return _reason(error)
    if not np.isfinite(predictions).all():
        return "a prediction is not finite"
    if staged.specification.task != "regression" and (abs(predictions - 0.5) > 0.5).any():
        return "a probability is not within 0..1"
    classes = staged.specification.classes
    if classes and predictions.shape != (len(rows), len(classes)):
        return f"{predictions.shape[1]} probabilities per row, expected {len(classes)}"
    return ""


def _texts(specification: ModelSpecification) -> list[str]:
    return [*specification.categorical, *specification.text]


def _resident_mib() -> float:
    import psutil

    return float(psutil.Process().memory_info().rss) / 2**20


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, MLAssetsError) else f"{type(error).__name__}: {text}"


def _result(name: str, staged: StagedModel) -> IntegrationResult:
    try:
        finding = TESTS[name](staged)
    except TransientError as error:
        return IntegrationResult(test=name, passed=False, finding=_reason(error), is_measured=False)
    except Exception as error:  # this test fails, the others continue
        return IntegrationResult(test=name, passed=False, finding=_reason(error))
    text = "; ".join(finding.problems[:SHOWN_PROBLEMS]) or finding.promise
    return IntegrationResult(
        test=name,
        passed=not finding.problems,
        finding=text,
        figures=dict(finding.figures),
        is_measured=finding.is_measured,
    )


def main(folder: Path) -> None:
    """Run all tests of the request in a folder."""
    request = Request.read(folder)
    registry = Registry(os.environ[REGISTRY_URL], ModelStore(request.models))
    staged = StagedModel(request, registry)
    with (folder / RESULTS).open("w", encoding="utf-8") as results:
        for name in TESTS:
            print(_result(name, staged).model_dump_json(), file=results, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
