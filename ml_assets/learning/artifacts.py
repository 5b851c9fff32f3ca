"""Model files: written atomically with skops, read only through our own allow-list.

A model is addressed by its fingerprint, so storing the same model twice changes nothing.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.errors import UnsafeModel
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import TrainedModel, fingerprint

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

ALLOWED_TYPES = frozenset(
    {
        "functools.partial",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.utils.validation.check_array",
    }
)
"""Types beyond skops' own trusted ones that a model file may hold.

A partial is harmless here: the function it wraps has to be on the list as well.
"""


@dataclass(frozen=True)
class ModelStore:
    """Model files below one folder."""

    root: Path

    def save(self, name: str, model: TrainedModel) -> Path:
        """Store a model under its fingerprint; a model that is there already stays as it is."""
        import skops.io

        folder = self.folder(name, model.fingerprint)
        if folder.exists():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
            draft = Path(temporary) / "model"
            draft.mkdir()
            skops.io.dump(model.pipeline, draft / "model.skops")
            model.probe.to_parquet(draft / "probe.parquet")
            (draft / "model.json").write_text(
                json.dumps({"fingerprint": model.fingerprint, "rows": model.rows}), "utf-8"
            )
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
        import skops.io

        file = self.folder(name, model_fingerprint) / "model.skops"
        if not file.is_file():
            raise UnsafeModel(
                f"Model {name} {model_fingerprint} is not in {self.root}. Materialize it again: "
                "the same data and code give the same model."
            )
        strangers = set(skops.io.get_untrusted_types(file=file)) - ALLOWED_TYPES
        if strangers:
            raise UnsafeModel(
                f"Model file {file.name} of {name} holds types outside the allow-list: "
                f"{', '.join(sorted(strangers))}. It was not loaded."
            )
        pipeline: Pipeline = skops.io.load(file, trusted=sorted(ALLOWED_TYPES))
        probe = pd.read_parquet(file.with_name("probe.parquet"))
        found = fingerprint(specification, pipeline, probe)
        if found != model_fingerprint:
            raise UnsafeModel(
                f"Model {name} has fingerprint {found}, expected {model_fingerprint}: its file or "
                "its specification was changed. Materialize it again."
            )
        return pipeline

    def folder(self, name: str, model_fingerprint: str) -> Path:
        """Where a model's files are."""
        return self.root / name / model_fingerprint


def _replace(draft: Path, folder: Path) -> None:
    try:
        draft.replace(folder)
    except OSError:  # another process stored the same model first
        if not folder.exists():
            raise
        shutil.rmtree(draft)
