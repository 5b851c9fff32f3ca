"""Model files: written atomically without pickle, read only with types of an allow-list.

A model is addressed by its fingerprint, so storing the same model twice changes nothing. It is a
file of skops, and a file in its library's own format for each booster of LightGBM or XGBoost.
"""

import hashlib
import json
import tempfile
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.errors import TrainingError, UnsafeModel
from ml_assets.learning.model_files.boosters import BOOSTER_FILE, MODEL_FILE, attached
from ml_assets.learning.model_files.skops_files import MATERIALIZE, MAX_FILE_BYTES, read_allowed
from ml_assets.learning.scorer.ensembles import scorer_of
from ml_assets.learning.scorer.parity import TOLERANCE, difference
from ml_assets.learning.scorer.scorer import Scorer
from ml_assets.learning.specification import ModelSpecification, allowed_types
from ml_assets.learning.training import FittedModel, fingerprint, predict
from ml_assets.provenance.code import as_json

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PROBE, RECORD = "probe.parquet", "model.json"
REQUIRED = frozenset({MODEL_FILE, PROBE})
"""Files that every model has, besides its record, which contains hashes of all others."""

CACHED_MODELS = 4
"""Number of models in memory: a champion, a challenger, and their predecessors."""


@dataclass(frozen=True)
class StoredModel:
    """A model that was loaded.

    Attributes:
        pipeline: the fitted scikit-learn pipeline.
        specification: what it was trained by, whatever is configured now.
        probe: the rows that belong to its fingerprint, input columns only.
    """

    pipeline: "Pipeline"
    specification: ModelSpecification
    probe: pd.DataFrame

    @cached_property
    def scorer(self) -> Scorer:
        """The scorer for batches and services, built once.

        Raises:
            UnsafeModel: it predicts other numbers than the pipeline on the probe.
        """
        found = scorer_of(self.specification, self.pipeline, self.probe)
        apart = difference(found.of_frame(self.probe), self.predict(self.probe)).max()
        if apart > TOLERANCE:
            raise UnsafeModel(
                f"The scorer of a model of {self.specification.estimator} ({found.served_by}) differs "
                f"from its scikit-learn pipeline by {apart:.2g} on its probe. Expected at most "
                f"{TOLERANCE:g}. Nothing was predicted. Install the locked libraries: make setup"
            )
        return found

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """The predictions of rows, by the columns that it was trained on; see ``training.predict``."""
        return predict(self.specification, self.pipeline, rows)

    def refuse_lost_columns(self, known: Container[str], table: str) -> None:
        """Refuse a table that no longer has the columns that the model was trained on.

        Args:
            known: columns of the table.
            table: its name.

        Raises:
            UnsafeModel: it lacks some.
        """
        if lost := [name for name in self.specification.features if name not in known]:
            raise UnsafeModel(
                f"the champion uses {', '.join(lost)}, which {table} no longer has. Keep these "
                "columns until a model without them is champion."
            )


@dataclass(frozen=True)
class ModelStore:
    """Model files in one folder."""

    root: Path

    def save(self, name: str, model: FittedModel) -> Path:
        """Store a model under its fingerprint, unless it is stored already and intact.

        Other files in its folder, such as the registry's, stay unchanged.

        Raises:
            TrainingError: a file of the model is too large.
        """
        folder = self.folder(name, model.fingerprint)
        if self.is_intact(name, model.fingerprint):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
            draft = Path(temporary) / "model"
            draft.mkdir()
            for file, content in model.files.items():
                if len(content) > MAX_FILE_BYTES:
                    raise TrainingError(
                        f"{file} of model {name} has {len(content):,} bytes, and at most "
                        f"{MAX_FILE_BYTES:,} can be loaded. Train fewer or smaller trees"
                    )
                (draft / file).write_bytes(content)
            model.probe.to_parquet(draft / PROBE)
            record = {
                "fingerprint": model.fingerprint,
                "rows": model.rows,
                "specification": as_json(model.specification),
                "files": {file: _file_hash(draft / file) for file in sorted({*model.files, PROBE})},
            }
            (draft / RECORD).write_text(json.dumps(record), "utf-8")
            _replace(draft, folder)
        return folder

    def load(
        self, name: str, model_fingerprint: str, specification: ModelSpecification
    ) -> StoredModel:
        """Load a model and verify its fingerprint, which covers the specification stored with it.

        Args:
            name: table name of the model.
            model_fingerprint: its fingerprint.
            specification: the present specification: the model may come from its factory. It is
                also that of models which were stored before theirs was recorded.

        Raises:
            UnsafeModel: the file is gone, contains a type outside the allow-list, or is a model
                with another fingerprint.
        """
        folder = self.intact_folder(name, model_fingerprint)
        content = (folder / RECORD).read_text("utf-8")
        trained_by = _trained_by(name, content, specification)
        allowed = allowed_types(specification)
        model, found = _identified(name, folder, content, trained_by, allowed)
        if found != model_fingerprint:
            raise UnsafeModel(
                f"Model {name} has fingerprint {found}, expected {model_fingerprint}: its files were "
                f"changed. Delete {folder} and materialize the model again."
            )
        return model

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


def is_model_file(name: str) -> bool:
    """Whether a name is that of one of a model's own files."""
    return name == RECORD or name in REQUIRED or bool(BOOSTER_FILE.fullmatch(name))


def _trained_by(name: str, record: str, specification: ModelSpecification) -> ModelSpecification:
    """The specification in a model's record; the present one if it is the same or none is recorded."""
    recorded = json.loads(record).get("specification")
    if recorded in (None, as_json(specification)):
        return specification
    try:
        return ModelSpecification.from_record(recorded)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UnsafeModel(
            f"{RECORD} of model {name} has no usable specification "
            f"({type(error).__name__}: {error}). {MATERIALIZE}"
        ) from None


@lru_cache(maxsize=CACHED_MODELS)
def _identified(
    name: str,
    folder: Path,
    record: str,
    specification: ModelSpecification,
    allowed: frozenset[str],
) -> tuple[StoredModel, str]:
    """A model and its fingerprint, cached by the hashes in its record."""
    known = json.loads(record)["files"]

    def read(file: str) -> bytes:
        if file not in known:
            raise FileNotFoundError(f"{RECORD} does not contain it")
        return (folder / file).read_bytes()

    what = f"Model file {MODEL_FILE} of {name}"
    pipeline = read_allowed(what, read(MODEL_FILE), allowed)
    pipeline = attached(pipeline, read, f"model {name}")
    try:
        probe = pd.read_parquet(folder / PROBE)
        found = fingerprint(specification, pipeline, probe)
        return StoredModel(pipeline, specification, probe), found
    except Exception as error:  # malicious files can raise anything
        raise UnsafeModel(
            f"Model {name} cannot predict its {PROBE} ({type(error).__name__}: {error}). "
            f"{MATERIALIZE}"
        ) from error


def _altered(folder: Path) -> str | None:
    """Name of a file that is gone or was altered; None if all are unaltered."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        recorded = record["files"]
        if record["fingerprint"] != folder.name or not recorded.keys() >= REQUIRED:
            return RECORD
        if not all(is_model_file(file) and file != RECORD for file in recorded):
            return RECORD
        return next(
            (file for file in recorded if not _is_as_recorded(folder / file, recorded)), None
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return RECORD


def _is_as_recorded(file: Path, recorded: Mapping[str, str]) -> bool:
    try:
        is_small = file.stat().st_size <= MAX_FILE_BYTES
        return is_small and _file_hash(file) == recorded[file.name]
    except OSError:
        return False


def _file_hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _replace(draft: Path, folder: Path) -> None:
    """Move a model to its folder, or its files if the folder exists; the record last."""
    try:
        draft.replace(folder)
    except OSError:
        if not folder.is_dir():
            raise
        if not _altered(folder):  # another process stored the same model first
            return
        for file in sorted(draft.iterdir(), key=lambda file: file.name == RECORD):
            file.replace(folder / file.name)
