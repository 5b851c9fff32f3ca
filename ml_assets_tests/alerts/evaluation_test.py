"""Sources are evaluated apart: one that fails is a finding and judges nothing."""

from collections.abc import Callable

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


def unexpected() -> list:
    """A source with a mistake in its code."""
    raise KeyError("day")


@pytest.mark.parametrize(
    ("find", "has_traceback"),
    [
        pytest.param(fails, False, id="an error that says what to do"),
        pytest.param(unexpected, True, id="an unexpected error"),
    ],
)
def test_a_traceback_is_logged_of_unexpected_errors_alone(
    caplog: pytest.LogCaptureFixture, find: Callable[[], list], has_traceback: bool
) -> None:
    found = evaluate([Source(KIND, find)])

    [record] = caplog.records
    assert bool(record.exc_info) is has_traceback
    assert record.getMessage() == found.findings[0].message


def test_one_cause_of_several_sources_is_found_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = evaluate([Source(DRIFT, fails, "a"), Source(DRIFT, fails, "a")])

    assert len(found.findings) == len(caplog.records) == 1
    assert found.judged[DRIFT] == set()


@pytest.mark.parametrize("order", [1, -1], ids=["fails first", "fails last"])
def test_a_kind_is_judged_if_all_of_its_sources_are(order: int) -> None:
    sources = [Source(DRIFT, fails, "a"), Source(DRIFT, list, "a"), Source(DRIFT, list, "b")]

    assert evaluate(sources[::order]).judged[DRIFT] == {"b"}


def test_a_source_of_all_pipelines_that_fails_leaves_no_pipeline_judged() -> None:
    assert evaluate([Source(DRIFT, fails), Source(DRIFT, list, "b")]).judged[DRIFT] == set()
