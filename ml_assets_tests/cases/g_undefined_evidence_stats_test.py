"""Cases G1 to G3: what is undefined is not evidence against a model, and units are units."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.cadence import DAYS, shifted
from ml_assets.components.monitoring.trainable import days_with_rows, trainable_days
from ml_assets.content import DAY
from ml_assets.contracts.validation import no_rows
from ml_assets.learning.dataset import Windows
from ml_assets.learning.metrics.resampling import MIN_DAYS
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.monitoring.contracts.drift import DriftReport
from ml_assets.monitoring.drift import MIN_ROWS, drift_report, reference_profile, summary
from ml_assets.monitoring.evidence import RetrainingEvidence
from ml_assets.monitoring.policy import Policy
from ml_assets.monitoring.profile import daily_profiles, reference_from_rows, to_rows
from ml_assets.monitoring.retraining import decide
from ml_assets.release.champion import Champion
from ml_assets.release.decision import AWAITING, BLOCKED, PASSED, verdict
from ml_assets.release.evidence.values import EvidenceTable
from ml_assets.release.gates import Gate, GateOutcome
from ml_assets_tests.release.judged import RULES, Case, better, flipped, judged, predictions

# G1: a segment or group whose figure is undefined


def with_labels(column: str, value: str, label: Callable[[pd.DataFrame], pd.Series]) -> Case:
    """A better challenger, on rows in which one segment has other labels."""
    case = better()
    chosen = case.test[column] == value
    late = case.test["late"].where(~chosen, label(case.test))
    test = case.test.assign(late=late)
    return replace(
        case, test=test, challenger=predictions(test, 0.4), champion=predictions(test, 0.2, 2)
    )


def on_days(count: int) -> Callable[[pd.DataFrame], pd.Series]:
    """Labels of which positives are there on so many days only."""

    def label(test: pd.DataFrame) -> pd.Series:
        is_one = test["feature_day"] <= f"2013-07-{count:02d}"
        return test["late"].where(is_one, 0)

    return label


def never(test: pd.DataFrame) -> pd.Series:
    """Labels without a positive."""
    return test["late"] * 0


def always(test: pd.DataFrame) -> pd.Series:
    """Labels without a negative."""
    return test["late"] * 0 + 1


def one_positive(test: pd.DataFrame) -> pd.Series:
    """Labels with a single positive, of the first row of each segment."""
    return (~test.duplicated(["carrier"])).astype(int)


LARGE = RULES.model_copy(update={"max_unjudged_share": 0.2})


@pytest.mark.parametrize(
    "label",
    [
        pytest.param(on_days(1), id="positives on one day"),
        pytest.param(never, id="no positive"),
        pytest.param(always, id="no negative"),
        pytest.param(one_positive, id="one positive"),
        pytest.param(on_days(MIN_DAYS - 1), id="positives on four days"),
    ],
)
def test_g1_segment_without_both_labels_is_not_judged_and_reported_with_its_share(
    label: Callable[[pd.DataFrame], pd.Series],
) -> None:
    case = replace(with_labels("carrier", "B6", label), rules=LARGE)
    share = (case.test["carrier"] == "B6").mean()

    found = case.gates()

    assert verdict([*found.values()])[0] == PASSED
    reason = found["no_segment_degraded"].reason
    assert f"carrier=B6 ({share:.1%} of the test rows) without 10 rows of each label" in reason
    [row] = case.comparison().query("segment == 'B6'").to_dict("records")
    assert not row["is_judged"]


def test_g1_positives_on_as_many_days_as_an_interval_needs_are_judged() -> None:
    case = with_labels("carrier", "B6", on_days(MIN_DAYS))
    worse = replace(case, challenger=flipped(case.test, case.challenger, {"carrier": "B6"}))

    [row] = case.comparison().query("segment == 'B6'").to_dict("records")

    assert row["is_judged"]
    assert np.isfinite([row["low"], row["high"]]).all()
    assert "carrier=B6" not in case.gates()["no_segment_degraded"].reason.partition("not judged")[2]
    assert worse.gates()["no_segment_degraded"].outcome is GateOutcome.APPROVABLE


def test_g1_too_many_unjudged_rows_block_without_approval() -> None:
    case = with_labels("carrier", "DL", never)

    found = case.gates()

    assert verdict([*found.values()])[0] == BLOCKED
    assert found["no_segment_degraded"].outcome is GateOutcome.NO_EVIDENCE
    reason = found["no_segment_degraded"].reason
    assert "of the test rows cannot be judged by carrier, more than the limit of 10%" in reason


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda rows: rows[rows["segment"] != "DL"], id="its row deleted"),
        pytest.param(
            lambda rows: rows.assign(
                low=rows["low"].where(rows["segment"] != "DL"), high=rows["high"]
            ),
            id="its bound removed",
        ),
        pytest.param(
            lambda rows: rows.assign(
                is_judged=rows["is_judged"] & (rows["segment"] != "DL")
            ).assign(improvement=rows["improvement"].where(rows["segment"] != "DL")),
            id="said not to be judged",
        ),
    ],
)
def test_g1_evidence_that_lacks_what_the_data_could_give_still_blocks(
    damage: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    case = better()

    found = judged(
        case.question(),
        EvidenceTable("shop/comparison", damage(case.comparison())),
        EvidenceTable("shop/fairness", case.fairness()),
    )

    assert found["no_segment_degraded"].outcome is GateOutcome.NO_EVIDENCE
    assert verdict([*found.values()])[0] == BLOCKED


def in_groups(sizes: Mapping[str, int], label: Callable[[pd.DataFrame], pd.Series]) -> Case:
    """A better challenger on groups of these sizes and two large ones; the named have other labels."""
    case = better()
    names = np.where(np.arange(len(case.test)) % 2, "JFK", "EWR").astype(object)
    start = 0
    for name, size in sizes.items():
        names[start : start + size] = name
        start += size
    test = case.test.assign(origin=names)
    late = test["late"].where(~test["origin"].isin([*sizes]), label(test))
    test = test.assign(late=late)
    return replace(
        case, test=test, challenger=predictions(test, 0.4), champion=predictions(test, 0.2, 2)
    )


@pytest.mark.parametrize(
    ("label", "rate"),
    [
        pytest.param(never, "true_positive_rate", id="no positive"),
        pytest.param(always, "false_positive_rate", id="no negative"),
        pytest.param(on_days(1), "true_positive_rate", id="positives on one day"),
    ],
)
def test_g1_group_without_a_rate_is_not_part_of_the_gap_and_reported(
    label: Callable[[pd.DataFrame], pd.Series], rate: str
) -> None:
    case = in_groups({"HPN": 200}, label)

    gate = case.gates()["groups_are_close"]

    assert gate.outcome is not GateOutcome.NO_EVIDENCE
    assert f"{rate} of 2 groups" in gate.reason
    assert "origin=HPN (7.1% of the test rows) without 10 rows of each label" in gate.reason


def test_g1_groups_without_a_rate_block_when_they_hold_too_many_rows() -> None:
    gate = in_groups({"HPN": 200, "ISP": 200}, never).gates()["groups_are_close"]

    assert gate.outcome is GateOutcome.NO_EVIDENCE
    assert "14.3% of the test rows cannot be judged by origin" in gate.reason


def test_g1_all_test_rows_of_one_label_are_no_evidence() -> None:
    case = better()
    case = replace(case, test=case.test.assign(late=0))

    assert verdict([*case.gates().values()])[0] == BLOCKED


def test_g1_a_person_may_approve_a_loss_beside_a_segment_that_is_not_judged() -> None:
    case = replace(with_labels("carrier", "B6", never), rules=LARGE)
    worse = replace(case, challenger=predictions(case.test, 0.1, 3))

    assert verdict([*worse.gates().values()])[0] == AWAITING


# G2: growth is counted in partitions that have rows


WINDOWS = Windows(window_days=365, validation_days=7, test_days=14)
TABLES = ["shop/features", "shop/outcomes"]
NO_LABELS = pd.DataFrame(columns=[DAY, "model_version", "label", "prediction"])
GROWTH = Policy(name="growth", data_growth=0.3)


def stored_days(of_days: Callable[[pd.Timestamp], int], first: str, last: str) -> list[Entry]:
    """Entries of features and labels: rows of each day; a negative number for a quarantined day."""
    return [
        Entry(
            table,
            day.strftime("%Y-%m-%d"),
            Status.STORED if of_days(day) >= 0 else Status.QUARANTINED,
            rows=max(0, of_days(day)),
        )
        for table in TABLES
        for day in pd.date_range(first, last)
    ]


def evidence_of(
    day: str, champion: Champion, drift: pd.DataFrame, trainable: int, trained: int
) -> RetrainingEvidence:
    """The evidence of a day without labels and without an earlier request."""
    return RetrainingEvidence(
        day=day,
        calendar=DAYS,
        next_as_of=shifted(day, 1),
        champion=champion,
        labels=NO_LABELS,
        drift=drift,
        requested_days=[],
        trainable_days=trainable,
        champion_days=trained,
    )


def growth(entries: list[Entry], day: str, as_of: str, tmp_path: Path) -> float:
    """The growth that a decision finds, of a champion that was trained on the days with rows."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.append(entries)
    known = days_with_rows(ledger, TABLES)
    trained = trainable_days(known, as_of, WINDOWS, DAYS)
    champion = Champion(as_of, "c", 0.7, trained, as_of, "auc", as_of)
    trainable = trainable_days(known, shifted(day, 1), WINDOWS, DAYS)
    evidence = evidence_of(day, champion, no_rows(DriftReport), trainable, trained)
    return float(decide(evidence, GROWTH)["data_growth"].iloc[0])


def weekdays(day: pd.Timestamp) -> int:
    """Rows on weekdays only."""
    return 100 if day.day_of_week < 5 else 0


def first_of_week(day: pd.Timestamp) -> int:
    """Rows on Mondays only."""
    return 100 if day.day_of_week == 0 else 0


def with_bad_days(day: pd.Timestamp) -> int:
    """Every third day is quarantined."""
    return -1 if day.day % 3 == 0 else 100


def with_a_gap(day: pd.Timestamp) -> int:
    """No rows in February."""
    return 0 if day.month == 2 else 100


@pytest.mark.parametrize(
    "of_days",
    [
        pytest.param(weekdays, id="weekdays"),
        pytest.param(first_of_week, id="Mondays"),
        pytest.param(with_bad_days, id="quarantined days"),
        pytest.param(with_a_gap, id="a month without rows"),
    ],
)
def test_g2_data_has_not_grown_on_the_day_of_the_release(
    of_days: Callable[[pd.Timestamp], int], tmp_path: Path
) -> None:
    entries = stored_days(of_days, "2013-01-01", "2013-05-31")

    assert growth(entries, "2013-05-14", "2013-05-15", tmp_path) == 0.0


def test_g2_growth_is_in_days_with_rows(tmp_path: Path) -> None:
    entries = stored_days(weekdays, "2013-01-01", "2013-06-30")

    found = growth(entries, "2013-06-11", "2013-05-15", tmp_path)

    assert found == pytest.approx(20 / 81)


# G3: drift needs a minimum of rows


FEATURES = [f"feature {number}" for number in range(10)]
DRIFT = Policy(name="drift", windows=1, confirmations=1, drifted_structural=4)
REFERENCE = "2013-05-01"


def days_of(per_day: int, days: int, first: str) -> pd.DataFrame:
    """Rows of days that are all alike."""
    random = np.random.default_rng(per_day + days)
    dates = pd.date_range(first, periods=days).strftime("%Y-%m-%d")
    values = {name: random.normal(0, 1, days * per_day) for name in FEATURES}
    return pd.DataFrame({DAY: np.repeat(dates, per_day), **values})


STORED = reference_profile(days_of(1000, 60, "2013-03-01"), FEATURES, [], 7)


def reported(window: pd.DataFrame, min_rows: int = MIN_ROWS) -> pd.DataFrame:
    """The drift report of a window of days."""
    bins = [each.bins for each in reference_from_rows(STORED)]
    profiles = to_rows(*daily_profiles(window, bins), REFERENCE)
    return drift_report(
        STORED,
        profiles,
        dict.fromkeys(FEATURES, "structural"),
        day=window[DAY].max(),
        reference=REFERENCE,
        min_rows=min_rows,
    )


def decision_on(report: pd.DataFrame) -> tuple[str, str]:
    """Verdict and reason of the decision on a report."""
    champion = Champion(REFERENCE, "c", 0.7, 60, "2013-04-10", "auc", REFERENCE)
    day = report[DAY].iloc[0]
    evidence = evidence_of(day, champion, report, 60, 60)
    row = decide(evidence, DRIFT).iloc[0]
    return str(row["verdict"]), str(row["reason"])


@pytest.mark.parametrize(
    ("per_day", "days"),
    [
        pytest.param(3, 1, id="three rows on the first day"),
        pytest.param(1, 1, id="one row"),
        pytest.param(60, 1, id="sixty rows"),
        pytest.param(50, 7, id="a week of fifty rows a day"),
    ],
)
def test_g3_few_rows_do_not_count_as_drifted_and_are_reported(per_day: int, days: int) -> None:
    report = reported(days_of(per_day, days, "2013-05-01"))

    assert not report["drifted"].any()
    assert not report["is_judged"].any()
    assert reported(days_of(3, 1, "2013-05-01"), min_rows=1)["drifted"].sum() > 5
    rows = per_day * days
    assert summary(report)["not judged"] == f"too few rows to judge: {rows}"
    verdict_, reason = decision_on(report)
    assert verdict_ == "keep"
    assert (
        f"the newest window has too few rows to judge drift of structural features: {rows}"
        in reason
    )


def test_g3_enough_shifted_rows_have_drifted() -> None:
    window = days_of(1000, 1, "2013-05-01")
    window[FEATURES] += 2

    report = reported(window)

    assert report["drifted"].all()
    assert "not judged" not in summary(report)
    assert decision_on(report)[0] == "retrain"


def test_g3_few_values_of_a_feature_are_no_distance_and_their_absence_still_counts() -> None:
    window = days_of(1000, 1, "2013-05-01")
    window.loc[3:, FEATURES[0]] = np.nan

    report = reported(window).set_index("feature")

    assert report.loc[FEATURES[0], "ratio"] > 1
    assert report.loc[FEATURES[0], "drifted"]
    assert report.loc[FEATURES[0], "missing_ratio"] > 1
    assert report["drifted"].sum() == 1


def test_g3_each_gate_outcome_is_distinguishable() -> None:
    found = [Gate("groups_are_close", outcome, "said") for outcome in GateOutcome]

    assert [verdict([gate])[0] for gate in found] == [PASSED, AWAITING, BLOCKED, BLOCKED]
