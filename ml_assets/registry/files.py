"""Files that the registry writes beside a stored model: MLflow's metadata, and texts.

The model file itself belongs to the ``ModelStore``; ``store`` maps versions to folders.
"""

import json
import re
import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import yaml

from ml_assets.errors import RegistryMismatch
from ml_assets.learning.artifacts import MODEL_FILES
from ml_assets.learning.skops_files import ALLOWED_TYPES

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

DESCRIPTION = ("conda.yaml", "python_env.yaml", "requirements.txt", "MLmodel")
"""MLflow's files beside a model, in the order in which they are written."""

FILE_NAME = re.compile(r"\w[\w-]*\.\w+")

REQUIREMENTS = ("scikit-learn", "skops", "pandas")


def write_description(
    folder: Path, pipeline: "Pipeline", example: pd.DataFrame, predictions: np.ndarray
) -> None:
    """Write MLflow's files beside a stored model, so that MLflow can show it.

    MLflow also writes a model file, which is discarded, as the folder already has one.

    Args:
        folder: folder of the model.
        pipeline: the fitted pipeline.
        example: some rows of its input columns; only their types are stored.
        predictions: its predictions for ``example``.
    """
    import mlflow.sklearn
    from mlflow.models import infer_signature

    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
        draft = Path(temporary) / "model"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*integer column", category=UserWarning)
            signature = infer_signature(example, predictions)
        mlflow.sklearn.save_model(
            pipeline,
            str(draft),
            serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
            skops_trusted_types=sorted(ALLOWED_TYPES),
            signature=signature,
            pip_requirements=[f"{package}=={installed(package)}" for package in REQUIREMENTS],
        )
        for file in DESCRIPTION:
            (draft / file).replace(folder / file)


def has_signature(folder: Path) -> bool:
    """Whether the signature of a stored model can be read."""
    try:
        read_signature("", folder)
    except RegistryMismatch:
        return False
    return True


def read_signature(what: str, folder: Path, remedy: str = "") -> dict[str, str]:
    """Input column → MLflow type, in the model's order; the model is not loaded.

    Args:
        what: name of the model in messages.
        folder: folder of the model.
        remedy: what rewrites the files, as end of a message.

    Raises:
        RegistryMismatch: the signature is missing or cannot be read.
    """
    try:
        description = yaml.safe_load((folder / "MLmodel").read_text("utf-8"))
        inputs = json.loads(description["signature"]["inputs"])
        return {column["name"]: column["type"] for column in inputs}
    except Exception as error:  # the file may contain anything
        raise RegistryMismatch(
            f"The signature of {what} cannot be read ({type(error).__name__}). Expected it in "
            f"MLmodel, beside the model file. Restore the folder, or {remedy}"
        ) from error


def write_texts(what: str, folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts beside a model, each of them atomically.

    Raises:
        RegistryMismatch: a name is that of one of the model's own files, or not a file name.
    """
    taken = MODEL_FILES.union(DESCRIPTION)
    if unusable := [name for name in texts if name in taken or not FILE_NAME.fullmatch(name)]:
        raise RegistryMismatch(
            f"{', '.join(unusable)} cannot be written beside {what}: it is one of the model's own "
            "files, or not a plain file name. Nothing was written. Choose another name."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
        for name, text in texts.items():
            draft = Path(temporary) / name
            draft.write_text(text, "utf-8")
            draft.replace(folder / name)
