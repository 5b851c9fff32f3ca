"""The scorer of a version, and its difference from scikit-learn: a record beside the model."""

from dataclasses import dataclass

import pandas as pd
from pydantic import BaseModel, ValidationError

from ml_assets.errors import ScorerMismatch
from ml_assets.learning.artifacts import StoredModel
from ml_assets.learning.scorer.parity import TOLERANCE, parity
from ml_assets.registry.files import write_texts
from ml_assets.registry.store import Registry

SERVING = "serving.json"


class ServingRecord(BaseModel, extra="forbid", frozen=True):
    """The scorer for batches and services.

    Attributes:
        served_by: treelite, numpy, xgboost or scikit-learn.
        reason: why it is scikit-learn, as the end of a sentence; otherwise empty.
        rows: number of rows whose predictions were compared with scikit-learn's.
        distance: their largest difference, see ``parity.TOLERANCE``.
        latency_p50_ms: median time for one request in the integration tests; None before them.
    """

    served_by: str
    reason: str
    rows: int
    distance: float
    latency_p50_ms: float | None = None

    @property
    def shown(self) -> dict[str, str | float]:
        """Metadata of a version that was just compared."""
        why = {"not by a scorer because": self.reason} if self.reason else {}
        return {
            "served by": self.served_by,
            **why,
            "compared rows": self.rows,
            "largest difference to scikit-learn": self.distance,
        }


def compared(name: str, as_of: str, model: StoredModel, rows: pd.DataFrame) -> ServingRecord:
    """Compare the scorer of a model with its pipeline.

    Args:
        name: name of the model.
        as_of: its as-of day.
        model: the model.
        rows: (n, …) held-out rows with its input columns, which the model was not fitted on.

    Raises:
        ScorerMismatch: they predict different numbers, or there are no rows.
        UnsafeModel: they do so on the model's own probe.
    """
    if rows.empty:
        raise ScorerMismatch(
            f"Model {name} as of {as_of} is not staged: its training dataset has no test rows to "
            "compare its scorer on. Increase 'test_window', or materialize training_dataset again."
        )
    found = parity(model.scorer, model.pipeline, rows)
    if found.problems:
        raise ScorerMismatch(
            f"Model {name} as of {as_of} is not staged: {model.scorer.served_by} predicts other "
            f"numbers than scikit-learn. {found.shown_problems}. Expected differences of at most "
            f"{TOLERANCE:g}. Install the locked libraries with 'make setup' and stage it again, or "
            "choose another estimator or preprocessing in defs.yaml; a factory that returns a "
            "subclass of the estimator is served by scikit-learn itself."
        )
    scorer = model.scorer
    return ServingRecord(
        served_by=scorer.served_by, reason=scorer.reason, rows=found.rows, distance=found.distance
    )


@dataclass(frozen=True)
class ServingRecords:
    """The records of a model's versions.

    Attributes:
        registry: the model registry.
        name: name of the model.
    """

    registry: Registry
    name: str

    def of(self, version: int) -> ServingRecord | None:
        """The record of a version; None if it was staged before there were records.

        Raises:
            RegistryMismatch: there is no such version.
        """
        file = self.registry.folder(self.name, version) / SERVING
        try:
            return ServingRecord.model_validate_json(file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write(self, version: int, record: ServingRecord) -> None:
        """Write the record of a version.

        Raises:
            RegistryMismatch: there is no such version.
        """
        what = f"model {self.name} version {version}"
        folder = self.registry.folder(self.name, version)
        write_texts(what, folder, {SERVING: record.model_dump_json()})

    def add_latency(self, version: int, latency_p50_ms: float | None) -> None:
        """Add the measured latency to the record of a version, if there are both."""
        record = self.of(version)
        if record and latency_p50_ms is not None:
            self.write(version, record.model_copy(update={"latency_p50_ms": latency_p50_ms}))
