"""Predictions of a pipeline that serves are collected from its log, with labels and performance."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from rich.console import Console

from ml_assets.commands.printing.logged import print_logged
from ml_assets.components.batch_predictions.component import refuse_columns_of_log
from ml_assets.components.monitoring.served import profiled_before_erasure, served_features
from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError
from ml_assets.learning.scoring import prediction_ids
from ml_assets.learning.specification import ModelSpecification
from ml_assets.lineage.logged import LoggedTrace, is_logged, trace_logged
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.lineage.trace import prediction_row
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.erasing import erase_days, erase_entity, events_of
from ml_assets.online.values import Plain, plain
from ml_assets.orchestration.checks.runner import CheckState
from ml_assets.workspace import Workspace
from ml_assets_tests.components.minimal_pipeline_test import MINIMAL
from ml_assets_tests.components.shop import Orders, definitions, orders, raw_table, rows
from ml_assets_tests.prepared import new_home, opened, tick
from ml_assets_tests.project import Project

AS_OF = "2024-02-20"
PREDICTIONS = "group:shop__predictions"
SPECIFICATION = ModelSpecification(
    task="regression",
    estimator="sklearn.ensemble.HistGradientBoostingRegressor",
    label="weight",
    numeric=("items", "hour"),
    categorical=("region",),
    hyperparameters={"random_state": 0},
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The smallest pipeline with a champion; what it predicts is logged by a service."""
    folder = tmp_path_factory.mktemp("shop")
    new_home(folder)
    text = f"{MINIMAL}  serving: {{predictions: log}}\n  registry: false\n"
    with opened(folder, definitions(folder / "defs", text, raw_table())) as project:
        done = project.materialize(
            'key:"shop/raw" or group:shop__features', "2024-01-01...2024-02-29"
        )
        assert done.succeeded, done.failed_steps
        trained = project.materialize("group:shop__training or group:shop__release", AS_OF)
        assert trained.succeeded, trained.failed_steps
        yield project


def answered(
    day: str, count: int = 60, event: str = "e", hours: float = -12
) -> list[LoggedPrediction]:
    """What a service answers about the first orders of a day, some hours from its beginning."""
    workspace = Workspace.of_environment()
    [champion] = workspace.lake.read("shop/champion", [AS_OF]).to_dict("records")
    model = workspace.models.load("shop/model", champion["fingerprint"], SPECIFICATION)
    rows_of_day = orders([day], raw=rows()).head(count)
    ids = prediction_ids(rows_of_day, ["order"])
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=hours)
    found = []
    for number, row in enumerate(plain_rows(rows_of_day)):
        [predicted] = model.scorer.of_rows([row])
        found.append(
            LoggedPrediction(
                event_id=f"{event}-{row['order']}",
                pipeline="shop",
                day=day,
                prediction_id=ids.iloc[number],
                at=begin,
                answered_at=begin + timedelta(milliseconds=number),
                request={"order": row["order"], "region": row["region"]},
                features={name: row[name] for name in SPECIFICATION.features},
                ages={"shop/customers": 90.0, "shop/depots": None},
                missing=["hour"],
                stale=["shop/customers"],
                prediction={"prediction": float(predicted)},
                model_version=champion["fingerprint"],
                model_as_of=AS_OF,
                latency_ms=1.5,
            )
        )
    return found


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Plain]]:
    """Rows as a service has them."""
    return [
        {str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")
    ]


def log(*entries: LoggedPrediction) -> None:
    """Log entries."""
    assert Workspace.of_environment().prediction_log.append(entries) == {}


def collect(project: Project, days: str) -> None:
    """Run all that follows from the answers of some days."""
    done = project.materialize(PREDICTIONS, days)
    assert done.succeeded, done.failed_steps


def predicted_by_id(project: Project, day: str) -> pd.DataFrame:
    """The predictions of a day by their ids."""
    return project.lake.read("shop/predictions", [day]).set_index("prediction_id")


def test_answers_become_predictions_with_labels_and_performance(shop: Project) -> None:
    full, part = answered("2024-02-20"), answered("2024-02-21", 40)
    log(*full, *part)

    collect(shop, "2024-02-20...2024-02-21")

    predictions = predicted_by_id(shop, "2024-02-20")
    assert predictions["prediction"].to_dict() == {
        one.prediction_id: one.prediction["prediction"] for one in full
    }
    assert predictions["feature_version"].to_dict() == {
        one.prediction_id: f"event:{one.event_id}" for one in full
    }
    assert set(predictions["horizon_hours"]) == {12.0}
    assert not predictions[["is_late", "is_replayed"]].any(axis=None)
    labels = shop.lake.read("shop/labels", ["2024-02-20", "2024-02-21"])
    assert labels["prediction_day"].value_counts().to_dict() == {
        "2024-02-20": 60,
        "2024-02-21": 40,
    }, "a row that nobody asked for needs no prediction"
    assert (labels["prediction"] - labels["label"]).abs().mean() < 5
    performance = shop.lake.read("shop/performance", ["2024-02-21"])
    values = performance[performance["segment"] == "all"].set_index("metric")["value"]
    assert values["label_coverage"] == 1
    assert 0 < values["mae"] < 5
    results = shop.check(PREDICTIONS, "2024-02-20...2024-02-21")
    assert {result.state for result in results} == {CheckState.PASSED}


def test_they_have_the_columns_of_batch_predictions(shop: Project, tmp_path: Path) -> None:
    log(*answered("2024-02-22", 1))
    collect(shop, "2024-02-22")
    batch = definitions(tmp_path, MINIMAL, raw_table()).resolve_asset_graph()
    schema = batch.get(dg.AssetKey(["shop", "predictions"])).metadata["dagster/column_schema"]

    stored = shop.lake.read("shop/predictions", ["2024-02-22"])

    assert {*stored.columns} == {DAY, *(column.name for column in schema.columns)}


def test_the_last_of_several_answers_about_a_row_is_its_prediction(shop: Project) -> None:
    day = "2024-02-23"
    [first], [last] = answered(day, 1, "first"), answered(day, 1, "last", hours=-1)
    log(replace(last, prediction={"prediction": 7.5}), *answered(day, 3, "between", -2), first)

    collect(shop, day)

    predictions = predicted_by_id(shop, day)
    assert len(predictions) == 3
    assert predictions.loc[first.prediction_id, "prediction"] == 7.5
    assert predictions.loc[first.prediction_id, "feature_version"] == f"event:{last.event_id}"
    assert len(shop.lake.read("shop/logged_predictions", [day])) == 5
    told = shop.instance.get_latest_materialization_event(dg.AssetKey(["shop", "predictions"]))
    assert told is not None
    assert told.asset_materialization is not None
    metadata = told.asset_materialization.metadata
    assert metadata["requests"].value == 5
    assert metadata["further requests of the same rows"].value == 2


def test_answers_after_a_day_was_collected_are_added_and_replace_nothing(shop: Project) -> None:
    day = "2024-02-24"
    log(*answered(day, 2))
    collect(shop, day)
    before = predicted_by_id(shop, day)

    log(*answered(day, 3, "in-time", hours=-1), *answered(day, 4, "late", hours=48))
    collect(shop, day)

    after = predicted_by_id(shop, day)
    pd.testing.assert_frame_equal(after.loc[before.index], before)
    added = after.drop(before.index)
    assert added["feature_version"].str.startswith("event:late").all()
    assert [*added["is_late"]] == [True, True]
    assert len(shop.lake.read("shop/logged_predictions", [day])) == 9


def test_a_day_without_requests_is_stored_without_rows(shop: Project) -> None:
    collect(shop, "2024-02-25")

    for table in ("logged_predictions", "predictions", "labels"):
        assert shop.entries(f"shop/{table}")["2024-02-25"].rows == 0
    assert {result.state for result in shop.check(PREDICTIONS, "2024-02-25")} == {CheckState.PASSED}


def test_unchanged_days_are_left_as_they_are(shop: Project) -> None:
    log(*answered("2024-02-26", 2))
    collect(shop, "2024-02-26")
    before = shop.versions()

    again = shop.materialize(PREDICTIONS, "2024-02-26")

    assert again.succeeded
    assert set(again.unchanged.values()) == {1}
    assert shop.versions() == before


def test_what_models_answered_is_read_from_the_log(shop: Project) -> None:
    day = "2024-02-27"
    [entry] = answered(day, 1)
    log(entry)
    collect(shop, day)

    for table in ("shop/logged_predictions", "shop/predictions"):
        reads = shop.lake.ledger.reads(table, [day])[day]
        models = [(read.table, read.day, read.content_hash) for read in reads if read.is_pinned]
        assert models == [("shop/model", AS_OF, entry.model_version)]


def test_the_sensor_asks_for_the_answers_of_a_day_with_its_predictions(shop: Project) -> None:
    collect(shop, "2024-02-20")

    [asked] = tick(shop, "shop__days").requests

    nouns = {key.path[-1] for key in asked.asset_selection or []}
    assert {"logged_predictions", "predictions", "labels", "performance"} <= nouns


MONITORED = f"{PREDICTIONS} or group:shop__monitoring"


def profiled(project: Project, day: str) -> pd.DataFrame:
    """The profile of a day by feature."""
    return project.lake.read("shop/feature_profile", [day]).set_index("feature")


def test_the_features_that_were_served_are_profiled(shop: Project) -> None:
    day, access = "2024-02-22", Workspace.of_environment().prediction_log
    served = [
        replace(one, features={**one.features, "items": 500.0, "hour": None})
        for one in answered(day, event="served")[20:29]
    ]
    log(*served)

    done = shop.materialize(MONITORED, day)

    assert done.succeeded, done.failed_steps
    found = profiled(shop, day)
    assert {*found["rows"]} == {len(access.read("shop", [day]))}
    assert found.loc["items", "sums"].count("4500.0") == 1
    assert found.loc["hour", "missing"] == 9
    reads = shop.lake.ledger.reads("shop/feature_profile", [day])[day]
    assert [one.table for one in reads if one.day == day] == ["shop/logged_predictions"]
    assert shop.lake.read("shop/drift_report", [day])["feature"].size


def test_a_day_without_requests_has_no_profile(shop: Project) -> None:
    done = shop.materialize(MONITORED, "2024-02-25")

    assert done.succeeded, done.failed_steps
    assert shop.entries("shop/feature_profile")["2024-02-25"].rows == 0


def test_a_profile_stays_when_the_log_has_its_entries_no_more(shop: Project) -> None:
    day, access = "2024-02-27", Workspace.of_environment().prediction_log
    log(*answered(day, event="profiled")[20:23])
    assert shop.materialize(MONITORED, day).succeeded
    answers = shop.lake.read("shop/logged_predictions", [day])
    names = SPECIFICATION.features
    of_log = served_features(access, "shop", answers, Orders, names)
    ledger, table = shop.lake.ledger, "shop/feature_profile"

    assert profiled_before_erasure(ledger, table, answers, of_log) == {}
    kept = profiled_before_erasure(ledger, table, answers, of_log.iloc[1:])
    assert {one: entry.table for one, entry in kept.items()} == {day: table}
    assert len(of_log) == len(answers)


TABLES = PipelineTables("shop", "shop/orders", "shop/weights", "weight", ("order",), is_logged=True)


def traced(project: Project, prediction_id: str) -> tuple[LoggedTrace, str]:
    """The trace of a prediction, and what is printed."""
    row = prediction_row(project.lake, TABLES, prediction_id)
    assert is_logged(row)
    found = trace_logged(project.lake, Workspace.of_environment().prediction_log, TABLES, row)
    printed = Console(file=StringIO(), width=200)
    print_logged(found, printed)
    assert isinstance(printed.file, StringIO)
    return found, printed.file.getvalue()


def test_a_prediction_is_traced_to_its_log_entry_with_features_and_ages(shop: Project) -> None:
    day = "2024-02-28"
    [entry] = answered(day, 1, "traced")
    log(entry)
    collect(shop, day)

    found, text = traced(shop, entry.prediction_id)

    assert found.entry == entry
    assert (found.written.day, found.written.rows) == (day, 1)
    assert found.model.model.content_hash == entry.model_version
    assert f"event {entry.event_id}, answered 2024-02-27 12:00:00 UTC in 1.50 ms" in text
    assert re.search(r"^hour +\d+ \(missing\) *$", text, re.MULTILINE)
    assert re.search(r"^shop/customers +90 s \(stale\) *$", text, re.MULTILINE)
    assert re.search(r"^shop/depots +no values *$", text, re.MULTILINE)


def test_what_was_erased_is_gone_from_the_log_and_told_by_the_trace(shop: Project) -> None:
    day, access = "2024-02-29", Workspace.of_environment().prediction_log
    entry, other = answered(day, 2, "erased")
    log(entry, other)
    collect(shop, day)
    before = predicted_by_id(shop, day)
    where = {"order": str(entry.request["order"])}

    events = events_of(access, "shop", where)
    now = datetime(2024, 3, 9, 8, tzinfo=UTC)
    erase_entity(access, "shop", where, events, by="Ada", reason="asked for", now=now)
    collect(shop, day)

    assert [*shop.lake.read("shop/logged_predictions", [day])["event_id"]] == [other.event_id]
    pd.testing.assert_frame_equal(predicted_by_id(shop, day), before)
    found, text = traced(shop, entry.prediction_id)
    assert found.entry is None
    assert (
        f"The log entry {entry.event_id} was erased: 1 entry of {day} (with a value of order) on "
        "2024-03-09 08:00 UTC by Ada: asked for."
    ) in text
    assert traced(shop, other.prediction_id)[0].entry == other


def test_days_that_were_erased_after_a_time_keep_what_was_collected(shop: Project) -> None:
    day, access = "2024-02-19", Workspace.of_environment().prediction_log
    log(*answered(day, 2, "old"))
    collect(shop, day)
    before = shop.versions("shop/logged_predictions", "shop/predictions")

    assert erase_days(access, "shop", [day], by="Ada", reason="old", now=datetime.now(UTC)) == 2
    collect(shop, day)

    assert shop.versions("shop/logged_predictions", "shop/predictions") == before
    assert access.counts("shop").get(day) is None


def test_a_key_with_the_name_of_a_column_of_the_log_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at is a key or a segment, and a column of the"):
        refuse_columns_of_log("shop", ["order", "at"])
