"""Writing skops files, and reading them with an allow-list of types; every fitted object is loaded here."""

import io
import zipfile
from collections.abc import Set as AbstractSet
from typing import Any

from ml_assets.errors import UnsafeModel

ALLOWED_TYPES = frozenset(
    {
        "functools.partial",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "ml_assets.learning.texts.LatentSemantics",
        "ml_assets.learning.texts.without_missing",
        "numpy.dtype",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Matern",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.gaussian_process.kernels.Sum",
        "sklearn.gaussian_process.kernels.WhiteKernel",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils.validation.check_array",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRegressor",
    }
)
"""Types that a model file may contain besides those that skops trusts.

A partial is safe, as the function that it wraps has to be on the list too. The boosters of
LightGBM and XGBoost are not in the file, see ``boosters``.
"""

MAX_FILE_BYTES = 2 * 2**30
"""Largest size of a file of a model, and of all that is packed in it, bytes."""

MATERIALIZE = "Delete its folder and materialize the model again."


def packed(value: Any) -> tuple[bytes, frozenset[str]]:
    """A skops file with an object, and the types in it that a model file may not contain.

    Args:
        value: an object that this process made; its file is loaded to try it.

    Raises:
        TypeError: the object cannot be stored without pickle.
    """
    import skops.io

    try:
        content = skops.io.dumps(value)
        types = untrusted_types(content)
        skops.io.loads(content, trusted=sorted(ALLOWED_TYPES | types))
    except Exception as error:  # a class of a user may raise anything
        raise TypeError(f"{type(error).__name__}: {error}") from error
    return content, types


def untrusted_types(content: bytes) -> frozenset[str]:
    """Types in a skops file that are neither trusted by skops nor on the allow-list; nothing is loaded."""
    import skops.io

    return frozenset(skops.io.get_untrusted_types(data=content)) - ALLOWED_TYPES


def read_allowed(what: str, content: bytes, also: AbstractSet[str] = frozenset()) -> Any:
    """The object in a skops file, if all its types are allowed.

    Args:
        what: name of the file in messages.
        content: bytes of the file.
        also: further types that it may contain.

    Raises:
        UnsafeModel: it contains a type outside the allow-list, is too large unpacked, or cannot be
            read.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        refuse_unpacked_size(content)
        try:
            return skops.io.loads(content, trusted=sorted(ALLOWED_TYPES | also))
        except UntrustedTypesFoundException:
            forbidden = untrusted_types(content) - also
    except Exception as error:  # a malicious file can raise anything
        raise UnsafeModel(
            f"{what} cannot be read ({type(error).__name__}: {error}). {MATERIALIZE}"
        ) from error
    raise UnsafeModel(
        f"{what} contains types outside the allow-list: {', '.join(sorted(forbidden))}. It was not "
        f"loaded. {MATERIALIZE}"
    )


def refuse_unpacked_size(content: bytes) -> None:
    """Refuse an archive that takes too much memory when it is unpacked.

    Raises:
        ValueError: it does.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MAX_FILE_BYTES:
        raise ValueError(f"it unpacks to {size:,} bytes, more than {MAX_FILE_BYTES:,}")
