"""Model files: written atomically with skops, read only through our own allow-list.

A model is addressed by its fingerprint, so storing the same model twice changes nothing.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.errors import UnsafeModel
from ml_assets.learning.skops_files import read_allowed
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import TrainedModel, fingerprint

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

HASHED = ("model.skops", "probe.parquet")

KEPT = 4
"""Models kept in memory: a champion, a challenger, and those before."""


@dataclass(frozen=True)
class ModelStore:
    """Model files below one folder."""

    root: Path

    def save(self, name: str, model: TrainedModel) -> Path:
        """Store a model under its fingerprint; an intact one that is there already stays as it is."""
        import skops.io

        folder = self.folder(name, model.fingerprint)
        if folder.exists():
            if not _altered(folder):
                return folder
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
            draft = Path(temporary) / "model"
            draft.mkdir()
            skops.io.dump(model.pipeline, draft / "model.skops")
            model.probe.to_parquet(draft / "probe.parquet")
            record = {
                "fingerprint": model.fingerprint,
                "rows": model.rows,
                "files": {file: _file_hash(draft / file) for file in HASHED},
            }
            (draft / "model.json").write_text(json.dumps(record), "utf-8")
            _replace(draft, folder)
        return folder

    def load(
        self, name: str, model_fingerprint: str, specification: ModelSpecification
    ) -> "Pipeline":
        """Load a model and make sure that it is the one that was stored.

        Raises:
            UnsafeModel: the file is gone, holds a type outside the allow-list, or is another
                model than its fingerprint says.
        """
        file = self.folder(name, model_fingerprint) / "model.skops"
        if not file.is_file():
            raise UnsafeModel(
                f"Model {name} {model_fingerprint} is not in {self.root}. Materialize it again: "
                "the same data and code give the same model."
            )
        if altered := _altered(file.parent):
            raise UnsafeModel(
                f"{altered} of model {name} was altered after it was stored. It was not loaded. "
                "Restore it, or delete its folder and materialize the model again."
            )
        pipeline, found = _identified(name, file, _file_hash(file), specification)
        if found != model_fingerprint:
            raise UnsafeModel(
                f"Model {name} has fingerprint {found}, expected {model_fingerprint}: its file or "
                f"its specification was changed. Delete {file.parent} and materialize the model "
                "again."
            )
        return pipeline

    def is_intact(self, name: str, model_fingerprint: str) -> bool:
        """Whether a model's files are there, as they were stored."""
        return _altered(self.folder(name, model_fingerprint)) is None

    def probe(self, name: str, model_fingerprint: str) -> pd.DataFrame:
        """The rows that belong to a model's fingerprint, of a model that was loaded before."""
        return pd.read_parquet(self.folder(name, model_fingerprint) / "probe.parquet")

    def folder(self, name: str, model_fingerprint: str) -> Path:
        """Where a model's files are."""
        return self.root / name / model_fingerprint


@lru_cache(maxsize=KEPT)
def _identified(
    name: str, file: Path, content: str, specification: ModelSpecification
) -> "tuple[Pipeline, str]":
    """A model and its fingerprint, read once for each content of its file."""
    del content
    pipeline, probe = _read(name, file)
    return pipeline, fingerprint(specification, pipeline, probe)


def _read(name: str, file: Path) -> "tuple[Pipeline, pd.DataFrame]":
    pipeline = read_allowed(f"Model file {file.name} of {name}", file.read_bytes())
    try:
        return pipeline, pd.read_parquet(file.with_name("probe.parquet"))
    except Exception as error:  # a hostile file can make its reader raise anything
        raise UnsafeModel(
            f"Probe of model {name} cannot be read ({type(error).__name__}: {error}). Delete its "
            "folder and materialize the model again."
        ) from error


def _altered(folder: Path) -> str | None:
    """Name of a file that is not what was stored, or None."""
    try:
        record = json.loads((folder / "model.json").read_text("utf-8"))
        if record["fingerprint"] != folder.name:
            return "model.json"
        recorded = record["files"]
        return next((file for file in HASHED if _file_hash(folder / file) != recorded[file]), None)
    except (OSError, ValueError, KeyError, TypeError):
        return "model.json"


def _file_hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _replace(draft: Path, folder: Path) -> None:
    try:
        draft.replace(folder)
    except OSError:  # another process stored the same model first
        if not folder.exists():
            raise
        shutil.rmtree(draft)
