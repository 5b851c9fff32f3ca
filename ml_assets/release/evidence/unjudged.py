"""Segments and groups that cannot be judged: too small, or with nearly one label only.

They are listed with their share of the test rows; a gate that would have to leave out too many rows
has no evidence.
"""

from collections.abc import Mapping

from ml_assets.learning.metrics import MIN_DAYS
from ml_assets.release.evidence.comparison import MIN_LABEL_ROWS, Size
from ml_assets.release.evidence.figures import NoEvidence
from ml_assets.release.rules import ReleaseRules

NAMED = 3
"""Segments or groups that a finding names before it counts the others."""


def not_judged(
    column: str, sizes: Mapping[str, Size], count: int, rules: ReleaseRules, remedy: str
) -> str:
    """Which segments or groups of a column cannot be judged, with their share of the test rows.

    Args:
        column: the column.
        sizes: segment or group of it → how much there is of it.
        count: test rows in all.
        rules: rows that each needs, and the largest share that may be left out.
        remedy: what to do when the share is larger.

    Returns:
        A clause for a finding; empty when all are judged.

    Raises:
        NoEvidence: their share is larger than is allowed.
    """
    least = rules.min_segment_rows
    small = {name: size for name, size in sizes.items() if not size.has_enough(least)}
    undefined = {
        name: size for name, size in sizes.items() if name not in small and not size.is_defined
    }
    kinds = (
        (small, f"without {enough(rules)}"),
        (undefined, f"without {MIN_LABEL_ROWS} rows of each label on {MIN_DAYS} days"),
    )
    listed = [f"{_named(column, found, count)} {why}" for found, why in kinds if found]
    if not listed:
        return ""
    share = sum(size.rows for size in (*small.values(), *undefined.values())) / count
    if share > rules.max_unjudged_share:
        raise NoEvidence(
            f"{share:.1%} of the test rows cannot be judged by {column}, and no more than "
            f"{rules.max_unjudged_share:.0%} may be: {', '.join(listed)}",
            remedy,
        )
    return f"; not judged: {', '.join(listed)}"


def _named(column: str, sizes: Mapping[str, Size], count: int) -> str:
    """'shop=A, B, C and 2 more (1.3% of the test rows)', the largest first."""
    largest = sorted(sizes, key=lambda name: (-sizes[name].rows, name))
    more = f" and {len(largest) - NAMED} more" if len(largest) > NAMED else ""
    share = sum(size.rows for size in sizes.values()) / count
    return f"{column}={', '.join(largest[:NAMED])}{more} ({share:.1%} of the test rows)"


def enough(rules: ReleaseRules) -> str:
    """What a segment or group needs to be judged, in words."""
    return f"{rules.min_segment_rows} test rows on {MIN_DAYS} days"
