"""Tree ensembles: the trees by treelite, their sums and links as their library computes them.

Treelite's own sums and links are not used where they are less exact: its softmax has single
precision, and it does not know the exponential loss. XGBoost adds up numbers of single precision in
an order of its own, so that treelite differs in the seventh digit: its booster predicts itself.
"""

import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.learning.scorer.arithmetic import in_order, softmax
from ml_assets.learning.scorer.values import NotSupported, refuse_infinite, refuse_missing

if TYPE_CHECKING:
    import treelite

Predict = Callable[[np.ndarray], np.ndarray]
"""From (n, m) numbers to (n,) predictions, or (n, k) probabilities."""

LEAVES_AT_ONCE = 2**22
"""Largest number of values of leaves in memory."""

HISTOGRAMS = frozenset({"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"})
BOOSTED = frozenset({"GradientBoostingClassifier", "GradientBoostingRegressor"})
FORESTS = frozenset(
    {
        "ExtraTreesClassifier",
        "ExtraTreesRegressor",
        "RandomForestClassifier",
        "RandomForestRegressor",
    }
)

LIGHTGBM, XGBOOST = "lightgbm", "xgboost"

SOFTMAX = frozenset({"multiclass", "softmax"})
"""Objectives of LightGBM whose probabilities are a softmax of sums."""

ZERO = 1
"""LightGBM's type of missing values that zero belongs to."""


@dataclass(frozen=True)
class Trees:
    """Sums over trees.

    Attributes:
        model: the trees.
        count: their number.
        initial: (k,) the sums before the first tree.
    """

    model: "treelite.Model"
    count: int
    initial: np.ndarray

    def sums(self, matrix: np.ndarray) -> np.ndarray:
        """(n, k) sums for (n, m) numbers, of single or double precision as the trees compare them.

        Trees take turns if each has one value and there are several sums.
        """
        size = max(1, LEAVES_AT_ONCE // (self.count * len(self.initial)))
        starts = range(0, len(matrix), size)
        parts = [self._sums(matrix[start : start + size]) for start in starts]
        return np.concatenate(parts) if parts else np.empty((0, len(self.initial)))

    def _sums(self, matrix: np.ndarray) -> np.ndarray:
        from treelite import gtil

        leaves = gtil.predict_per_tree(self.model, matrix, nthread=1)
        by_turn = leaves.reshape(len(matrix), -1, len(self.initial))
        first = np.broadcast_to(self.initial, (len(matrix), 1, len(self.initial)))
        return in_order(np.concatenate([first, by_turn], axis=1))


def is_of_trees(estimator: Any) -> bool:
    """Whether an estimator is an ensemble of trees that is computed here."""
    root, name = type(estimator).__module__.partition(".")[0], type(estimator).__name__
    return (root == "sklearn" and name in HISTOGRAMS | BOOSTED | FORESTS) or (
        root in {LIGHTGBM, XGBOOST} and name.startswith(("LGBM", "XGB"))
    )


def is_of_xgboost(estimator: Any) -> bool:
    """Whether an estimator is one of XGBoost."""
    return type(estimator).__module__.partition(".")[0] == XGBOOST


def trees(estimator: Any, names: Sequence[str]) -> Predict:
    """The prediction of a fitted ensemble of trees.

    Args:
        estimator: the ensemble.
        names: names of its inputs, for messages.

    Raises:
        NotSupported: its trees or its objective are not known here.
    """
    name = type(estimator).__name__
    if is_of_xgboost(estimator):
        return _xgboost(estimator)
    if name.startswith("LGBM"):
        return _lightgbm(estimator)
    if name in FORESTS:
        return _forest(estimator, names)
    return _boosted(estimator, names)


def _boosted(estimator: Any, names: Sequence[str]) -> Predict:
    """Gradient boosting of scikit-learn: the same sums in the same order, and its own link."""
    from sklearn.base import is_classifier

    is_of_histograms = type(estimator).__name__ in HISTOGRAMS
    model = _imported(estimator)
    baseline = estimator._baseline_prediction if is_of_histograms else _initial(estimator)  # noqa: SLF001
    initial = np.ravel(baseline)
    ensemble = Trees(model, model.num_tree, initial.astype(float))
    link = estimator._loss.link  # noqa: SLF001
    has_classes = is_classifier(estimator) and len(initial) > 1

    def predict(matrix: np.ndarray) -> np.ndarray:
        if not is_of_histograms:
            matrix = _single(names, matrix)
            refuse_missing(names, matrix)
        sums = ensemble.sums(matrix)
        return softmax(sums) if has_classes else link.inverse(np.ascontiguousarray(sums[:, 0]))

    return predict


def _initial(estimator: Any) -> np.ndarray:
    """(1, k) what gradient boosting starts from, if that is the same for all rows."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    if not (
        estimator.init_ == "zero" or type(estimator.init_) in {DummyClassifier, DummyRegressor}
    ):
        raise NotSupported(f"it begins with a {type(estimator.init_).__name__}")
    none = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
    return np.asarray(estimator._raw_predict_init(none))  # noqa: SLF001


def _forest(estimator: Any, names: Sequence[str]) -> Predict:
    """The mean of trees, which compare numbers of single precision."""
    from sklearn.base import is_classifier
    from sklearn.utils import get_tags

    if estimator.n_outputs_ != 1:
        raise NotSupported("it predicts several numbers")
    model, count = _imported(estimator), len(estimator.estimators_)
    is_of_classes = is_classifier(estimator)
    outputs = len(estimator.classes_) if is_of_classes else 1
    ensemble = Trees(model, count, np.zeros(outputs))
    is_complete = not get_tags(estimator).input_tags.allow_nan

    def predict(matrix: np.ndarray) -> np.ndarray:
        matrix = _single(names, matrix)
        if is_complete:
            refuse_missing(names, matrix)
        means = ensemble.sums(matrix) / count
        return means if outputs > 2 else means[:, -1]

    return predict


def _lightgbm(estimator: Any) -> Predict:
    import treelite
    from treelite import gtil

    is_of_classes = getattr(estimator, "n_classes_", 2) > 2
    if is_of_classes and estimator.objective_ not in SOFTMAX:
        raise NotSupported(f"treelite computes its objective {estimator.objective_} otherwise")
    if any(_treats_zero_as_missing(line) for line in _decisions(estimator.booster_)):
        raise NotSupported("it treats zero as missing, which treelite does not")
    try:
        model = treelite.frontend.from_lightgbm(estimator.booster_)
    except treelite.TreeliteError as error:
        raise NotSupported(f"treelite cannot read its trees ({error})") from error

    def predict(matrix: np.ndarray) -> np.ndarray:
        found = gtil.predict(model, matrix, nthread=1, pred_margin=is_of_classes)
        found = found.reshape(len(matrix), -1)
        return softmax(found) if is_of_classes else found[:, 0]

    return predict


def _decisions(booster: Any) -> list[str]:
    """The types of the decisions of each tree in LightGBM's text of a model."""
    return re.findall(r"^decision_type=(.*)$", booster.model_to_string(), re.MULTILINE)


def _treats_zero_as_missing(decisions: str) -> bool:
    return any((int(each) >> 2) & 3 == ZERO for each in decisions.split())


def _xgboost(estimator: Any) -> Predict:
    if estimator.booster == "gblinear":
        raise NotSupported("its booster is linear")
    has_classes = hasattr(estimator, "predict_proba")

    def predict(matrix: np.ndarray) -> np.ndarray:
        if not has_classes:
            return estimator.predict(matrix, validate_features=False)
        found = estimator.predict_proba(matrix, validate_features=False)
        return found if found.shape[1] > 2 else np.ascontiguousarray(found[:, 1])

    return predict


def _imported(estimator: Any) -> "treelite.Model":
    import treelite.sklearn

    try:
        return treelite.sklearn.import_model(_without_missing_category(estimator))
    except Exception as error:  # treelite asserts what it expects of scikit-learn
        raise NotSupported(f"treelite cannot read its trees ({error})") from error


def _without_missing_category(estimator: Any) -> Any:
    """A copy of an estimator whose categories have no NaN, which treelite casts to an integer.

    NaN is the last category, and a missing value is not looked up among them.
    """
    preprocessor = getattr(estimator, "_preprocessor", None)
    if preprocessor is None:
        return estimator
    (name, encoder, columns), *others = preprocessor.transformers_
    known = [np.asarray(each, dtype=float) for each in encoder.categories_]
    encoder, preprocessor, found = copy(encoder), copy(preprocessor), copy(estimator)
    encoder.categories_ = [each[~np.isnan(each)] for each in known]
    preprocessor.transformers_ = [(name, encoder, columns), *others]
    found._preprocessor = preprocessor  # noqa: SLF001
    return found


def _single(names: Sequence[str], matrix: np.ndarray) -> np.ndarray:
    """(n, m) numbers of single precision.

    Raises:
        ContractViolation: one is infinite or too large.
    """
    with np.errstate(over="ignore"):
        found = matrix.astype(np.float32)
    refuse_infinite(names, found)
    return found
