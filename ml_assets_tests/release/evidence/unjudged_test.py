"""Segments that cannot be judged: listed by size with their share, or too many."""

import pytest

from ml_assets.release.evidence.comparison import Size
from ml_assets.release.evidence.unjudged import not_judged
from ml_assets.release.evidence.values import NoEvidence
from ml_assets_tests.release.judged import RULES

SMALL = {
    name: Size(rows, 9, rows, 9) for name, rows in zip("EDCBA", (60, 5, 20, 20, 16), strict=True)
}
ONE_LABEL = {"X": Size(200, 9, 3, 3)}
JUDGED = {"Y": Size(200, 9, 50, 9)}


@pytest.mark.parametrize(
    ("sizes", "listed"),
    [
        pytest.param(JUDGED, "", id="all judged"),
        pytest.param(
            SMALL | JUDGED,
            "; not judged: shop=E, B, C and 2 more (1.2% of the test rows) "
            "without 100 test rows on 5 days",
            id="the three largest by name",
        ),
        pytest.param(
            {name: SMALL[name] for name in "ABC"},
            "; not judged: shop=B, C, A (0.6% of the test rows) without 100 test rows on 5 days",
            id="three and no more",
        ),
        pytest.param(
            {"E": SMALL["E"], **ONE_LABEL},
            "; not judged: shop=E (0.6% of the test rows) without 100 test rows on 5 days, "
            "shop=X (2.0% of the test rows) without 10 rows of each label on 5 days",
            id="small, and of almost one label",
        ),
    ],
)
def test_segments_that_are_not_judged_are_listed(sizes: dict[str, Size], listed: str) -> None:
    assert not_judged("shop", sizes, 10000, RULES, "remedy") == listed


def test_too_many_rows_that_cannot_be_judged_are_no_evidence() -> None:
    with pytest.raises(NoEvidence) as found:
        not_judged("shop", {"E": SMALL["E"], **ONE_LABEL}, 2000, RULES, "remedy")

    assert str(found.value) == (
        "13.0% of the test rows cannot be judged by shop, more than the limit of 10%: "
        "shop=E (3.0% of the test rows) without 100 test rows on 5 days, "
        "shop=X (10.0% of the test rows) without 10 rows of each label on 5 days: remedy"
    )
