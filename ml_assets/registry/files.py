"""The files of a registered version: MLflow's layout, a model without pickle, texts beside it.

Everything that writes or reads them. Which version they belong to is known to ``store``.
"""

import hashlib
import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.errors import RegistryMismatch, UnsafeModel
from ml_assets.learning.skops_files import ALLOWED_TYPES

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

MODEL_FILE = "model.skops"
LAYOUT = frozenset({MODEL_FILE, "MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"})
"""The files of a model; texts beside it have other names."""

FILE_NAME = re.compile(r"\w[\w-]*\.\w+")

REQUIREMENTS = ("scikit-learn", "skops", "pandas")


def content_hash(content: bytes) -> str:
    """What tells whether a model file is still the one that was registered."""
    return hashlib.sha256(content).hexdigest()


def save_model(
    folder: Path, name: str, pipeline: "Pipeline", example: pd.DataFrame, predictions: np.ndarray
) -> str:
    """Write a model in MLflow's layout, whole or not at all, and give its file's hash.

    Args:
        folder: where to; what is there is replaced.
        name: the model's name, for messages.
        pipeline: the fitted pipeline.
        example: some rows of its input columns; only their types are kept.
        predictions: what it predicts for ``example``.

    Raises:
        UnsafeModel: the pipeline holds a type outside the allow-list.
    """
    import mlflow.sklearn
    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
        draft = Path(temporary) / "model"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*integer column", category=UserWarning)
            signature = infer_signature(example, predictions)
        try:
            mlflow.sklearn.save_model(
                pipeline,
                str(draft),
                serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
                skops_trusted_types=sorted(ALLOWED_TYPES),
                signature=signature,
                pip_requirements=[f"{package}=={installed(package)}" for package in REQUIREMENTS],
            )
        except MlflowException as error:
            raise UnsafeModel(
                f"Model {name} cannot be stored without pickle: {error.message} It was not "
                "registered. Use an estimator whose types are on the allow-list."
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    return content_hash((folder / MODEL_FILE).read_bytes())


def has_signature(folder: Path) -> bool:
    """Whether the signature of a stored model can be read."""
    try:
        read_signature("", folder)
    except RegistryMismatch:
        return False
    return True


def read_signature(what: str, folder: Path, remedy: str = "") -> dict[str, str]:
    """Input column → its type in MLflow's words, in the model's order; the model is not loaded.

    Args:
        what: the model, as messages name it.
        folder: where its files are.
        remedy: what writes the files again, as a message ends.

    Raises:
        RegistryMismatch: the file that holds it is gone or cannot be read.
    """
    from mlflow.models import Model

    try:
        inputs = Model.load(folder).signature.inputs.to_dict()
        return {column["name"]: column["type"] for column in inputs}
    except Exception as error:  # the file may hold anything
        raise RegistryMismatch(
            f"The signature of {what} cannot be read ({type(error).__name__}). Expected it in "
            f"MLmodel, beside the model file. Restore the folder, or {remedy}"
        ) from error


def write_texts(what: str, folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts beside a model, each whole or not at all.

    Raises:
        RegistryMismatch: a text has the name of one of the model's own files, or is no file name.
    """
    if unusable := [name for name in texts if name in LAYOUT or not FILE_NAME.fullmatch(name)]:
        raise RegistryMismatch(
            f"{', '.join(unusable)} cannot be written beside {what}: it is one of the model's own "
            "files, or no plain file name. Nothing was written. Choose another name."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
        for name, text in texts.items():
            draft = Path(temporary) / name
            draft.write_text(text, "utf-8")
            draft.replace(folder / name)
