"""What a proposal takes from a project: names of columns, and tables that other pipelines read too."""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

import ml_assets.defs
from ml_assets.configuration.objects import load_contract, load_object
from ml_assets.contracts.contract import columns, limits
from ml_assets.contracts.roles import columns_of_group
from ml_assets.learning.contracts import Prediction
from ml_assets.scaffolding.naming import RESERVED
from ml_assets_tests.commands.new_test import file_of, good, project, refused, run
from ml_assets_tests.components.shop import definitions

__all__ = ["project"]


def test_columns_that_every_prediction_has_are_reserved() -> None:
    assert set(columns(Prediction)) <= RESERVED


def test_two_pipelines_read_the_same_table(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = file_of(project, good())
    run("rides", "--from", table, "--target", "rides")
    run("rain", "--from", table, "--target", "rain")
    defs = project / "ml_assets" / "defs"
    monkeypatch.setattr(ml_assets.defs, "__path__", [*ml_assets.defs.__path__, str(defs)])
    texts = {name: (defs / name / "defs.yaml").read_text("utf-8") for name in ("rides", "rain")}

    rides, rain = (definitions(defs / name, texts[name]) for name in texts)
    loaded = dg.Definitions(
        assets=[*(rides.assets or ()), *(rain.assets or ())], resources=rides.resources
    )

    keys = {key.to_user_string() for key in loaded.resolve_asset_graph().get_all_asset_keys()}
    assert {"rides/rows", "rain/rows"} <= keys
    assert {"source_files/rides_rows", "source_files/rain_rows"} <= keys


@pytest.mark.parametrize(
    ("share", "first", "tells"),
    [
        pytest.param(0.5, "2024-05-26", False, id="both classes"),
        pytest.param(0.1, "2024-05-11", True, id="a rare class, in a longer window"),
    ],
)
def test_too_few_test_rows_of_a_class_are_told(
    project: Path, share: float, first: str, tells: bool
) -> None:
    random = np.random.default_rng(3)
    days = pd.date_range("2024-01-01", periods=200).repeat(5)
    table = pd.DataFrame(
        {
            "strike": range(len(days)),
            "day": days.strftime("%Y-%m-%d"),
            "height": random.normal(size=len(days)).round(3),
            "damaged": (random.random(len(days)) < share).astype(int),
        }
    )

    done = run("strikes", "--from", file_of(project, table), "--target", "damaged")

    text = " ".join(done.split())
    tested = table[(table["day"] >= first) & (table["day"] < "2024-06-23")]
    rarest = tested["damaged"].value_counts().min()
    assert f"it is tested on {len(tested)} rows, {rarest} of them of the rarest class" in text
    assert ("too few to tell" in text) == tells


def workdays(rows_a_day: int) -> pd.DataFrame:
    """A table with rows from Monday to Friday, whose value counts its days."""
    days = pd.bdate_range("2024-01-01", periods=120)
    moments = [day + pd.Timedelta(hours=8 + n) for day in days for n in range(rows_a_day)]
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "at": [f"{moment:%Y-%m-%d %H:%M}" for moment in moments],
            "rides": np.repeat(np.arange(120.0), rows_a_day),
            "rain": random.exponential(2, 120 * rows_a_day).round(3),
        }
    )


@pytest.mark.parametrize(
    "rows_a_day", [pytest.param(1, id="a series"), pytest.param(3, id="events")]
)
def test_lags_of_a_monday_are_those_of_friday_and_weekends_are_declared_empty(
    project: Path, monkeypatch: pytest.MonkeyPatch, rows_a_day: int
) -> None:
    rows, name = workdays(rows_a_day), f"workdays_{rows_a_day}"
    table = file_of(project, rows)
    printed = run(name, "--from", table, "--target", "rides", "--cadence", "daily")
    defs = project / "ml_assets" / "defs"
    monkeypatch.setattr(ml_assets.defs, "__path__", [*ml_assets.defs.__path__, str(defs)])
    features = load_object(f"ml_assets.defs.{name}.features.features")
    contracts = [
        load_contract(f"ml_assets.defs.{name}.contracts.{contract}")
        for contract in ("Rows", "Features", "Outcomes")
    ]
    history = rows.assign(ds=rows["at"].str[:10], at=pd.to_datetime(rows["at"], utc=True))
    inputs = {"history": history} | ({"rows": history} if rows_a_day > 1 else {})
    friday, monday = "2024-03-01", "2024-03-04"

    made = features([friday, monday], **inputs).drop_duplicates("ds").set_index("ds")
    alone = features([monday], **inputs).drop_duplicates("ds").set_index("ds")

    value = history.groupby("ds")["rides"].first()
    assert "never rows on Saturday and Sunday" in " ".join(printed.split())
    assert [limits(contract).empty_on for contract in contracts] == [{"Saturday", "Sunday"}] * 3
    assert made.index.tolist() == [friday, monday]
    for lag, past in {1: friday, 2: "2024-02-29", 5: "2024-02-26"}.items():
        assert made.loc[monday, f"rides_lag_{lag}"] == value[past]
    assert made.loc[monday, "rides_mean_20"] == value["2024-02-05":friday].mean()
    pd.testing.assert_frame_equal(made.loc[[monday]], alone)


def test_a_table_with_rows_on_all_days_declares_none_empty(project: Path) -> None:
    run("rides", "--from", file_of(project, good()), "--target", "rides")
    folder = project / "ml_assets" / "defs" / "rides"

    texts = [file.read_text("utf-8") for file in folder.iterdir() if file.is_file()]

    assert not any("empty_on" in text.lower() for text in texts)


def test_columns_that_are_features_at_the_time_of_their_row_are_told(project: Path) -> None:
    random = np.random.default_rng(4)
    hours = pd.date_range("2023-01-01", periods=4000, freq="4h")
    table = pd.DataFrame(
        {
            "call": range(len(hours)),
            "at": hours.strftime("%Y-%m-%d %H:%M"),
            "kind": random.choice(["fire", "flood"], len(hours)),
            "casualties": random.poisson(1, len(hours)),
            "minutes": random.normal(20, 5, len(hours)).round(1),
        }
    )

    printed = run(
        "calls", "--from", file_of(project, table), "--target", "minutes", "--cadence", "daily"
    )

    text = " ".join(printed.split())
    assert "features with the value of the row itself: kind, casualties. " in text
    assert "exclude it with --exclude COLUMN" in text
    readme = (project / "ml_assets" / "defs" / "calls" / "README.md").read_text("utf-8")
    assert "value of the row itself: kind, casualties." in readme


def test_a_series_has_no_feature_at_the_time_of_its_row(project: Path) -> None:
    printed = run("rides", "--from", file_of(project, good()), "--target", "rides")

    assert "the value of the row itself" not in " ".join(printed.split())


def test_features_of_the_calendar_are_monitored_as_such(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = good().assign(day=pd.date_range("2024-01-01", periods=120, freq="D").astype("str"))
    run("calendar_rides", "--from", file_of(project, table), "--target", "rides")
    defs = project / "ml_assets" / "defs"
    monkeypatch.setattr(ml_assets.defs, "__path__", [*ml_assets.defs.__path__, str(defs)])

    contract = load_contract("ml_assets.defs.calendar_rides.contracts.Features")

    assert columns_of_group(contract, "calendar") == ["weekday"]


def test_a_drift_window_with_too_few_rows_to_tell_is_told(project: Path) -> None:
    printed = run("rides", "--from", file_of(project, good()), "--target", "rides")

    assert "drift is not judged: a window of about 15 rows" in " ".join(printed.split())


def strikes(days: int, rows_a_day: int, kinds: list[str]) -> pd.DataFrame:
    """Events of several classes."""
    random = np.random.default_rng(5)
    at = pd.date_range("2010-01-01", periods=days).repeat(rows_a_day)
    return pd.DataFrame(
        {
            "strike": range(len(at)),
            "day": at.strftime("%Y-%m-%d"),
            "height": random.normal(size=len(at)).round(3),
            "kind": random.choice(kinds, len(at)),
        }
    )


def test_the_part_of_a_long_history_that_is_used_is_told_and_read(project: Path) -> None:
    table = strikes(2000, 5, ["a", "b"])

    done = run("strikes", "--from", file_of(project, table), "--target", "kind")

    text = " ".join(done.split())
    used = table[table["day"] >= "2014-05-26"]
    assert f"uses 2014-05-26 to 2015-06-23, {len(used)} of 10000 rows" in text
    assert "set an earlier 'first' in defs.yaml" in text
    defs = (project / "ml_assets" / "defs" / "strikes" / "defs.yaml").read_text("utf-8")
    assert 'days: {first: "2014-05-26", last: "2015-06-23"}' in defs
    readme = (project / "ml_assets" / "defs" / "strikes" / "README.md").read_text("utf-8")
    assert f"the {len(used)} rows from 2014-05-26 on" in readme


def test_events_whose_target_is_a_text_have_no_lags_and_one_launch_for_rows_and_features(
    project: Path,
) -> None:
    table = file_of(project, strikes(200, 5, ["a", "b"]))

    done = run("strikes", "--from", table, "--target", "kind")

    text = " ".join(done.split())
    assert "the other columns of a row predict it; earlier values do not" in text
    assert "lags" not in text
    first, *others = [line for line in done.splitlines() if "dg launch" in line]
    assert "'key:\"strikes/rows\" or group:strikes__features'" in first
    assert first.endswith("--partition-range 2010-01-01...2010-07-19")
    assert len(others) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(1, "Too few rows of 'kind' are 'c' (1): a class needs 10", id="one row"),
        pytest.param(0, "", id="none"),
    ],
)
def test_a_class_that_cannot_be_learned_is_refused(project: Path, rows: int, message: str) -> None:
    table = strikes(200, 5, ["a", "b"])
    table.loc[: rows - 1, "kind"] = "c"
    options = ("strikes", "--from", file_of(project, table), "--target", "kind")

    if message:
        assert message in refused(project, *options)
    else:
        run(*options)


def test_a_class_with_few_rows_is_joined_with_another_not_tested_for_longer(project: Path) -> None:
    table = strikes(400, 5, ["a", "b"])
    table.loc[table.index % 100 == 0, "kind"] = "c"

    done = run("strikes", "--from", file_of(project, table), "--target", "kind")

    text = " ".join(done.split())
    assert "the table has only 20 of it, so join it with another class" in text
    assert "--cadence" not in text.partition("Written")[0]
