"""Labels as they arrive, and performance by those that have arrived so far."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from ml_assets.cadence import Calendar
from ml_assets.content import DAY
from ml_assets.contracts.validation import validate
from ml_assets.errors import ContractViolation
from ml_assets.learning.evaluation import OVERALL, EvaluationRules
from ml_assets.learning.predictions import with_predictions
from ml_assets.learning.scoring import PREDICTION_ID, prediction_ids
from ml_assets.learning.specification import ModelSpecification
from ml_assets.monitoring.contracts.performance import Label, Performance
from ml_assets.monitoring.performance import (
    COVERAGE,
    LATE_SHARE,
    MEAN_PREDICTION,
    MIN_SEGMENT_ROWS,
    NO_LABELS,
    ONE_CLASS,
    SOME_CLASSES,
    TOO_FEW,
    arrived_labels,
    headline,
    performance,
)

SUNDAY, MONDAY, TUESDAY, WEDNESDAY = (f"2013-07-{day:02}" for day in (7, 8, 9, 10))
MONDAY_STARTS = "2013-07-08 04:00"
SPECIFICATION = ModelSpecification(
    task="classification", estimator="sklearn.dummy.DummyClassifier", label="late", numeric=["x"]
)
REGRESSION = replace(SPECIFICATION, task="regression")


def predictions(day: str = MONDAY, count: int = 3, *, carrier: str = "UA") -> pd.DataFrame:
    """Predictions of a day, numbered."""
    rows = pd.DataFrame(
        {DAY: pd.Series([day] * count, dtype="str"), "flight": range(count), "carrier": carrier}
    )
    return rows.assign(
        prediction_id=prediction_ids(rows, ["flight"]),
        prediction=np.linspace(0.1, 0.9, count),
        model_version="f1",
        model_as_of="2013-07-01",
        is_late=False,
    ).drop(columns="flight")


def outcomes(day: str, *known_at: str, late: int = 1) -> pd.DataFrame:
    """The outcome of each of a day's rows, known at the given moments."""
    moments = pd.to_datetime(list(known_at), utc=True).as_unit("us")
    return pd.DataFrame(
        {
            DAY: pd.Series([day] * len(known_at), dtype="str"),
            "flight": range(len(known_at)),
            "late": late,
            "known_at": moments,
        }
    )


def arrived(
    outcome_rows: pd.DataFrame,
    prediction_rows: pd.DataFrame | None = None,
    **changes: Any,
) -> pd.DataFrame:
    """Labels that arrived on Monday, which begins at four in UTC."""
    arguments = {
        "day": MONDAY,
        "calendar": Calendar(timezone="America/New_York"),
        "scored_days": [SUNDAY, MONDAY],
        "key": ["flight"],
        "segments": ["carrier"],
        "label": "late",
        "known_at": "known_at",
        "delay": timedelta(),
        "within": 3,
    }
    both = pd.concat([predictions(SUNDAY), predictions(MONDAY)], ignore_index=True)
    known = both if prediction_rows is None else prediction_rows
    return arrived_labels(known, outcome_rows, **{**arguments, **changes})


@pytest.mark.parametrize(
    ("known_at", "delay_days", "has_arrived"),
    [
        pytest.param("2013-07-08 03:59:59.999999", 0, False, id="the day before"),
        pytest.param("2013-07-08 04:00", 0, True, id="first moment of the day"),
        pytest.param("2013-07-09 03:59:59.999999", 0, True, id="last moment of the day"),
        pytest.param("2013-07-09 04:00", 0, False, id="the day after"),
        pytest.param("2013-07-06 03:59:59.999999", 2, False, id="delayed to the day before"),
        pytest.param("2013-07-06 04:00", 2, True, id="delayed to the first moment"),
        pytest.param("2013-07-07 03:59:59.999999", 2, True, id="delayed to the last moment"),
        pytest.param("2013-07-07 04:00", 2, False, id="delayed to the day after"),
    ],
)
def test_label_belongs_to_the_day_it_arrives_on(
    known_at: str, delay_days: int, has_arrived: bool
) -> None:
    found = arrived(outcomes(SUNDAY, known_at), delay=timedelta(days=delay_days))

    assert len(found) == has_arrived


def test_label_has_its_prediction() -> None:
    found = arrived(outcomes(SUNDAY, *[MONDAY_STARTS] * 2))

    assert found[DAY].tolist() == [MONDAY] * 2
    assert found["prediction_day"].tolist() == [SUNDAY] * 2
    assert found["label"].tolist() == [1.0, 1.0]
    assert found["known_at"].tolist() == [pd.Timestamp(MONDAY_STARTS, tz="UTC")] * 2
    of_sunday = predictions(SUNDAY).head(2)
    columns = [PREDICTION_ID, "prediction", "model_version", "model_as_of", "carrier"]
    pd.testing.assert_frame_equal(found[columns], of_sunday[columns])


def test_labels_keep_their_contract() -> None:
    validated = validate(arrived(outcomes(SUNDAY, *[MONDAY_STARTS] * 3)), Label, [MONDAY])

    assert validated.row_counts == {MONDAY: 3}
    assert validated.dead_letter_counts == {MONDAY: 0}


def test_outcome_of_a_day_that_was_not_scored_is_ignored() -> None:
    both = [outcomes(day, MONDAY_STARTS) for day in (SUNDAY, MONDAY)]

    found = arrived(pd.concat(both), scored_days=[MONDAY])

    assert found["prediction_day"].tolist() == [MONDAY]


def test_label_without_a_prediction_is_kept_for_its_contract_to_reject() -> None:
    found = arrived(outcomes(SUNDAY, *[MONDAY_STARTS] * 5))

    assert found["prediction"].isna().tolist() == [False] * 3 + [True] * 2
    validated = validate(found, Label, [MONDAY])
    assert validated.dead_letter_counts == {MONDAY: 2}
    assert validated.dead_letters["rule"].str.contains("prediction: must not be null").all()


def test_the_same_label_twice_is_one() -> None:
    twice = pd.concat([outcomes(SUNDAY, *[MONDAY_STARTS] * 3)] * 2, ignore_index=True)

    assert len(arrived(twice)) == 3


def test_contradicting_labels_are_both_returned() -> None:
    both = pd.concat([outcomes(SUNDAY, MONDAY_STARTS, late=late) for late in (0, 1)])

    assert arrived(both)["label"].tolist() == [0.0, 1.0]


def test_nothing_arrives_without_outcomes() -> None:
    assert arrived(outcomes(SUNDAY)).empty


@pytest.mark.parametrize(
    ("within", "is_refused"),
    [
        pytest.param(1, True, id="on the last day it may arrive"),
        pytest.param(2, False, id="a day before"),
    ],
)
@pytest.mark.parametrize("delay_days", [0, 30])
def test_label_that_no_later_day_would_process_is_refused(
    within: int, is_refused: bool, delay_days: int
) -> None:
    known_at = pd.Timestamp("2013-07-09 04:00") - pd.Timedelta(days=delay_days)
    overdue = outcomes(SUNDAY, str(known_at))

    def arrive() -> pd.DataFrame:
        return arrived(overdue, within=within, delay=timedelta(days=delay_days))

    if is_refused:
        with pytest.raises(
            ContractViolation, match=r"1 labels of 2013-07-07 .* 1 daily partitions.*Raise 'arr"
        ):
            arrive()
    else:
        assert arrive().empty


def test_outcome_without_a_prediction_is_not_too_late() -> None:
    overdue = outcomes(SUNDAY, "2013-08-01")

    assert arrived(overdue, scored_days=[MONDAY], within=1).empty


def scored_rows(count: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A day's predictions of two carriers, and labels that somewhat follow them."""
    random = np.random.default_rng(3)
    made = predictions(count=count)
    made["carrier"] = random.choice(["UA", "DL"], count)
    label = (made["prediction"] + random.normal(0, 0.4, count) > 0.5).astype("float64")
    return made, made[[PREDICTION_ID]].assign(label=label)


def measured(
    made: pd.DataFrame,
    labels: pd.DataFrame,
    specification: ModelSpecification = SPECIFICATION,
) -> pd.DataFrame:
    """Performance of Monday, by carrier."""
    return performance(
        specification, made, labels, ["carrier"], day=MONDAY, rules=EvaluationRules()
    )


def row(found: pd.DataFrame, metric: str, segment: str = OVERALL) -> dict[str, Any]:
    """The row of one metric of one segment."""
    rows = found[(found["metric"] == metric) & (found["segment"] == segment)]
    (only,) = rows[["value", "rows", "mean_label", "note"]].to_dict("records")
    return only


@pytest.mark.parametrize(
    ("specification", "metric", "function"),
    [
        pytest.param(SPECIFICATION, "auc", metrics.roc_auc_score, id="auc"),
        pytest.param(
            SPECIFICATION,
            "average_precision",
            metrics.average_precision_score,
            id="average precision",
        ),
        pytest.param(SPECIFICATION, "brier", metrics.brier_score_loss, id="brier"),
        pytest.param(REGRESSION, "rmse", metrics.root_mean_squared_error, id="rmse"),
        pytest.param(REGRESSION, "mae", metrics.mean_absolute_error, id="mae"),
        pytest.param(REGRESSION, "r2", metrics.r2_score, id="r2"),
    ],
)
def test_figures_are_those_of_scikit_learn(
    specification: ModelSpecification, metric: str, function: Any
) -> None:
    made, labels = scored_rows()
    arrived_so_far = labels.sample(300, random_state=1)

    found = row(measured(made, arrived_so_far, specification), metric)

    of_labelled = made.loc[arrived_so_far.index, "prediction"]
    assert found == {
        "value": pytest.approx(function(arrived_so_far["label"], of_labelled)),
        "rows": 300,
        "mean_label": pytest.approx(arrived_so_far["label"].mean()),
        "note": "",
    }


@pytest.mark.parametrize("carrier", ["UA", "DL"])
def test_segments_are_judged_by_the_main_metric_alone(carrier: str) -> None:
    made, labels = scored_rows()
    found = measured(made, labels)

    of_carrier = made["carrier"] == carrier
    assert found.loc[found["segment"] == carrier, "metric"].tolist() == ["auc"]
    assert row(found, "auc", carrier)["value"] == pytest.approx(
        metrics.roc_auc_score(labels.loc[of_carrier, "label"], made.loc[of_carrier, "prediction"])
    )


@pytest.mark.parametrize("labelled", [0, 1, 100, 400])
def test_coverage_is_the_share_of_predictions_that_are_labelled(labelled: int) -> None:
    made, labels = scored_rows()

    found = measured(made, labels.head(labelled))

    assert row(found, COVERAGE)["value"] == labelled / 400
    assert row(found, COVERAGE)["rows"] == labelled
    assert row(found, MEAN_PREDICTION)["value"] == pytest.approx(0.5)


def test_labels_of_other_predictions_do_not_count() -> None:
    made, labels = scored_rows()

    found = measured(made.head(100), labels)

    assert row(found, COVERAGE)["value"] == 1
    assert row(found, "auc")["rows"] == 100


def test_of_a_label_that_came_twice_the_last_counts() -> None:
    made, labels = scored_rows()
    corrected = labels.assign(label=1 - labels["label"])

    found = measured(made, pd.concat([labels, corrected]))

    pd.testing.assert_frame_equal(found, measured(made, corrected))
    assert row(found, "auc")["value"] == pytest.approx(
        1 - row(measured(made, labels), "auc")["value"]
    )


def test_metric_of_one_class_is_null_with_a_note() -> None:
    made, labels = scored_rows()

    found = measured(made, labels.assign(label=0.0))

    for segment in (OVERALL, "UA"):
        only = row(found, "auc", segment)
        assert np.isnan(only["value"])
        assert only["note"] == ONE_CLASS
    assert row(found, "brier")["note"] == ""
    assert row(found, "brier")["value"] == pytest.approx((made["prediction"] ** 2).mean())


@pytest.mark.parametrize(
    ("rows", "is_judged"),
    [
        pytest.param(MIN_SEGMENT_ROWS, True, id="enough labels"),
        pytest.param(MIN_SEGMENT_ROWS - 1, False, id="one too few"),
    ],
)
def test_small_segment_is_listed_and_not_judged(rows: int, is_judged: bool) -> None:
    made, labels = scored_rows()
    made["carrier"] = ["B6"] * rows + ["UA"] * (len(made) - rows)
    labels["label"] = np.arange(len(labels)) % 2 * 1.0

    only = row(measured(made, labels), "auc", "B6")

    assert only["rows"] == rows
    assert bool(np.isfinite(only["value"])) is is_judged
    assert only["note"] == ("" if is_judged else TOO_FEW)


def test_few_labels_of_all_are_judged_all_the_same() -> None:
    made, labels = scored_rows(20)

    assert row(measured(made, labels), "auc")["note"] == ""


def test_without_labels_coverage_is_nothing() -> None:
    made, labels = scored_rows()

    found = measured(made, labels.head(0))

    assert row(found, COVERAGE) | {"mean_label": None} == {
        "value": 0.0,
        "rows": 0,
        "mean_label": None,
        "note": "",
    }
    assert row(found, MEAN_PREDICTION)["value"] == pytest.approx(0.5)


def test_metric_without_labels_has_a_note() -> None:
    made, labels = scored_rows()

    assert row(measured(made, labels.head(0)), "auc")["note"] == NO_LABELS


def test_metrics_without_predictions_are_null() -> None:
    made, labels = scored_rows()

    found = measured(made.head(0), labels)

    assert found["value"].isna().all()
    assert set(found["note"]) == {"nothing was predicted"}
    assert set(found["metric"]) == {COVERAGE, MEAN_PREDICTION, LATE_SHARE, "auc"}


@pytest.mark.parametrize(
    ("predicted", "labelled"),
    [
        pytest.param(400, 400, id="all is known"),
        pytest.param(400, 1, id="one label"),
        pytest.param(400, 0, id="no label"),
        pytest.param(0, 400, id="no prediction"),
    ],
)
def test_performance_keeps_its_contract(predicted: int, labelled: int) -> None:
    made, labels = scored_rows()

    found = measured(made.head(predicted), labels.head(labelled))

    validated = validate(found, Performance, [MONDAY])
    assert validated.quarantined == {}
    assert validated.row_counts == {MONDAY: len(found)}
    assert (found["value"].isna() == (found["note"] != "")).all()


def test_headline_is_the_overall_figures_or_why_there_are_none() -> None:
    made, labels = scored_rows()

    found = headline(measured(made, labels.assign(label=1.0)))

    assert [*found] == ["auc", "average_precision", "brier", COVERAGE, MEAN_PREDICTION, LATE_SHARE]
    assert found["auc"] == ONE_CLASS
    assert found[COVERAGE] == 1.0


def test_rows_that_came_late_are_not_counted_as_predicted_in_time() -> None:
    made, labels = scored_rows()
    late = made.head(40).index

    found = measured(made.assign(is_late=made.index.isin(late)), labels)

    assert row(found, LATE_SHARE)["value"] == pytest.approx(40 / len(made))
    assert row(found, COVERAGE)["rows"] == len(made) - 40
    assert row(found, "auc")["rows"] == len(made) - 40


CLASSES = ("punctual", "late", "cancelled")
MULTICLASS = replace(SPECIFICATION, task="multiclass", classes=CLASSES)


def classified(count: int) -> pd.DataFrame:
    """Predictions of a day with the probabilities of classes."""
    probabilities = np.random.default_rng(0).dirichlet([4, 2, 1], count)
    return with_predictions(predictions(count=count), probabilities, CLASSES)


def test_performance_of_classes_is_that_of_the_labels_that_have_arrived() -> None:
    made = classified(60)
    labels = made[[PREDICTION_ID]].assign(label=[CLASSES[number % 3] for number in range(60)])
    arrived_so_far = labels[labels["label"] != "cancelled"].head(30)

    found = performance(
        MULTICLASS,
        made,
        arrived_so_far,
        ["carrier"],
        day=MONDAY,
        rules=EvaluationRules(metrics=("log_loss", "accuracy", "auc_ovr")),
    )

    assert validate(found, Performance, [MONDAY]).quarantined == {}
    of_all = found[found["segment_column"] == OVERALL].set_index("metric")
    known = made.merge(arrived_so_far, on=PREDICTION_ID)
    assert of_all.loc["accuracy", "value"] == metrics.accuracy_score(
        known["label"], known["prediction"]
    )
    assert of_all.loc["auc_ovr", "note"] == SOME_CLASSES
    assert of_all.loc[COVERAGE, "value"] == 0.5
    assert of_all["mean_label"].isna().all()
    for name in CLASSES:
        share = (made["prediction"] == name).mean()
        mean = made[f"probability_{name}"].mean()
        assert of_all.loc[f"predicted_share_{name}", "value"] == pytest.approx(share)
        assert of_all.loc[f"mean_probability_{name}", "value"] == pytest.approx(mean)


def test_classes_of_a_day_are_measured_before_its_labels_arrive() -> None:
    no_labels = pd.DataFrame({PREDICTION_ID: [], "label": []}, dtype="str")

    found = performance(
        MULTICLASS, classified(60), no_labels, [], day=MONDAY, rules=EvaluationRules()
    ).set_index("metric")

    assert found.loc["log_loss", "note"] == NO_LABELS
    assert found.loc["predicted_share_late", "value"] > 0


def test_labels_that_are_classes_arrive_with_all_probabilities() -> None:
    """An unknown class arrives as well: the contract of the labels rejects it."""
    probabilities = np.tile([0.2, 0.7, 0.1], (3, 1))
    made = with_predictions(predictions(SUNDAY), probabilities, CLASSES)
    known = ["2013-07-08 05:00"] * 2

    found = arrived(
        outcomes(SUNDAY, *known).assign(late=["late", "diverted"]),
        made,
        scored_days=[SUNDAY],
        classes=CLASSES,
    )

    assert list(found["label"]) == ["late", "diverted"]
    assert list(found["prediction"]) == ["late", "late"]
    assert list(found["probability_late"]) == [0.7, 0.7]
