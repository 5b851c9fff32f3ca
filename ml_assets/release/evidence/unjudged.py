"""Segments and groups that cannot be judged: too small, or with almost only one label.

Findings list them with their share of the test rows. If the share is too large, the gate has no
evidence.
"""

from collections.abc import Mapping

from ml_assets.learning.metrics.resampling import MIN_DAYS
from ml_assets.release.evidence.comparison import MIN_LABEL_ROWS, Size
from ml_assets.release.evidence.values import NoEvidence
from ml_assets.release.rules import ReleaseRules

MAX_NAMED = 3
"""Largest number of segments or groups that a finding lists by name."""


def not_judged(
    column: str, sizes: Mapping[str, Size], count: int, rules: ReleaseRules, remedy: str
) -> str:
    """Segments or groups of a column that cannot be judged, with their share of the test rows.

    Args:
        column: the column.
        sizes: segment or group → its size.
        count: number of all test rows.
        rules: rows that each needs, and the largest share that may be left out.
        remedy: remedy if the share is larger.

    Returns:
        A clause for a finding; empty if all are judged.

    Raises:
        NoEvidence: their share is too large.
    """
    least = rules.min_segment_rows
    small = {name: size for name, size in sizes.items() if not size.has_enough(least)}
    undefined = {
        name: size for name, size in sizes.items() if name not in small and not size.is_defined
    }
    kinds = (
        (small, f"without {required_size(rules)}"),
        (undefined, f"without {MIN_LABEL_ROWS} rows of each label on {MIN_DAYS} days"),
    )
    listed = [f"{_listed(column, found, count)} {why}" for found, why in kinds if found]
    if not listed:
        return ""
    share = sum(size.rows for size in (*small.values(), *undefined.values())) / count
    if share > rules.max_unjudged_share:
        raise NoEvidence(
            f"{share:.1%} of the test rows cannot be judged by {column}, more than the limit of "
            f"{rules.max_unjudged_share:.0%}: {', '.join(listed)}",
            remedy,
        )
    return f"; not judged: {', '.join(listed)}"


def _listed(column: str, sizes: Mapping[str, Size], count: int) -> str:
    """'shop=A, B, C and 2 more (1.3% of the test rows)', the largest first."""
    largest = sorted(sizes, key=lambda name: (-sizes[name].rows, name))
    more = f" and {len(largest) - MAX_NAMED} more" if len(largest) > MAX_NAMED else ""
    share = sum(size.rows for size in sizes.values()) / count
    return f"{column}={', '.join(largest[:MAX_NAMED])}{more} ({share:.1%} of the test rows)"


def required_size(rules: ReleaseRules) -> str:
    """Rows and days that a segment or group needs to be judged, as text."""
    return f"{rules.min_segment_rows} test rows on {MIN_DAYS} days"
