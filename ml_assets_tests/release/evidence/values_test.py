"""Values of the evidence: each has to exist once and to agree with the others of its row."""

from dataclasses import replace

import pandas as pd
import pytest

from ml_assets.release.evidence.values import (
    MEASURE,
    TRAIN,
    EvidenceTable,
    NoEvidence,
    evidence_rows,
    finite,
    overall_row,
)
from ml_assets_tests.release.judged import better

ROW = {
    "metric": "auc",
    "segment_column": "all",
    "segment": "all",
    "challenger": 0.75,
    "champion": 0.5,
    "improvement": 0.25,
    "low": 0.125,
    "high": 0.5,
    "rows": 100,
}


def test_consistent_row_is_returned() -> None:
    assert overall_row(pd.DataFrame([ROW]), "auc", 100) == ROW


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"rows": 99}, "was measured on 99 rows, expected 100", id="other rows"),
        pytest.param({"improvement": float("nan")}, "is undefined", id="no gain"),
        pytest.param({"champion": float("inf")}, "is undefined", id="infinite"),
        pytest.param(
            {"low": 0.6},
            "has an interval whose lower bound is above its upper bound",
            id="bounds out of order",
        ),
        pytest.param(
            {"improvement": 0.26},
            "has a gain that is not the difference of its two values",
            id="another gain",
        ),
        pytest.param(
            {"improvement": -0.25},
            "has a gain that is not the difference of its two values",
            id="other sign",
        ),
    ],
)
def test_row_that_contradicts_itself_is_no_evidence(
    change: dict[str, object], problem: str
) -> None:
    with pytest.raises(NoEvidence) as found:
        overall_row(pd.DataFrame([{**ROW, **change}]), "auc", 100)

    assert str(found.value) == f"auc of all test rows {problem}: {MEASURE}"


@pytest.mark.parametrize("value", [None, True, "1", float("nan"), float("-inf")], ids=repr)
def test_value_that_is_no_finite_number_is_no_evidence(value: object) -> None:
    with pytest.raises(NoEvidence, match="the value is undefined"):
        finite(value, "the value")


@pytest.mark.parametrize("unknown", ["challenger", "rows"])
def test_unknown_model_or_test_rows_are_no_evidence_even_if_the_evidence_agrees(
    unknown: str,
) -> None:
    case = better()
    lacks = {"challenger": ["challenger_model"], "rows": ["challenger_rows", "champion_rows"]}
    rows = case.comparison().assign(**dict.fromkeys(lacks[unknown], ""))

    with pytest.raises(NoEvidence) as found:
        evidence_rows(replace(case.question(), **{unknown: ""}), EvidenceTable("x", rows))

    assert str(found.value) == f"the model or the test rows are not known: {TRAIN}"


def test_champion_measured_on_other_rows_is_no_evidence() -> None:
    case = better()

    with pytest.raises(NoEvidence, match="x measured the champion on other rows"):
        evidence_rows(
            case.question(), EvidenceTable("x", case.comparison().assign(champion_rows="other"))
        )
