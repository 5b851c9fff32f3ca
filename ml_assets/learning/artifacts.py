"""Model files: written atomically with skops, read only with types of an allow-list.

A model is addressed by its fingerprint, so storing the same model twice changes nothing.
"""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.errors import UnsafeModel
from ml_assets.learning.skops_files import read_allowed
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import FittedModel, fingerprint

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

MODEL_FILE, PROBE, RECORD = "model.skops", "probe.parquet", "model.json"
HASHED = (MODEL_FILE, PROBE)
MODEL_FILES = frozenset({*HASHED, RECORD})
"""The files of a model; the record contains hashes of the others."""

CACHED_MODELS = 4
"""Number of models in memory: a champion, a challenger, and their predecessors."""


@dataclass(frozen=True)
class ModelStore:
    """Model files in one folder."""

    root: Path

    def save(self, name: str, model: FittedModel) -> Path:
        """Store a model under its fingerprint, unless it is stored already and intact.

        Other files in its folder, such as the registry's, stay unchanged.
        """
        import skops.io

        folder = self.folder(name, model.fingerprint)
        if self.is_intact(name, model.fingerprint):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
            draft = Path(temporary) / "model"
            draft.mkdir()
            skops.io.dump(model.pipeline, draft / MODEL_FILE)
            model.probe.to_parquet(draft / PROBE)
            record = {
                "fingerprint": model.fingerprint,
                "rows": model.rows,
                "files": {file: _file_hash(draft / file) for file in HASHED},
            }
            (draft / RECORD).write_text(json.dumps(record), "utf-8")
            _replace(draft, folder)
        return folder

    def load(
        self, name: str, model_fingerprint: str, specification: ModelSpecification
    ) -> "Pipeline":
        """Load a model and verify its fingerprint.

        Raises:
            UnsafeModel: the file is gone, contains a type outside the allow-list, or is a model
                with another fingerprint.
        """
        file = self.intact_folder(name, model_fingerprint) / MODEL_FILE
        pipeline, found = _identified(name, file, _file_hash(file), specification)
        if found != model_fingerprint:
            raise UnsafeModel(
                f"Model {name} has fingerprint {found}, expected {model_fingerprint}: its file or "
                f"its specification was changed. Delete {file.parent} and materialize the model "
                "again."
            )
        return pipeline

    def intact_folder(self, name: str, model_fingerprint: str) -> Path:
        """Folder of a model's files, if they are unaltered.

        Raises:
            UnsafeModel: a file is gone or was altered.
        """
        folder = self.folder(name, model_fingerprint)
        if not (folder / MODEL_FILE).is_file():
            raise UnsafeModel(
                f"Model {name} {model_fingerprint} is not in {self.root}. Materialize it again: "
                "the same data and code give the same model."
            )
        if altered := _altered(folder):
            raise UnsafeModel(
                f"{altered} of model {name} was altered after it was stored. It was not loaded. "
                "Restore it, or delete its folder and materialize the model again."
            )
        return folder

    def is_intact(self, name: str, model_fingerprint: str) -> bool:
        """Whether a model's files exist and are unaltered."""
        return _altered(self.folder(name, model_fingerprint)) is None

    def probe(self, name: str, model_fingerprint: str) -> pd.DataFrame:
        """The rows that belong to a model's fingerprint; the model has to be loaded before."""
        return pd.read_parquet(self.folder(name, model_fingerprint) / PROBE)

    def folder(self, name: str, model_fingerprint: str) -> Path:
        """Folder of a model's files."""
        return self.root / name / model_fingerprint


@lru_cache(maxsize=CACHED_MODELS)
def _identified(
    name: str, file: Path, content: str, specification: ModelSpecification
) -> "tuple[Pipeline, str]":
    """A model and its fingerprint, cached by the content of its file."""
    del content
    pipeline, probe = _read(name, file)
    return pipeline, fingerprint(specification, pipeline, probe)


def _read(name: str, file: Path) -> "tuple[Pipeline, pd.DataFrame]":
    pipeline = read_allowed(f"Model file {file.name} of {name}", file.read_bytes())
    try:
        return pipeline, pd.read_parquet(file.with_name(PROBE))
    except Exception as error:  # a malicious file can raise anything
        raise UnsafeModel(
            f"Probe of model {name} cannot be read ({type(error).__name__}: {error}). Delete its "
            "folder and materialize the model again."
        ) from error


def _altered(folder: Path) -> str | None:
    """Name of a file that is gone or was altered; None if all are unaltered."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        if record["fingerprint"] != folder.name:
            return RECORD
        recorded = record["files"]
        return next((file for file in HASHED if _file_hash(folder / file) != recorded[file]), None)
    except (OSError, ValueError, KeyError, TypeError):
        return RECORD


def _file_hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _replace(draft: Path, folder: Path) -> None:
    """Move a model to its folder, or its files if the folder exists; the record last."""
    try:
        draft.replace(folder)
    except OSError:
        if not folder.is_dir():
            raise
        if not _altered(folder):  # another process stored the same model first
            return
        for file in (*HASHED, RECORD):
            (draft / file).replace(folder / file)
