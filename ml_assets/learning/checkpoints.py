"""Checkpoints of a running training: written atomically, used only by the same training.

``training`` writes them after each slice of iterations.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.content import digest
from ml_assets.errors import UnsafeModel
from ml_assets.learning.model_files.skops_files import read_allowed
from ml_assets.learning.specification import ModelSpecification

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

RECORD = "checkpoint.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A partly fitted model.

    Attributes:
        iterations: number of completed iterations.
        pipeline: the scikit-learn pipeline with the partly fitted estimator.
    """

    iterations: int
    pipeline: "Pipeline"


@dataclass(frozen=True)
class Checkpoints:
    """The folder of one training, with the newest checkpoint only."""

    folder: Path

    def save(self, key: str, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and delete the previous one; a failure is only logged."""
        import skops.io

        content = skops.io.dumps(checkpoint.pipeline)
        file = self.folder / f"{checkpoint.iterations}.skops"
        record = {
            "key": key,
            "iterations": checkpoint.iterations,
            "file": file.name,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write_atomically(file, content)
            _write_atomically(self.folder / RECORD, json.dumps(record).encode())
            for other in set(self.folder.iterdir()) - {file, self.folder / RECORD}:
                other.unlink()
        except OSError as error:
            log.warning(f"no checkpoint after {checkpoint.iterations} iterations: {error}")

    def load(self, key: str, also: AbstractSet[str] = frozenset()) -> Checkpoint | None:
        """The newest checkpoint of a training; None without a usable one.

        Args:
            key: identifies the training, see ``training_key``. A damaged checkpoint and one with
                another key are ignored and logged.
            also: types that it may contain besides those of the allow-list.
        """
        if not (self.folder / RECORD).exists():
            return None
        try:
            return self._read(key, also)
        except (OSError, ValueError, KeyError, TypeError, UnsafeModel) as error:
            is_unsafe = isinstance(error, UnsafeModel)
            reason = str(error) if is_unsafe else f"it is damaged ({type(error).__name__}: {error})"
            log.warning(f"checkpoint in {self.folder} ignored, training restarts: {reason}")
            return None

    def _read(self, key: str, also: AbstractSet[str]) -> Checkpoint:
        record = json.loads((self.folder / RECORD).read_bytes())
        if record["key"] != key:
            raise UnsafeModel("it belongs to other data, parameters or code")
        content = (self.folder / record["file"]).read_bytes()
        if record["sha256"] != hashlib.sha256(content).hexdigest():
            raise UnsafeModel("its file was damaged or altered")
        return Checkpoint(int(record["iterations"]), read_allowed("its file", content, also))

    def discard(self) -> None:
        """Remove the checkpoint, after the model is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)


def training_key(specification: ModelSpecification, rows: pd.DataFrame, code_version: str) -> str:
    """Hash that a checkpoint has to share with the training that resumes from it.

    Args:
        specification: specification of the model.
        rows: (n, …) training rows, in the order of fitting.
        code_version: version of the training code.
    """
    import numpy as np
    import sklearn

    used = rows[[*specification.features, specification.label]]
    return digest(
        specification.canonical(),
        repr(specification.checkpoint_every),
        repr(used.dtypes.to_dict()),
        pd.util.hash_pandas_object(used, index=False).to_numpy().tobytes(),
        code_version,
        sklearn.__version__,
        np.__version__,
    )


def _write_atomically(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.draft")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
