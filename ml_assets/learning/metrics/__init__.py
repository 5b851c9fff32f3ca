"""The metrics of all tasks."""

from collections.abc import Mapping

from ml_assets.learning.metrics.binary import BINARY
from ml_assets.learning.metrics.multiclass import MULTICLASS
from ml_assets.learning.metrics.regression import REGRESSION
from ml_assets.learning.metrics.resampling import Metric

METRICS: Mapping[str, Metric] = {**BINARY, **MULTICLASS, **REGRESSION}
"""Name → metric; the first of a task is its main metric by default."""
