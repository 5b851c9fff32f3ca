"""Defaults of a ``defs.yaml`` that follow from its other values, before these are validated."""

from collections.abc import Mapping
from typing import Any

from ml_assets.cadence import Cadence
from ml_assets.learning.objectives import fitting_metrics

WINDOWS: Mapping[Cadence, Mapping[str, str]] = {
    Cadence.WEEKLY: {"window": "156w", "validation_window": "4w", "test_window": "13w"},
    Cadence.MONTHLY: {"window": "60mo", "validation_window": "3mo", "test_window": "12mo"},
}
"""Cadence of as-of days → windows of a model. Of shorter partitions, the defaults of the fields have
enough: an interval needs five partitions with labels, and a first model some of each season."""

DRIFT_WINDOWS: Mapping[Cadence, str] = {Cadence.WEEKLY: "8w", Cadence.MONTHLY: "6mo"}
"""Cadence of days → window of a drift report."""

MIN_SEGMENT_ROWS = 30
"""Test rows that a segment of weeks or months needs; the least that can be configured."""


def with_fitting_windows(values: Any) -> Any:
    """Attributes of a model of weeks or months, with windows in which enough can be measured.

    Args:
        values: attributes of a document, which may be anything.
    """
    if not isinstance(values, Mapping):
        return values
    days = _cadence_of(values.get("days"))
    as_ofs = _cadence_of(values["as_of_days"]) if values.get("as_of_days") else days
    windows = dict(WINDOWS.get(as_ofs, {}))
    if days in DRIFT_WINDOWS:
        windows["drift_window"] = DRIFT_WINDOWS[days]
    return {**windows, **values}


def with_fitting_segments(values: Any) -> Any:
    """Attributes of a release of weeks or months, with rows that a segment can have.

    Args:
        values: attributes of a document, which may be anything.
    """
    if not isinstance(values, Mapping) or _cadence_of(values.get("days")) not in WINDOWS:
        return values
    release = values.get("release") or {}
    if not isinstance(release, Mapping):
        return values
    return {**values, "release": {"min_segment_rows": MIN_SEGMENT_ROWS, **release}}


def _cadence_of(days: Any) -> Cadence:
    """The cadence of days that are not validated yet; daily for anything that is not one."""
    found = days.get("cadence") if isinstance(days, Mapping) else getattr(days, "cadence", None)
    return next((one for one in Cadence if one == found), Cadence.DAILY)


def with_fitting_metrics(values: Any) -> Any:
    """Attributes of a model, with the metrics of a quantile or of counts if none are configured.

    Args:
        values: attributes of a document, which may be anything.
    """
    if not isinstance(values, Mapping):
        return values
    estimator, evaluation = values.get("estimator"), values.get("evaluation") or {}
    if not (isinstance(estimator, Mapping) and isinstance(evaluation, Mapping)):
        return values
    path, parameters = estimator.get("path"), estimator.get("hyperparameters") or {}
    is_known = isinstance(path, str) and isinstance(parameters, Mapping)
    names = fitting_metrics(str(path), parameters) if is_known else ()
    if not names or evaluation.get("metrics"):
        return values
    return {**values, "evaluation": {**evaluation, "metrics": names}}
