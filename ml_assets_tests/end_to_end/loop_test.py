"""The loop on real flights: train, release, score, watch, decide, retrain.

Covered: what a prediction says of itself and that it is what the model predicts; runs that change
nothing; which champion a day has before, after and again after a retraining; labels that arrive
later, also three days later; the three sensors, tick by tick; two releases at the same moment; a
blocked challenger; a lost registry; and corrections of a source after it was used.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from ml_assets.cadence import Span
from ml_assets.content import DAY
from ml_assets.definitions import project_definitions
from ml_assets.defs.sources.load import advance
from ml_assets.learning.scoring import prediction_ids
from ml_assets.learning.training import predict
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.runs.attempts import UNIT
from ml_assets.release.champion import champion_by_day
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.forks import materializing
from ml_assets_tests.prepared import (
    ASKED_FOR,
    BLOCKED,
    CHAMPION,
    DECIDED,
    DECISION,
    FEATURES,
    LABELS,
    LOOP,
    PERFORMANCE,
    PREDICTIONS,
    REGISTERED,
    RELEASE,
    RELEASED,
    SCORED,
    SCORED_DAYS,
    TRAINED,
    TRAINING,
    assets,
    nouns_of,
    opened,
    run,
    span_of,
    specification,
    tick,
)
from ml_assets_tests.project import DAILY, Project, overridden

pytestmark = pytest.mark.slow

RETRAINING, DAYS, NEW_DAYS = (
    "flight_delays__retraining",
    "flight_delays__days",
    "flight_delays__new_days",
)
DAILY_TABLES = [f"flight_delays/{noun}" for noun in SCORED]
LAST = "2013-02-03"
"""The last day that was scored."""
NEXT = "2013-02-04"
KEY = ["time_hour", "carrier", "flight"]
DEADLINE_SECONDS = 300
NEARLY_ALL = 0.99
"""Share of labels that are known on the next day; those of diverted flights arrive later."""


def row(project: Project, table: str, day: str) -> dict[str, object]:
    """The one row of a table on a day."""
    [found] = project.lake.read(table, [day]).to_dict("records")
    return {str(name): value for name, value in found.items()}


def overall(project: Project, day: str) -> dict[str, tuple[float, int]]:
    """metric → value and rows of a day's performance."""
    rows = project.lake.read(PERFORMANCE, [day])
    rows = rows[rows["segment_column"] == "all"]
    return {
        item["metric"]: (float(item["value"]), int(item["rows"]))
        for item in rows.to_dict("records")
    }


def forget(project: Project, table: str, day: str) -> None:
    """Leave a day partially written, as a killed run does, so that it is computed again."""
    project.lake.ledger.append([Entry(table, day, Status.WRITING, run_id="killed")])


def commits(project: Project) -> dict[str, int]:
    """table → newest version of the tables made of each day."""
    found: dict[str, int] = {}
    for table in DAILY_TABLES:
        delta = project.lake.open(table)
        assert delta is not None
        found[table] = delta.version()
    return found


def recorded(
    project: Project, request: dg.RunRequest, status: dg.DagsterRunStatus
) -> dg.DagsterRun:
    """A requested run, recorded in the instance."""
    return project.instance.add_run(
        dg.DagsterRun(job_name="__ASSET_JOB", status=status, tags=dict(request.tags))
    )


def last_day_of(request: dg.RunRequest) -> str:
    """The last day of a requested run."""
    span = span_of(request)
    assert span is not None
    return span.last


# Predictions


def test_a_prediction_records_its_model_and_equals_its_output(
    with_champion: Project,
) -> None:
    fingerprint = str(row(with_champion, RELEASE, CHAMPION)["challenger"])
    features = with_champion.lake.read(FEATURES, [LAST])

    predictions = with_champion.lake.read(PREDICTIONS, [LAST])

    assert set(predictions["model_version"]) == {fingerprint}
    assert set(predictions["model_as_of"]) == {CHAMPION}
    assert set(predictions["feature_version"]) == {
        with_champion.entries(FEATURES)[LAST].content_hash
    }
    assert predictions["prediction_id"].is_unique
    model = Workspace.of_environment().models.load(
        "flight_delays/model", fingerprint, specification()
    )
    expected = features[KEY].assign(
        prediction_id=prediction_ids(features, KEY),
        prediction=predict(specification(), model.pipeline, features),
    )
    pd.testing.assert_frame_equal(
        predictions[[*KEY, "prediction_id", "prediction"]].sort_values(KEY, ignore_index=True),
        expected.sort_values(KEY, ignore_index=True),
        check_exact=True,
    )


def test_a_prediction_is_found_by_its_own_flight_alone(with_champion: Project) -> None:
    one = with_champion.lake.read(FEATURES, [LAST]).sample(1, random_state=0)

    [identifier] = prediction_ids(one, KEY)

    predictions = with_champion.lake.read(PREDICTIONS, [LAST]).set_index("prediction_id")
    assert list(predictions.loc[identifier, KEY]) == list(one.iloc[0][KEY])


def test_a_rerun_changes_no_version_and_writes_nothing(with_champion: Project) -> None:
    versions, before = with_champion.versions(), commits(with_champion)
    entries = {table: with_champion.entries(table) for table in DAILY_TABLES}

    outcome = with_champion.materialize(LOOP, SCORED_DAYS)

    assert outcome.succeeded, outcome.failed_steps
    assert with_champion.versions() == versions
    assert commits(with_champion) == before
    assert {table: with_champion.entries(table) for table in DAILY_TABLES} == entries


def test_every_check_of_the_scored_days_passes(with_champion: Project) -> None:
    results = with_champion.check(LOOP, SCORED_DAYS)

    assert {result.asset for result in results} == {*DAILY_TABLES}
    assert not [result for result in results if result.is_bad]


# Champions


def test_old_days_keep_their_champion_and_new_days_use_the_new_one(retrained: Project) -> None:
    old = {key: value for key, value in retrained.versions(*DAILY_TABLES).items() if key[1] <= LAST}
    assert row(retrained, RELEASE, ASKED_FOR)["verdict"] == "passed"
    forget(retrained, PREDICTIONS, "2013-02-02")

    assert retrained.materialize(LOOP, SCORED_DAYS).succeeded
    assert retrained.materialize(assets("predictions", "feature_profile", "drift_report"), NEXT)

    versions = retrained.versions(*DAILY_TABLES)
    assert {key: versions[key] for key in old} == old
    champions = retrained.lake.read(PREDICTIONS).groupby(DAY)["model_as_of"].unique()
    assert {day: list(found) for day, found in champions.items()} == {
        "2013-02-01": [CHAMPION],
        "2013-02-02": [CHAMPION],
        "2013-02-03": [CHAMPION],
        NEXT: [ASKED_FOR],
    }
    assert set(retrained.lake.read("flight_delays/drift_report", [NEXT])["reference"]) == {
        ASKED_FOR
    }


def test_the_registry_has_both_and_its_alias_points_to_the_new_one(retrained: Project) -> None:
    registered = Workspace.of_environment().registry.versions("flight_delays")

    assert [version.as_of for version in registered] == [CHAMPION, ASKED_FOR]
    champion = Workspace.of_environment().registry.with_alias("flight_delays", "champion")
    assert champion is not None
    assert champion.fingerprint == row(retrained, RELEASE, ASKED_FOR)["challenger"]


def test_a_blocked_challenger_fails_its_gate_and_changes_nothing_else(
    with_champion: Project,
) -> None:
    champion = Workspace.of_environment().registry.with_alias("flight_delays", "champion")

    outcome = with_champion.materialize(TRAINING, BLOCKED)

    assert outcome.succeeded, outcome.failed_steps
    decision = row(with_champion, RELEASE, BLOCKED)
    assert decision["verdict"] == "awaiting_approval"
    assert decision["champion_as_of"] == CHAMPION
    failed = {
        result.check: result.reason
        for result in with_champion.check(f'key:"{RELEASE}"', BLOCKED)
        if result.is_bad
    }
    assert set(failed) == {"beats_champion"}
    assert all(f"{gate}: {reason}" in str(decision["reason"]) for gate, reason in failed.items())
    assert with_champion.entries(REGISTERED)[BLOCKED].rows == 0
    assert [v.as_of for v in Workspace.of_environment().registry.versions("flight_delays")] == [
        CHAMPION
    ]
    assert Workspace.of_environment().registry.with_alias("flight_delays", "champion") == champion
    assert with_champion.materialize(assets("predictions"), NEXT).succeeded
    assert set(with_champion.lake.read(PREDICTIONS, [NEXT])["model_as_of"]) == {CHAMPION}


def test_a_lost_registry_is_rebuilt(with_champion: Project) -> None:
    before = with_champion.lake.read(REGISTERED, [CHAMPION])
    for file in with_champion.data.glob("mlflow.db*"):
        file.unlink()
    [written] = with_champion.data.glob("models/flight_delays/model/*/MLmodel")
    written.unlink()

    outcome = with_champion.materialize(
        assets("registered_model", "model_card", "champion"), CHAMPION
    )

    assert outcome.succeeded, outcome.failed_steps
    champion = Workspace.of_environment().registry.with_alias("flight_delays", "champion")
    assert champion is not None
    assert [champion.fingerprint] == list(before["fingerprint"])
    assert written.is_file()
    pd.testing.assert_frame_equal(with_champion.lake.read(REGISTERED, [CHAMPION]), before)


def test_of_two_concurrent_releases_the_second_is_compared_with_the_first(
    with_champion: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [ASKED_FOR, "2013-02-08"]
    for as_of in both:
        assert with_champion.materialize(assets(*TRAINED), as_of).succeeded
    monkeypatch.setenv("ML_ASSETS_RETRY_WAITS", "[2, 2, 2]")
    selection = assets(*DECIDED, *RELEASED)
    logs = [with_champion.data / f"{as_of}.log" for as_of in both]

    processes = [
        materializing(
            with_champion.data.parent, "--select", selection, "--partition", as_of, log=log
        )
        for as_of, log in zip(both, logs, strict=True)
    ]
    for process in processes:
        process.join(DEADLINE_SECONDS)

    codes = [process.exitcode for process in processes]
    reported = [log.read_text("utf-8") for log in logs]
    assert None not in codes, "\n".join(reported)
    assert 0 in codes, "\n".join(reported)
    for code, text in zip(codes, reported, strict=True):
        if code:
            assert re.search(
                "was compared with champion|is unfinished|was released since, so this one", text
            ), text
    released = with_champion.lake.read("flight_delays/champion").sort_values(DAY)
    assert released["replaces"].tolist() == ["", *released[DAY].iloc[:-1]]
    assert released[DAY].iloc[-1] in both
    newest = champion_by_day(released, ["2013-12-31"])["2013-12-31"]
    champion = Workspace.of_environment().registry.with_alias("flight_delays", "champion")
    assert champion is not None
    assert (champion.fingerprint, champion.as_of) == (newest.fingerprint, newest.as_of)
    registered = Workspace.of_environment().registry.versions("flight_delays")
    assert {version.fingerprint for version in registered} >= set(released["fingerprint"])
    tests = with_champion.lake.read("flight_delays/integration_tests")
    assert tests["passed"].all()


# Labels that arrive later


def test_performance_is_measured_again_when_labels_arrive(with_champion: Project) -> None:
    before = overall(with_champion, LAST)
    version = with_champion.entries(PERFORMANCE)[LAST].content_hash
    assert 0.5 < before["label_coverage"][0] < 1

    assert with_champion.materialize(assets("labels"), NEXT).succeeded
    assert with_champion.materialize(assets("performance"), SCORED_DAYS).succeeded

    after = overall(with_champion, LAST)
    assert after["label_coverage"][0] > NEARLY_ALL
    assert after["auc"][1] > before["auc"][1]
    assert with_champion.entries(PERFORMANCE)[LAST].content_hash != version
    assert overall(with_champion, "2013-02-01")["label_coverage"][0] > NEARLY_ALL


def test_labels_that_arrive_later_change_no_earlier_decision(with_champion: Project) -> None:
    before = with_champion.versions(DECISION)
    assert with_champion.materialize(assets("labels"), NEXT).succeeded
    assert with_champion.materialize(assets("performance"), SCORED_DAYS).succeeded

    assert with_champion.materialize(assets("retraining_decision"), SCORED_DAYS).succeeded
    assert with_champion.versions(DECISION) == before

    for day in Span.parse(SCORED_DAYS).days():
        forget(with_champion, DECISION, day)
    assert with_champion.materialize(assets("retraining_decision"), SCORED_DAYS).succeeded
    assert with_champion.versions(DECISION) == before


@pytest.fixture
def late_labels(
    tmp_path: Path, features_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """Six weeks of features; labels come three days later than they were known."""
    shutil.copytree(features_home, tmp_path / "home")
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(labels={"delay": "3d"}))
    settings.cache_clear()
    with opened(tmp_path / "home", project_definitions()) as project:
        yield project


def test_labels_three_days_late_end_every_window_three_days_earlier(late_labels: Project) -> None:
    as_of, scored = NEXT, "2013-02-05"

    assert late_labels.materialize(TRAINING, as_of).succeeded
    outcome = late_labels.materialize(
        assets("predictions", "labels", "performance"), f"{as_of}...2013-02-07"
    )

    assert outcome.succeeded, outcome.failed_steps
    decision = row(late_labels, RELEASE, as_of)
    assert (decision["training_last"], decision["test_first"], decision["test_last"]) == (
        "2013-01-10",
        "2013-01-18",
        "2013-01-31",
    )
    assert decision["verdict"] == "passed"
    arrived = {day: entry.rows for day, entry in late_labels.entries(LABELS).items()}
    assert [arrived[day] for day in (as_of, scored, "2013-02-06")] == [0, 0, 0]
    assert arrived["2013-02-07"] > 0
    assert set(late_labels.lake.read(LABELS)["prediction_day"]) == {as_of}
    assert overall(late_labels, scored)["label_coverage"] == (0.0, 0)
    notes = late_labels.lake.read(PERFORMANCE, [scored]).set_index(["segment", "metric"])["note"]
    assert notes["all", "auc"] == "no label has arrived yet"

    assert late_labels.materialize(assets("labels"), "2013-02-08...2013-02-09").succeeded
    assert late_labels.materialize(assets("performance"), f"{as_of}...{scored}").succeeded
    assert overall(late_labels, as_of)["label_coverage"][0] > NEARLY_ALL
    assert overall(late_labels, scored)["label_coverage"][0] > NEARLY_ALL


# Sensors


def test_a_verdict_becomes_exactly_one_training_run(with_champion: Project) -> None:
    decision = row(with_champion, DECISION, LAST)
    assert (decision["verdict"], decision["as_of"]) == ("retrain", ASKED_FOR)

    [request] = tick(with_champion, RETRAINING).requests

    assert span_of(request) == Span(ASKED_FOR, ASKED_FOR)
    assert nouns_of(request) == [*TRAINED, *DECIDED, *RELEASED]
    [again] = tick(with_champion, RETRAINING).requests
    assert again.run_key == request.run_key  # the daemon starts a run key once
    running = recorded(with_champion, request, dg.DagsterRunStatus.STARTED)
    reported = tick(with_champion, RETRAINING)
    assert (reported.requests, reported.reason) == ([], f"{request.tags[UNIT]} is running.")
    with_champion.instance.report_run_failed(running)
    [second] = tick(with_champion, RETRAINING).requests
    assert second.run_key != request.run_key


def test_a_finished_retraining_is_not_requested_again(retrained: Project) -> None:
    newest = row(retrained, DECISION, LAST)

    reported = tick(retrained, RETRAINING)

    assert not reported.requests
    assert reported.reason == f"Decision of {LAST}: retrain. {newest['reason']}"


def test_a_release_interrupted_after_its_decision_is_finished_before_the_next_day(
    with_champion: Project,
) -> None:
    assert with_champion.materialize(assets(*TRAINED, *DECIDED), ASKED_FOR).succeeded
    assert row(with_champion, RELEASE, ASKED_FOR)["verdict"] == "passed"

    assert tick(with_champion, DAYS).reason == f"{NEXT} waits for the release of {ASKED_FOR}."
    [request] = tick(with_champion, RETRAINING).requests
    assert run(with_champion, request).succeeded

    champion = Workspace.of_environment().registry.with_alias("flight_delays", "champion")
    assert champion is not None
    assert champion.as_of == ASKED_FOR
    [day] = tick(with_champion, DAYS).requests
    assert last_day_of(day) == NEXT


def test_a_retraining_with_lost_inputs_ends_and_restarts_when_they_are_restored(
    with_champion: Project,
) -> None:
    shutil.rmtree(with_champion.data / "lake" / FEATURES)
    [request] = tick(with_champion, RETRAINING).requests
    assert not run(with_champion, request).succeeded

    assert not tick(with_champion, RETRAINING).requests
    assert (
        "lost after it was stored"
        in with_champion.entries("flight_delays/champion")[ASKED_FOR].reason
    )
    [day] = tick(with_champion, DAYS).requests
    assert last_day_of(day) == NEXT

    assert with_champion.materialize(f'key:"{FEATURES}"', "2013-01-01...2013-02-14").succeeded
    [again] = tick(with_champion, RETRAINING).requests
    assert again.tags[UNIT] == request.tags[UNIT]
    assert run(with_champion, again).succeeded
    assert tick(with_champion, RETRAINING).reason.startswith(f"Decision of {LAST}: retrain. ")


def test_a_new_day_waits_for_the_requested_release(with_champion: Project) -> None:
    reported = tick(with_champion, DAYS)

    assert not reported.requests
    assert reported.reason == f"{NEXT} waits for the release of {ASKED_FOR}."


def test_days_are_processed_in_order_until_there_are_no_features(retrained: Project) -> None:
    ledger = retrained.lake.ledger
    for table in (FEATURES, "flight_delays/flight_outcomes"):
        ledger.append([Entry(table, "2013-02-06", Status.WRITING, run_id="killed")])

    [first] = tick(retrained, DAYS).requests
    assert last_day_of(first) == NEXT
    assert sorted(nouns_of(first)) == sorted(SCORED)
    assert run(retrained, first).succeeded
    [second] = tick(retrained, DAYS).requests
    assert last_day_of(second) == "2013-02-05"
    assert run(retrained, second).succeeded
    assert overall(retrained, NEXT)["label_coverage"][0] > NEARLY_ALL

    reported = tick(retrained, DAYS)

    assert not reported.requests
    assert reported.reason == "2013-02-06 waits for its features."


def test_performance_is_requested_again_when_labels_have_arrived(with_champion: Project) -> None:
    assert not tick(with_champion, DAYS).requests
    assert with_champion.materialize(assets("labels"), NEXT).succeeded

    [request] = tick(with_champion, DAYS).requests

    assert "performance" in nouns_of(request)
    assert last_day_of(request) == LAST
    assert run(with_champion, request).succeeded
    assert overall(with_champion, LAST)["label_coverage"][0] > NEARLY_ALL
    assert not tick(with_champion, DAYS).requests


def test_new_days_are_extracted_when_every_source_has_them(with_champion: Project) -> None:
    reported = tick(with_champion, NEW_DAYS)
    assert not reported.requests
    assert reported.reason.startswith(
        "2013-02-15 waits for sources/flights, which is complete up to "
    )
    assert " and sources/weather, which is complete up to " in reported.reason

    advance(with_champion.systems, "2013-02-16")
    with_champion.sql("DELETE FROM weather WHERE time_hour > '2013-02-15 12:00'")
    reported = tick(with_champion, NEW_DAYS)
    assert not reported.requests
    assert reported.reason == (
        "2013-02-15 waits for sources/weather, which is complete up to 2013-02-14."
    )

    advance(with_champion.systems, "2013-02-16")
    [request] = tick(with_champion, NEW_DAYS).requests
    assert span_of(request) == Span("2013-02-15", "2013-02-16")
    assert run(with_champion, request).succeeded
    assert {"2013-02-15", "2013-02-16"} <= set(with_champion.lake.days_stored(FEATURES))
    assert tick(with_champion, NEW_DAYS).reason.startswith("2013-02-17 waits for ")


# Corrections


def test_a_corrected_training_day_does_not_stop_the_champion(with_champion: Project) -> None:
    with_champion.sql("UPDATE flights SET dep_delay = dep_delay + 7 WHERE month = 1 AND day = 5")
    assert with_champion.materialize('key:"sources/flights"', "2013-01-05").succeeded
    before = with_champion.versions(PREDICTIONS)

    outcome = with_champion.materialize(assets("predictions"), f"2013-02-01...{NEXT}")

    assert outcome.succeeded, outcome.failed_steps
    now = with_champion.versions(PREDICTIONS)
    assert {key: now[key] for key in before} == before
    assert set(with_champion.lake.read(PREDICTIONS, [NEXT])["model_as_of"]) == {CHAMPION}


def test_predictions_do_not_change_when_their_features_are_corrected(
    with_champion: Project,
) -> None:
    with_champion.sql(
        "UPDATE flights SET dep_delay = dep_delay + 30, arr_delay = arr_delay + 30 "
        "WHERE month = 2 AND day = 2 AND flight < 500"
    )
    assert with_champion.materialize('key:"sources/flights"', "2013-02-02").succeeded
    before = with_champion.versions(PREDICTIONS, DECISION, LABELS)
    features = with_champion.entries(FEATURES)["2013-02-02"].content_hash
    assert with_champion.materialize(assets("predictions"), "2013-02-02").succeeded
    assert with_champion.versions(PREDICTIONS, DECISION, LABELS) == before

    assert with_champion.materialize(DAILY, "2013-02-02...2013-02-14").succeeded
    repaired = with_champion.materialize(LOOP, SCORED_DAYS)

    assert repaired.succeeded, repaired.failed_steps
    now = with_champion.versions(PREDICTIONS, DECISION, LABELS)
    assert {table for table, day in before if now[table, day] != before[table, day]} == {LABELS}
    assert with_champion.entries(FEATURES)["2013-02-02"].content_hash != features
    assert set(with_champion.lake.read(PREDICTIONS, ["2013-02-02"])["feature_version"]) == {
        features
    }
    assert not [result for result in with_champion.check(LOOP, SCORED_DAYS) if result.is_bad]
    assert (
        Workspace.of_environment().lake.days_stored(PREDICTIONS) == Span.parse(SCORED_DAYS).days()
    )
