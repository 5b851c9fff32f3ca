"""Training datasets: labels known when the as-of day began, split by time."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from pandas.errors import MergeError

from ml_assets.cadence import Calendar
from ml_assets.content import DAY
from ml_assets.errors import TrainingError
from ml_assets.learning.dataset import (
    FEATURE_DAY,
    SPLIT,
    Windows,
    known_classes,
    refuse_gaps,
    training_dataset,
)

AS_OF = "2013-07-08"
NEW_YORK = Calendar(timezone="America/New_York")
WINDOWS = Windows(window_days=10, validation_days=2, test_days=3)
LONG_AGO = "2013-06-01 00:00"


def features(*days: str) -> pd.DataFrame:
    """A row for each day, numbered."""
    return pd.DataFrame({DAY: pd.Series(days, dtype="str"), "id": range(len(days)), "x": 1.5})


def labels(*known_at: str) -> pd.DataFrame:
    """A label for each row, known at the given moments."""
    moments = pd.to_datetime(list(known_at), utc=True).as_unit("us")
    return pd.DataFrame({"id": range(len(known_at)), "late": 1, "known_at": moments, "other": 0})


def dataset(
    feature_rows: pd.DataFrame,
    label_rows: pd.DataFrame,
    calendar: Calendar = NEW_YORK,
    windows: Windows = WINDOWS,
) -> pd.DataFrame:
    """The training dataset of the as-of day."""
    return training_dataset(
        feature_rows,
        label_rows,
        key=["id"],
        label="late",
        known_at="known_at",
        as_of=AS_OF,
        calendar=calendar,
        windows=windows,
        label_delay=timedelta(days=windows.label_delay_days),
    )


@pytest.mark.parametrize(
    ("known_at", "used"),
    [
        pytest.param("2013-07-08 03:59:59.999999", True, id="just before"),
        pytest.param("2013-07-08 04:00", False, id="when the day began"),
        pytest.param("2013-07-08 12:00", False, id="later"),
    ],
)
def test_label_is_used_when_it_was_known_before_the_day_began(known_at: str, used: bool) -> None:
    assert len(dataset(features("2013-07-07"), labels(known_at))) == used


@pytest.mark.parametrize(
    ("day", "split"),
    [
        pytest.param("2013-06-27", None, id="before the window"),
        pytest.param("2013-06-28", "train", id="first day of the window"),
        pytest.param("2013-07-02", "train", id="last day fitted"),
        pytest.param("2013-07-03", "validation", id="first day of validation"),
        pytest.param("2013-07-04", "validation", id="last day of validation"),
        pytest.param("2013-07-05", "test", id="first day of the test"),
        pytest.param("2013-07-07", "test", id="day before"),
        pytest.param("2013-07-08", None, id="the as-of day itself"),
        pytest.param("2013-07-09", None, id="a later day"),
    ],
)
def test_split_of_a_day(day: str, split: str | None) -> None:
    assert [*dataset(features(day), labels(LONG_AGO))[SPLIT]] == ([split] if split else [])


def test_rows_belong_to_the_as_of_day_and_remember_their_own() -> None:
    found = dataset(features("2013-07-01", "2013-07-07"), labels(LONG_AGO, LONG_AGO))

    assert [*found[DAY]] == [AS_OF, AS_OF]
    assert [*found[FEATURE_DAY]] == ["2013-07-01", "2013-07-07"]
    assert [*found.columns] == [DAY, "id", "x", "late", "known_at", FEATURE_DAY, SPLIT]


def test_feature_row_without_a_label_is_left_out() -> None:
    found = dataset(features("2013-07-01", "2013-07-02"), labels(LONG_AGO))

    assert [*found["id"]] == [0]


def test_label_without_a_feature_row_is_left_out() -> None:
    assert len(dataset(features("2013-07-01"), labels(LONG_AGO, LONG_AGO))) == 1


@pytest.mark.parametrize("doubled", ["features", "labels"])
def test_doubled_key_is_refused(doubled: str) -> None:
    feature_rows, label_rows = features("2013-07-01"), labels(LONG_AGO)
    if doubled == "features":
        feature_rows = pd.concat([feature_rows] * 2)
    else:
        label_rows = pd.concat([label_rows] * 2)

    with pytest.raises(MergeError):
        dataset(feature_rows, label_rows)


def test_label_that_becomes_known_later_does_not_change_the_rows_of_an_old_day() -> None:
    rows = features("2013-07-01", "2013-07-02")

    before = dataset(rows, labels(LONG_AGO))
    after = dataset(rows, labels(LONG_AGO, "2013-08-01 00:00"))

    pd.testing.assert_frame_equal(before, after)


def test_label_without_a_time_is_never_known() -> None:
    label_rows = labels(LONG_AGO).assign(known_at=pd.Series([pd.NaT], dtype="datetime64[us, UTC]"))

    assert dataset(features("2013-07-01"), label_rows).empty


LATE_LABELS = replace(WINDOWS, label_delay_days=2)


@pytest.mark.parametrize(
    ("known_at", "used"),
    [
        pytest.param("2013-07-06 03:59:59.999999", True, id="just early enough"),
        pytest.param("2013-07-06 04:00", False, id="arrives when the day began"),
        pytest.param("2013-07-07 12:00", False, id="known, and still on its way"),
    ],
)
def test_delayed_label_is_used_when_it_had_arrived(known_at: str, used: bool) -> None:
    rows = features("2013-07-01")

    assert len(dataset(rows, labels(known_at), windows=LATE_LABELS)) == used
    assert len(dataset(rows, labels(known_at))) == 1


def test_delay_does_not_change_known_at() -> None:
    found = dataset(features("2013-07-01"), labels(LONG_AGO), windows=LATE_LABELS)

    assert [*found["known_at"]] == [pd.Timestamp(LONG_AGO, tz="UTC")]


@pytest.mark.parametrize(
    ("day", "split"),
    [
        pytest.param("2013-06-27", None, id="before the window, which is as long as ever"),
        pytest.param("2013-06-28", "train", id="first day of the window"),
        pytest.param("2013-06-30", "train", id="last day fitted"),
        pytest.param("2013-07-01", "validation", id="first day of validation"),
        pytest.param("2013-07-02", "validation", id="last day of validation"),
        pytest.param("2013-07-03", "test", id="first day of the test"),
        pytest.param("2013-07-05", "test", id="last day whose labels can be known"),
    ],
)
def test_held_out_days_end_as_much_earlier_as_labels_are_late(day: str, split: str | None) -> None:
    found = dataset(features(day), labels(LONG_AGO), windows=LATE_LABELS)

    assert [*found[SPLIT]] == ([split] if split else [])


@pytest.mark.parametrize("delay", [0, 1, 30])
def test_no_model_is_fitted_on_the_held_out_days(delay: int) -> None:
    windows = replace(WINDOWS, window_days=60, label_delay_days=delay)
    days = pd.date_range(end="2013-07-07", periods=60).strftime("%Y-%m-%d")

    found = dataset(features(*days), labels(*["2013-01-01"] * 60), windows=windows)

    fitted = found.loc[found[SPLIT] == "train", FEATURE_DAY]
    assert windows.held_out_days == delay + 5
    assert [*fitted] == [*days[: 60 - windows.held_out_days]]


DAYS = [f"2013-01-{day:02}" for day in range(1, 11)]


@pytest.mark.parametrize(
    ("missing", "max_share"),
    [
        pytest.param([], 0.0, id="none is missing"),
        pytest.param(["2013-01-03"], 0.1, id="as many as may be"),
        pytest.param(["2013-01-05", "2013-01-06", "2013-01-10"], 0.3, id="weekends"),
    ],
)
def test_a_window_with_few_gaps_is_learned_from(missing: list[str], max_share: float) -> None:
    refuse_gaps(DAYS, {*DAYS} - {*missing}, max_share)


def test_a_window_with_too_many_gaps_is_refused_and_names_them() -> None:
    with pytest.raises(TrainingError) as refused:
        refuse_gaps(DAYS, {*DAYS} - {"2013-01-03", "2013-01-07"}, 0.1)

    assert "2 of the 10 days" in str(refused.value)
    assert "2013-01-03, 2013-01-07" in str(refused.value)
    assert "'max_missing_share'" in str(refused.value)


CLASSES = ("small", "medium", "large")


def sized(*unknown: str | None) -> pd.DataFrame:
    """100 rows of the classes, of which the first have other labels."""
    known = [CLASSES[number % 3] for number in range(100 - len(unknown))]
    return pd.DataFrame({"size": pd.Series([*unknown, *known], dtype="str")})


def test_rows_of_unknown_classes_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    rows = sized("crate", "crate", "bag", None)

    found = known_classes(rows, "size", CLASSES)

    assert list(found.index) == [*range(4, 100)]
    assert "4 of 100 labels are none of the classes: crate (2), bag (1), (none) (1)" in caplog.text


def test_too_many_unknown_classes_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"6 of 100 .* crate \(6\); at most 5% may be"):
        known_classes(sized(*["crate"] * 6), "size", CLASSES)
