"""Contract of performance reports.

The lists contain source columns for ``from``, see ``contracts.lineage``.
"""

from typing import ClassVar

from ml_assets.contracts.contract import Contract, computed

OWN = [
    "champion.serves_from",
    "champion.fingerprint",
    "predictions.model_version",
    "predictions.is_late",
]
"""Source columns of the champion's own predictions."""
SEGMENTED = [*OWN, "predictions.{segments}"]
ARRIVED = [
    *SEGMENTED,
    "predictions.prediction_id",
    "labels.prediction_id",
    "labels.prediction_day",
    "labels.model_version",
    "labels.is_late",
]
"""Source columns of the labelled predictions of a window."""
MEASURED = [*ARRIVED, "labels.label", "labels.{predicted}", "labels.{segments}"]
RELEASED = [
    "champion.serves_from",
    *(
        f"evaluation.{column}"
        for column in ("split", "segment_column", "segment", "metric", "value")
    ),
]
JUDGED = [*MEASURED, *RELEASED, "evaluation.low", "evaluation.high"]


class PerformanceReport(Contract):
    """One metric of the champion's predictions in the last partitions, as known at the end of a day."""

    model_as_of: str = computed("As-of day of the champion.", ["champion.serves_from"])
    segment_column: str = computed("Segment column; 'all' for all rows.", [])
    segment: str = computed("Value of the segment column; 'all' for all rows.", SEGMENTED)
    metric: str = computed("Name of the metric.", [])
    window_first: str = computed(
        "First partition of the predictions: a longer window if a shorter one shows no drop.",
        MEASURED,
    )
    window_last: str = computed(
        "Last partition of the predictions: the newest that has its labels.", ARRIVED
    )
    value: float = computed("Value; null if undefined.", MEASURED, nullable=True)
    low: float = computed("Lower bound; bootstrap of days.", MEASURED, nullable=True)
    high: float = computed("Upper bound; bootstrap of days.", MEASURED, nullable=True)
    rows: int = computed("Number of labelled predictions.", MEASURED, unit="rows", ge=0)
    days: int = computed("Number of days of these rows.", MEASURED, unit="days", ge=0)
    predictions: int = computed("Number of predictions.", MEASURED, unit="rows", ge=0)
    coverage: float = computed(
        "Share of the predictions that have a label; null without predictions.",
        MEASURED,
        unit="share",
        nullable=True,
        ge=0,
        le=1,
    )
    is_provisional: bool = computed(
        "Whether the coverage is too low to judge: early labels may differ from late ones.",
        MEASURED,
    )
    at_release: float = computed(
        "Value on the test rows of the champion's release; null without one.",
        RELEASED,
        nullable=True,
    )
    limit: float = computed("Limit of the value; null without one.", RELEASED, nullable=True)
    is_breached: bool = computed(
        "Whether the value is beyond the limit by more than chance, with its interval and that of the value at release, which for a segment allow for the number of segments; and not provisional.",
        JUDGED,
    )
    note: str = computed("Why value, interval or limit are null; or empty.", JUDGED)

    class Config:
        """Never empty: without labels there is still a row for the coverage."""

        unique: ClassVar = ["segment_column", "segment", "metric"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}
