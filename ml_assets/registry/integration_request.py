"""What the two processes of an integration test tell one another, as files in a folder.

The request goes to the process that tests, results come back, a line for each test. What the
tests are is in ``integration_process``, starting it in ``integration``.
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
"""The registry's address goes through the environment: it may hold a password."""

RESULTS = "results.jsonl"


@dataclass(frozen=True)
class Request:
    """What is tested and what is expected of it.

    Attributes:
        name: the model's name.
        models: the folder of the model store.
        specification: the model's.
        fingerprint: of the version that the alias has to name.
        latency_ms: allowed 95th percentile of the time for one request, milliseconds.
        memory_mib: allowed growth of the resident memory, MiB.
        requests: (n, …) golden requests, n ≥ 1.
        predictions: (n,) what the trained model predicts for them.
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
        """Write the files that ``read`` reads."""
        features = self.specification.features
        self.requests[features].reset_index(drop=True).to_parquet(folder / "requests.parquet")
        self.probe[features].reset_index(drop=True).to_parquet(folder / "probe.parquet")
        np.save(folder / "predictions.npy", self.predictions, allow_pickle=False)
        said = {
            "name": self.name,
            "models": str(self.models),
            "specification": _tagged(asdict(self.specification)),
            "fingerprint": self.fingerprint,
            "latency_ms": self.latency_ms,
            "memory_mib": self.memory_mib,
        }
        (folder / "request.json").write_text(json.dumps(said), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Request":
        """Read what ``write`` wrote."""
        said = json.loads((folder / "request.json").read_text("utf-8"), object_hook=_untagged)
        return cls(
            name=said["name"],
            models=Path(said["models"]),
            specification=ModelSpecification(**said["specification"]),
            fingerprint=said["fingerprint"],
            latency_ms=said["latency_ms"],
            memory_mib=said["memory_mib"],
            requests=pd.read_parquet(folder / "requests.parquet"),
            predictions=np.load(folder / "predictions.npy", allow_pickle=False),
            probe=pd.read_parquet(folder / "probe.parquet"),
        )


class IntegrationResult(BaseModel, extra="forbid", frozen=True):
    """What one test found.

    Attributes:
        test: its name.
        passed: whether the staged version may go on.
        finding: in words; the same in every run that passes.
        figures: what was measured.
        is_measured: whether the test could tell; when not, it has not passed and not failed either.
    """

    test: str
    passed: bool = Field(strict=True)
    finding: str
    figures: dict[str, float] = {}
    is_measured: bool = True

    @property
    def outcome(self) -> IntegrationOutcome:
        """What the test came to."""
        if self.passed:
            return IntegrationOutcome.PASSED
        return IntegrationOutcome.FAILED if self.is_measured else IntegrationOutcome.NOT_MEASURED


def _tagged(value: Any) -> Any:
    """JSON knows no tuples, but a fingerprint depends on whether columns came as one."""
    if isinstance(value, Mapping):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_tagged(item) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    return value


def _untagged(value: dict[str, Any]) -> Any:
    return tuple(value["tuple"]) if value.keys() == {"tuple"} else value
