"""Request and results of the integration tests, exchanged as files in a folder.

``integration`` writes the request; ``integration_process`` writes a line of results for each test.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from ml_assets.learning.specification import ModelSpecification
from ml_assets.registry.latency import IntegrationOutcome

REGISTRY_URL = "ML_ASSETS_REGISTRY_URL"
"""Environment variable with the registry's URL, which may contain a password."""

RESULTS = "results.jsonl"


@dataclass(frozen=True)
class Request:
    """The model to test, and the expected results.

    Attributes:
        name: name of the model.
        models: folder of the model store.
        specification: specification of the model.
        fingerprint: expected fingerprint of the version with the alias.
        latency_ms: largest 95th percentile of the time for one request, milliseconds.
        memory_mib: largest growth of the resident memory, MiB.
        requests: (n, …) golden requests, n ≥ 1.
        predictions: (n,) predictions of the trained model for them; (n, k) of k classes.
        probe: the rows that belong to the fingerprint.
    """

    name: str
    models: Path
    specification: ModelSpecification
    fingerprint: str
    latency_ms: float
    memory_mib: float
    requests: pd.DataFrame
    predictions: np.ndarray
    probe: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write the request as files, for ``read``."""
        features = self.specification.features
        self.requests[features].reset_index(drop=True).to_parquet(folder / "requests.parquet")
        self.probe[features].reset_index(drop=True).to_parquet(folder / "probe.parquet")
        np.save(folder / "predictions.npy", self.predictions, allow_pickle=False)
        document = {
            "name": self.name,
            "models": str(self.models),
            "specification": _tagged(asdict(self.specification)),
            "fingerprint": self.fingerprint,
            "latency_ms": self.latency_ms,
            "memory_mib": self.memory_mib,
        }
        (folder / "request.json").write_text(json.dumps(document), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Request":
        """Read the files of ``write``."""
        document = json.loads((folder / "request.json").read_text("utf-8"), object_hook=_untagged)
        return cls(
            name=document["name"],
            models=Path(document["models"]),
            specification=ModelSpecification(**document["specification"]),
            fingerprint=document["fingerprint"],
            latency_ms=document["latency_ms"],
            memory_mib=document["memory_mib"],
            requests=pd.read_parquet(folder / "requests.parquet"),
            predictions=np.load(folder / "predictions.npy", allow_pickle=False),
            probe=pd.read_parquet(folder / "probe.parquet"),
        )


class IntegrationResult(BaseModel, extra="forbid", frozen=True):
    """Result of one test.

    Attributes:
        test: name of the test.
        passed: whether the test passed.
        finding: description; the same in every run that passes.
        figures: measurements.
        is_measured: whether the test could be measured; if not, it neither passed nor failed.
    """

    test: str
    passed: bool = Field(strict=True)
    finding: str
    figures: dict[str, float] = {}
    is_measured: bool = True

    @property
    def outcome(self) -> IntegrationOutcome:
        """Outcome of the test."""
        if self.passed:
            return IntegrationOutcome.PASSED
        return IntegrationOutcome.FAILED if self.is_measured else IntegrationOutcome.NOT_MEASURED


def _tagged(value: Any) -> Any:
    """The value with tuples marked, as JSON has none and the fingerprint depends on them."""
    if isinstance(value, Mapping):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_tagged(item) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    return value


def _untagged(value: dict[str, Any]) -> Any:
    return tuple(value["tuple"]) if value.keys() == {"tuple"} else value
