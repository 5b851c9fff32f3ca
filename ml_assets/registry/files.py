"""Files that the registry writes beside a stored model: MLflow's metadata, and texts.

The model file itself belongs to the ``ModelStore``; ``store`` maps versions to folders.
"""

import json
import re
import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import yaml

from ml_assets.errors import RegistryMismatch
from ml_assets.learning.artifacts import is_model_file
from ml_assets.learning.estimators import DISTRIBUTIONS
from ml_assets.learning.model_files.boosters import MODEL_FILE, libraries_of
from ml_assets.learning.model_files.skops_files import ALLOWED_TYPES, untrusted_types

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

    MLflow also writes a model file, which is discarded, as the folder already has one. Its other files
    do not depend on the model that it gets, which therefore is the smallest one.

    Args:
        folder: folder of the model.
        pipeline: the fitted pipeline.
        example: some rows of its input columns; only their types are stored.
        predictions: its predictions for ``example``.
    """
    import mlflow.sklearn
    from mlflow.models import Model, infer_signature
    from sklearn.dummy import DummyRegressor

    own_types = untrusted_types((folder / MODEL_FILE).read_bytes())
    packages = [*REQUIREMENTS, *map(_distribution, libraries_of(pipeline))]
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-") as temporary:
        draft = Path(temporary) / "model"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*integer column", category=UserWarning)
            signature = infer_signature(example, predictions)
        description = Model()
        mlflow.sklearn.save_model(
            DummyRegressor(),
            str(draft),
            mlflow_model=description,
            serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
            skops_trusted_types=sorted(ALLOWED_TYPES | own_types),
            signature=signature,
            pip_requirements=[f"{package}=={installed(package)}" for package in packages],
        )
        description.model_size_bytes = sum(
            file.stat().st_size for file in folder.iterdir() if is_model_file(file.name)
        )
        description.save(str(draft / "MLmodel"))
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


def requirements_of(folder: Path) -> dict[str, str]:
    """Library → version with which a stored model was described; empty if its file is missing.

    Args:
        folder: folder of the model.
    """
    file = folder / "requirements.txt"
    lines = file.read_text("utf-8").split() if file.is_file() else []
    return {name: version for name, _, version in (line.partition("==") for line in lines)}


def write_texts(what: str, folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts beside a model, each of them atomically.

    Raises:
        RegistryMismatch: a name is that of one of the model's own files, or not a file name.
    """
    if unusable := [name for name in texts if not _is_free(name)]:
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


def _is_free(name: str) -> bool:
    is_taken = is_model_file(name) or name in DESCRIPTION
    return not is_taken and bool(FILE_NAME.fullmatch(name))


def _distribution(library: str) -> str:
    """Name of the installed package that contains an optional library."""
    first, *others = DISTRIBUTIONS[library]
    return next((each for each in others if _is_installed(each)), first)


def _is_installed(package: str) -> bool:
    try:
        return bool(installed(package))
    except PackageNotFoundError:
        return False
