"""The metrics of all tasks."""

from collections.abc import Mapping

from ml_assets.learning.binary_metrics import BINARY
from ml_assets.learning.multiclass_metrics import MULTICLASS
from ml_assets.learning.regression_metrics import REGRESSION
from ml_assets.learning.resampling import Metric

METRICS: Mapping[str, Metric] = {**BINARY, **MULTICLASS, **REGRESSION}
"""Name → metric; the first of a task is its main metric by default."""
