"""The sensor ``alerts`` on real projects: what opens, repeats and resolves alerts."""

import json
import shlex
import shutil
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

import pytest

from ml_assets.alerts.alert import UNRESOLVED, Alert, AlertState
from ml_assets.alerts.evaluation import Source
from ml_assets.alerts.state import Evaluation
from ml_assets.errors import EvaluationOvertaken
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.orchestration.alerts import evaluating
from ml_assets.orchestration.alerts.checks import verdicts
from ml_assets.orchestration.alerts.evaluating import AlertSources
from ml_assets.settings import settings
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import ASKED_FOR, BLOCKED, PREDICTIONS, SCORED_DAYS, run, tick
from ml_assets_tests.project import Project, overridden
from ml_assets_tests.remedies import ARGUMENTS
from ml_assets_tests.remedies import run as run_command

pytestmark = pytest.mark.slow

FLIGHTS, WEATHER = "sources/flights", "sources/weather"
SELECTED = f'key:"{FLIGHTS}"'
BAD_DAYS = ("2013-01-05", "2013-01-06")
WEEK = "2013-01-02...2013-01-08"
LAST_SCORED = SCORED_DAYS[-10:]


def ticked(project: Project) -> list[Alert]:
    """Alerts that are not resolved after a tick of the sensor."""
    tick(project, "alerts")
    return alerts(UNRESOLVED)


def alerts(states: Collection[AlertState] | None = None) -> list[Alert]:
    """Alerts in some states."""
    return Workspace.of_environment().alerts.alerts(states=states)


def of_kind(project: Project, kind: str) -> list[Alert]:
    """Alerts of a kind that are not resolved after a tick of the sensor."""
    return [alert for alert in ticked(project) if alert.kind == kind]


def events(alert: Alert) -> list[str]:
    """What happened to an alert."""
    return [one.event for one in Workspace.of_environment().alerts.events(alert.id)]


def repair(project: Project, alert: Alert) -> None:
    """Run the command of an alert, and that of a plan with its effect."""
    words = shlex.split(alert.command.replace("--plan", "--apply"))
    run_command(project, [ARGUMENTS.get(word, word) for word in words])


def lose(project: Project, day: str) -> None:
    """Delete a day's flights from the source system."""
    of_day = f"year = 2013 AND month = 1 AND day = {int(day[-2:])}"
    project.sql(f"DELETE FROM flights WHERE {of_day}")


def test_a_project_without_data_has_no_alerts(project: Project) -> None:
    assert "Nothing was materialized yet" in tick(project, "alerts").reason
    assert not (project.data / "ledger.db").exists()


def test_a_quarantined_day_opens_an_alert_that_repeats_and_its_repair_resolves_it(
    project: Project,
) -> None:
    intact = project.data / "intact.db"
    shutil.copy(project.source, intact)
    lose(project, BAD_DAYS[0])
    project.materialize(SELECTED, WEEK)

    (opened,) = ticked(project)
    (seen,) = ticked(project)
    project.sql("UPDATE flights SET origin = 'XXX' WHERE month = 1 AND day = 6")
    project.materialize(SELECTED, BAD_DAYS[1])
    (repeated,) = ticked(project)
    shutil.copy(intact, project.source)
    repair(project, repeated)
    (shorter,) = ticked(project)
    repair(project, shorter)

    assert (opened.kind, opened.subject, opened.count) == ("day_quarantined", FLIGHTS, 1)
    assert (opened.since, opened.until) == (BAD_DAYS[0], BAD_DAYS[0])
    assert (seen.id, seen.count) == (opened.id, 1)
    assert seen.last_seen > opened.last_seen
    assert (repeated.id, repeated.count) == (opened.id, 2)
    assert (repeated.since, repeated.until) == BAD_DAYS
    assert (shorter.id, shorter.until, shorter.count) == (opened.id, BAD_DAYS[0], 2)
    assert tick(project, "alerts").reason == "No alert is unresolved. Changed: 1 resolved."
    assert events(opened) == ["opened", "repeated", "resolved"]


def test_an_alert_stays_while_its_day_is_being_written(project: Project) -> None:
    lose(project, BAD_DAYS[0])
    project.materialize(SELECTED, WEEK)
    (opened,) = ticked(project)
    project.lake.ledger.append([Entry(FLIGHTS, BAD_DAYS[0], Status.WRITING)])

    assert [alert.id for alert in ticked(project)] == [opened.id]


def test_a_check_that_fails_on_stored_rows_is_an_alert_until_its_repair(project: Project) -> None:
    project.materialize(SELECTED, WEEK)
    project.sql("UPDATE flights SET distance = distance + 1 WHERE month = 1 AND day IN (5, 6)")
    project.check(SELECTED, WEEK)

    (found,) = ticked(project)
    for day in BAD_DAYS:
        run_command(project, shlex.split(f"ml-assets impact {FLIGHTS} --partition {day} --apply"))

    assert (found.kind, found.pipeline) == ("check_failed", "sources")
    assert found.subject == f"{FLIGHTS} up_to_date_with_source"
    assert (found.since, found.until) == BAD_DAYS
    assert "fails on 2013-01-05 to 2013-01-06 (2 partitions)" in found.message
    assert ticked(project) == []


def test_a_release_that_waits_is_resolved_by_its_approval(waiting: Project) -> None:
    (found,) = ticked(waiting)
    repair(waiting, found)

    assert (found.kind, found.subject) == ("decision_waits", f"release as of {BLOCKED}")
    assert ticked(waiting) == []


def test_a_newer_evaluation_that_is_stored_meanwhile_is_not_overwritten(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(project, BAD_DAYS[0])
    project.materialize(SELECTED, WEEK)
    graph = project.definitions.resolve_asset_graph()
    sources = AlertSources(Workspace.of_environment(), project.instance, verdicts(graph))
    evaluated, newer = evaluating.evaluate, []

    def evaluate_late(found: Sequence[Source]) -> Evaluation:
        monkeypatch.undo()
        before = evaluated(found)
        project.lake.ledger.append([Entry(FLIGHTS, BAD_DAYS[0], Status.STORED)])
        newer.extend(sources.update(datetime.now(UTC)))
        return before

    monkeypatch.setattr(evaluating, "evaluate", evaluate_late)

    with pytest.raises(EvaluationOvertaken):
        sources.update(datetime.now(UTC))

    assert {alert.id for alert in alerts(UNRESOLVED)} == {change.alert.id for change in newer}
    assert {alert.kind for alert in alerts()} == {"check_failed"}


def test_days_after_the_last_one_are_not_looked_at(project: Project) -> None:
    for day in BAD_DAYS:
        lose(project, day)
    project.materialize(SELECTED, WEEK)
    graph = project.definitions.resolve_asset_graph()
    sources = AlertSources(
        Workspace.of_environment(), project.instance, verdicts(graph), until=BAD_DAYS[0]
    )

    (change,) = sources.update(datetime.now(UTC))

    assert (change.alert.since, change.alert.until) == (BAD_DAYS[0], BAD_DAYS[0])


def test_a_source_that_fails_is_an_alert_and_the_others_go_on(waiting: Project) -> None:
    shutil.rmtree(waiting.data / "lake" / "flight_delays" / "drift_report")

    found = {alert.kind: alert for alert in ticked(waiting)}

    assert {*found} == {"decision_waits", "not_evaluated"}
    assert found["not_evaluated"].subject == "feature_drifted"
    assert "drift_report" in found["not_evaluated"].message


def test_a_broken_pipeline_is_an_alert_and_what_was_found_of_it_stays(
    waiting: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticked(waiting)
    usable = json.dumps(settings().pipelines)
    broken = {"flight_delays": {**settings().pipelines["flight_delays"], "drift_window": "1 week"}}
    monkeypatch.setenv("ML_ASSETS_PIPELINES", json.dumps({**settings().pipelines, **broken}))
    settings.cache_clear()

    found = {(alert.kind, alert.pipeline): alert for alert in ticked(waiting)}
    monkeypatch.setenv("ML_ASSETS_PIPELINES", usable)
    settings.cache_clear()

    assert ("decision_waits", "flight_delays") in found
    assert "drift_window" in found["not_evaluated", "flight_delays"].message
    assert [alert.kind for alert in ticked(waiting)] == ["decision_waits"]


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        pytest.param(
            Entry("trains/rides", BAD_DAYS[0], Status.QUARANTINED, "no rows"),
            "the pipeline trains is no longer in the project",
            id="a pipeline",
        ),
        pytest.param(
            Entry("sources/rides", BAD_DAYS[0], Status.QUARANTINED, "no rows"),
            "the table sources/rides is no longer in the project",
            id="a table",
        ),
    ],
)
def test_an_alert_about_what_was_removed_from_the_project_is_resolved_and_says_why(
    project: Project, gone: Entry, reason: str
) -> None:
    project.lake.ledger.append([gone])
    AlertSources(Workspace.of_environment(), project.instance).update(datetime.now(UTC))
    (opened,) = alerts(UNRESOLVED)

    assert ticked(project) == []
    assert [one.reason for one in Workspace.of_environment().alerts.events(opened.id)] == [
        "",
        reason,
    ]
    assert ticked(project) == []


def test_predictions_that_match_a_rule_are_an_alert_with_the_command_that_traces_one(
    with_champion: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = {"score": {"at_least": 0.3}, "carrier": {"not_in": ["UA"]}}
    rule = {"name": "likely_late", "when": when, "level": "critical"}
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(monitoring={"alerts": [rule]}))
    settings.cache_clear()

    (found,) = of_kind(with_champion, "high_risk_prediction")
    words = shlex.split(found.command)
    traced = run_command(with_champion, words)
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden())
    settings.cache_clear()

    rows = with_champion.lake.read(PREDICTIONS, [LAST_SCORED])
    matching = rows[(rows["prediction"] >= 0.3) & (rows["carrier"] != "UA")]
    assert (found.subject, found.level, found.until) == ("likely_late", "critical", LAST_SCORED)
    assert f"{len(matching)} of {len(rows)} predictions of {LAST_SCORED} match" in found.message
    assert words[-1] == matching.loc[matching["prediction"].idxmax(), "prediction_id"]
    assert f"prediction {matching['prediction'].max():.4f}" in traced
    assert of_kind(with_champion, "high_risk_prediction") == []


def test_a_run_that_used_up_its_attempts_is_an_alert_until_its_work_is_done(
    with_champion: Project,
) -> None:
    models = with_champion.data / "models"
    kept = models.rename(with_champion.data / "kept")
    models.write_text("no folder")
    kinds = []
    for _ in range(3):
        (request,) = tick(with_champion, "flight_delays__retraining").requests
        assert not run(with_champion, request).succeeded
        kinds.append([alert.kind for alert in ticked(with_champion)])
    (found,) = of_kind(with_champion, "run_failed")
    tick(with_champion, "flight_delays__retraining")
    (given_up,) = of_kind(with_champion, "run_failed")
    models.unlink()
    kept.rename(models)

    assert "run_failed" not in kinds[0] + kinds[1]
    assert found.pipeline == "flight_delays"
    assert f"of flight_delays retraining as of {ASKED_FOR} failed: " in found.message
    assert (given_up.id, given_up.count) == (found.id, 1)
    assert run(with_champion, request).succeeded
    assert of_kind(with_champion, "run_failed") == []


def test_an_evaluation_reads_the_history_of_champions_once(
    waiting: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    history = Ledger.history
    monkeypatch.setattr(
        Ledger,
        "history",
        lambda self, table, *days: read.append(table) or history(self, table, *days),
    )

    ticked(waiting)

    assert read.count("flight_delays/champion") == 1
