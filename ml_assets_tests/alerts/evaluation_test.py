"""Sources are evaluated apart: one that fails is a finding and judges nothing."""

import pytest

from ml_assets.alerts.evaluation import NOT_EVALUATED, Source, evaluate
from ml_assets.alerts.project import PROJECT
from ml_assets.errors import LakeMismatch
from ml_assets_tests.alerts.found import KIND, finding

DRIFT = "feature_drifted"


def fails() -> list:
    """A source that cannot be read."""
    raise LakeMismatch("the table is gone")


def test_what_sources_find_is_put_together_with_what_they_looked_at() -> None:
    found = evaluate(
        [
            Source(KIND, lambda: [finding()]),
            Source(DRIFT, list, "a"),
            Source(DRIFT, lambda: [finding(kind=DRIFT, pipeline="b")], "b"),
        ]
    )

    assert [one.kind for one in found.findings] == [KIND, DRIFT]
    assert found.judged == {KIND: None, DRIFT: {"a", "b"}, NOT_EVALUATED: None}


def test_a_source_that_fails_is_a_finding_and_does_not_stop_the_others() -> None:
    found = evaluate([Source(KIND, fails), Source(DRIFT, fails, "a"), Source(DRIFT, list, "b")])

    assert [(one.kind, one.pipeline, one.subject) for one in found.findings] == [
        (NOT_EVALUATED, PROJECT, KIND),
        (NOT_EVALUATED, "a", DRIFT),
    ]
    assert "LakeMismatch: the table is gone" in found.findings[0].message
    assert found.judged == {KIND: set(), DRIFT: {"b"}, NOT_EVALUATED: None}


@pytest.mark.parametrize("order", [1, -1], ids=["fails first", "fails last"])
def test_a_kind_is_judged_if_all_of_its_sources_are(order: int) -> None:
    sources = [Source(DRIFT, fails, "a"), Source(DRIFT, list, "a"), Source(DRIFT, list, "b")]

    assert evaluate(sources[::order]).judged[DRIFT] == {"b"}


def test_a_source_of_all_pipelines_that_fails_leaves_no_pipeline_judged() -> None:
    assert evaluate([Source(DRIFT, fails), Source(DRIFT, list, "b")]).judged[DRIFT] == set()
