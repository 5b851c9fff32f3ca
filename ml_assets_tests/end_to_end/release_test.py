"""Releases on real flights: gates, approvals, and releases that must not happen.

Covered: a challenger that breaks its gates waits and changes nothing; evidence that is deleted,
emptied, altered, stale or of other code blocks; a model of flipped labels; approvals that are in
force, expired, of other evidence, and rejections; the sensor that continues a release, once; a staged
model that fails its tests; a release cut short; the model card and the audit trail.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from ml_assets.content import DAY, day_hashes
from ml_assets.learning import artifacts
from ml_assets.learning.artifacts import StoredModel
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.evaluation import EvaluationRules
from ml_assets.learning.scorer.parity import UNSEEN
from ml_assets.learning.scorer.scorer import Scorer
from ml_assets.learning.training import predict, train
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.checks.runner import CheckResult
from ml_assets.registry.store import CHAMPION as CHAMPION_ALIAS
from ml_assets.registry.store import STAGING
from ml_assets.release.approvals.actions import record
from ml_assets.release.approvals.approvals import Action, approval_use
from ml_assets.release.audit import audit
from ml_assets.release.evidence.fairness import GAP, fairness
from ml_assets.release.rules import ReleaseRules
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import (
    ASKED_FOR,
    BLOCKED,
    CHAMPION,
    DECIDED,
    PREDICTIONS,
    RELEASE,
    RELEASED,
    TRAINED,
    assets,
    build_once,
    nouns_of,
    opened_copy,
    run,
    specification,
    tick,
)
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import commands, run_all
from ml_assets_tests.remedies import run as execute

pytestmark = pytest.mark.slow

PIPELINE, SENSOR = "flight_delays", "flight_delays__release"
DATASET = f"{PIPELINE}/training_dataset"
CHAMPIONS, APPROVALS = f"{PIPELINE}/champion", f"{PIPELINE}/approvals"
TESTS, CARDS = f"{PIPELINE}/integration_tests", f"{PIPELINE}/model_card"
NOW = datetime.now(UTC)
AFTER_DECISION = assets(*RELEASED)


def decision(project: Project, as_of: str = BLOCKED) -> dict[str, object]:
    """The release decision of an as-of day."""
    [row] = project.lake.read(RELEASE, [as_of]).to_dict("records")
    return {str(name): value for name, value in row.items()}


def released(project: Project) -> list[str]:
    """As-of days of the models that became champion."""
    return sorted(project.lake.read(CHAMPIONS)[DAY])


def champion() -> str:
    """As-of day of the version that the registry's alias points to."""
    found = Workspace.of_environment().registry.with_alias(PIPELINE, CHAMPION_ALIAS)
    assert found is not None
    return found.as_of


def registered() -> list[str]:
    """As-of days of the registered versions."""
    return [version.as_of for version in Workspace.of_environment().registry.versions(PIPELINE)]


def say(action: Action, *, expires: str = "", now: datetime = NOW) -> None:
    """Approve or reject the release."""
    record(
        Workspace.of_environment().lake,
        Workspace.of_environment().approvals,
        pipeline=PIPELINE,
        as_of=BLOCKED,
        action=action,
        by="Ann",
        reason="the storm is over",
        expires=expires,
        now=now,
    )


def continue_release(project: Project) -> None:
    """Continue the release by its sensor, as the daemon does."""
    [request] = tick(project, SENSOR).requests
    assert run(project, request).succeeded


def assert_nothing_was_released(project: Project) -> None:
    """Champion, alias and registry are as before, and no model is staged for the day."""
    assert released(project) == [CHAMPION]
    assert champion() == CHAMPION
    assert registered() == [CHAMPION]
    staged = Workspace.of_environment().registry.with_alias(PIPELINE, STAGING)
    assert staged is not None
    assert staged.as_of == CHAMPION


@pytest.fixture(scope="module")
def approved_home(
    tmp_path_factory: pytest.TempPathFactory, waiting_home: Path, definitions: dg.Definitions
) -> Path:
    """A challenger that was approved, and whose release its sensor continued."""

    def build(home: Path) -> None:
        with opened_copy(waiting_home, home, definitions) as project:
            say(Action.APPROVE, expires="7d")
            continue_release(project)

    return build_once(tmp_path_factory, "approved", build)


@pytest.fixture
def approved(tmp_path: Path, approved_home: Path, definitions: dg.Definitions) -> Iterator[Project]:
    """A project whose approved challenger is champion."""
    with opened_copy(approved_home, tmp_path / "home", definitions) as project:
        yield project


# What stops a model


def test_a_challenger_that_breaks_its_gates_waits_and_nothing_follows(waiting: Project) -> None:
    found = decision(waiting)

    assert found["verdict"] == "awaiting_approval"
    assert not found["beats_champion"]
    assert "beats_champion: auc" in str(found["reason"])
    assert_nothing_was_released(waiting)
    for noun in RELEASED:
        assert waiting.entries(f"{PIPELINE}/{noun}")[BLOCKED].rows == 0
    checks = waiting.check(f'key:"{APPROVALS}"', BLOCKED)
    [result] = [result for result in checks if result.check == "is_decided"]
    assert result.state == "warned"
    assert "ml-assets approve flight_delays 2013-02-03" in result.reason


def emptied(project: Project, table: str) -> None:
    """Delete the rows of the day without a ledger entry."""
    rows = project.lake.read(table, [ASKED_FOR])
    project.lake.write(table, rows.iloc[:0], [ASKED_FOR])


def deleted(project: Project, table: str) -> None:
    """Delete the table's folder."""
    shutil.rmtree(project.data / "lake" / table)


def altered(project: Project, table: str) -> None:
    """Improve the figures by hand."""
    rows = project.lake.read(table, [ASKED_FOR])
    project.lake.write(table, rows.assign(high=rows["high"] + 0.1), [ASKED_FOR])


def of_other_code(project: Project, table: str) -> None:
    """As if the day had been measured by an older version of the code."""
    [entry] = [project.entries(table)[ASKED_FOR]]
    project.lake.ledger.append(
        [
            Entry(
                table,
                ASKED_FOR,
                Status.STORED,
                content_hash=entry.content_hash,
                rows=entry.rows,
                version=entry.version,
                code_version="older",
            )
        ]
    )


def cut_short(project: Project, table: str) -> None:
    """Simulate a run that was killed while it wrote the day."""
    project.lake.ledger.append([Entry(table, ASKED_FOR, Status.WRITING, run_id="killed")])


def quarantined(project: Project, table: str) -> None:
    """As if the day had broken its contract."""
    entry = Entry(table, ASKED_FOR, Status.QUARANTINED, reason="broke its contract")
    project.lake.ledger.append([entry])


@pytest.mark.parametrize("noun", ["comparison", "fairness"])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(emptied, "was emptied", id="emptied"),
        pytest.param(deleted, "cannot be read", id="deleted"),
        pytest.param(altered, "was altered", id="altered"),
        pytest.param(of_other_code, "was measured by other code or rules", id="of other code"),
        pytest.param(cut_short, "is incomplete", id="cut short"),
        pytest.param(quarantined, "is quarantined: broke its contract", id="quarantined"),
    ],
)
def test_unusable_evidence_blocks_until_it_is_measured(
    measured: Project, noun: str, damage: Callable[[Project, str], None], reason: str
) -> None:
    table = f"{PIPELINE}/{noun}"
    damage(measured, table)

    assert measured.materialize(assets("release_decision", *RELEASED), ASKED_FOR).succeeded

    found = decision(measured, ASKED_FOR)
    assert found["verdict"] == "blocked"
    assert f"{table} {reason}" in str(found["reason"])
    assert "materialize comparison and fairness of the day, and then" in str(found["reason"])
    assert_nothing_was_released(measured)
    assert measured.materialize(assets("comparison", "fairness"), ASKED_FOR).succeeded
    assert measured.materialize(assets("release_decision"), ASKED_FOR).succeeded
    assert decision(measured, ASKED_FOR)["verdict"] == "passed"


def test_a_lost_champion_does_not_make_its_successor_a_first_model(measured: Project) -> None:
    measured.lake.ledger.append([Entry(CHAMPIONS, CHAMPION, Status.WRITING, run_id="killed")])

    outcome = measured.materialize(assets("comparison", "release_decision"), ASKED_FOR)

    assert not outcome.succeeded
    reported = " ".join(outcome.failed_steps.values())
    assert f"{CHAMPIONS} {CHAMPION} is half-written" in reported
    assert ASKED_FOR not in measured.entries(RELEASE)
    execute(measured, commands(reported)[0])
    assert measured.materialize(assets("release_decision"), ASKED_FOR).succeeded
    assert decision(measured, ASKED_FOR)["champion_as_of"] == CHAMPION


def test_no_day_is_scored_while_a_champion_is_lost(retrained: Project) -> None:
    retrained.lake.ledger.append([Entry(CHAMPIONS, CHAMPION, Status.WRITING, run_id="killed")])

    outcome = retrained.materialize(assets("predictions"), ASKED_FOR)

    lost = f"{CHAMPIONS} {CHAMPION} is half-written"
    assert lost in outcome.failed_steps[f"{PIPELINE}__predictions"]


def test_a_champion_that_cannot_be_recomputed_keeps_its_alias(
    with_champion: Project,
) -> None:
    before = with_champion.entries(CHAMPIONS)[CHAMPION]
    with_champion.lake.ledger.append([Entry(TESTS, CHAMPION, Status.WRITING, run_id="killed")])

    outcome = with_champion.materialize(assets("champion"), CHAMPION)

    assert f"{TESTS} {CHAMPION} is half-written" in outcome.failed_steps["flight_delays__champion"]
    assert with_champion.entries(CHAMPIONS)[CHAMPION] == before
    assert champion() == CHAMPION


def without_the_worst_airport(project: Project) -> None:
    """Delete rows of the training dataset without a ledger entry."""
    rows = project.lake.read(DATASET, [ASKED_FOR])
    project.lake.write(DATASET, rows[rows["origin"] != "JFK"], [ASKED_FOR])


def test_nothing_is_measured_or_decided_on_a_dataset_that_was_changed_by_hand(
    measured: Project,
) -> None:
    without_the_worst_airport(measured)
    of_other_code(measured, f"{PIPELINE}/comparison")

    measured.materialize(assets("comparison", "release_decision"), ASKED_FOR)

    reported = measured.entries(RELEASE)[ASKED_FOR].reason
    for reason in (measured.entries(f"{PIPELINE}/comparison")[ASKED_FOR].reason, reported):
        assert f"{DATASET} {ASKED_FOR} was altered" in reason
    assert ASKED_FOR not in measured.lake.days_stored(RELEASE)


def test_nothing_is_registered_with_rows_that_were_changed_by_hand(measured: Project) -> None:
    assert measured.materialize(assets("release_decision", "approvals"), ASKED_FOR).succeeded
    without_the_worst_airport(measured)

    outcome = measured.materialize(assets("registered_model"), ASKED_FOR)

    assert "was altered" in " ".join(outcome.failed_steps.values())
    assert_nothing_was_released(measured)


def test_a_failed_measurement_is_missing_evidence_with_its_reason(
    measured: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise ValueError("columns are missing: {'origin'}")

    table = f"{PIPELINE}/comparison"
    of_other_code(measured, table)
    monkeypatch.setattr(StoredModel, "predict", fails)

    outcome = measured.materialize(assets("comparison", "release_decision", *RELEASED), ASKED_FOR)

    assert [*outcome.failed_steps] == [f"{PIPELINE}__comparison__checks"]
    assert_nothing_was_released(measured)
    found = decision(measured, ASKED_FOR)
    assert found["verdict"] == "blocked"
    assert f"{table} is skipped: the models could not be measured (ValueError: columns" in str(
        found["reason"]
    )

    monkeypatch.undo()
    run_all(measured, measured.entries(table)[ASKED_FOR].reason)

    assert released(measured) == [CHAMPION, ASKED_FOR]


def test_a_decision_by_other_code_or_rules_releases_nothing(
    measured: Project,
) -> None:
    assert measured.materialize(assets("release_decision", "approvals"), ASKED_FOR).succeeded
    of_other_code(measured, RELEASE)

    outcome = measured.materialize(AFTER_DECISION, ASKED_FOR)

    reported = outcome.failed_steps[f"{PIPELINE}__registered_model__checks"]
    assert f"{RELEASE} {ASKED_FOR} was computed with other code or rules" in reported
    assert_nothing_was_released(measured)

    run_all(measured, reported)

    assert released(measured) == [CHAMPION, ASKED_FOR]


def test_a_model_is_released_over_no_other_champion_than_it_was_compared_with(
    waiting: Project,
) -> None:
    assert waiting.materialize(assets(*TRAINED, *DECIDED), ASKED_FOR).succeeded
    assert decision(waiting, ASKED_FOR)["champion_as_of"] == CHAMPION
    say(Action.APPROVE)
    continue_release(waiting)
    assert champion() == BLOCKED

    outcome = waiting.materialize(AFTER_DECISION, ASKED_FOR)

    reported = outcome.failed_steps[f"{PIPELINE}__registered_model__checks"]
    assert (
        f"was compared with champion {CHAMPION}, and the current champion is {BLOCKED}." in reported
    )
    assert released(waiting) == [CHAMPION, BLOCKED]
    execute(waiting, commands(reported)[0])
    assert decision(waiting, ASKED_FOR)["champion_as_of"] == BLOCKED


def test_an_old_day_that_passes_after_a_newer_model_was_released_makes_no_champion(
    waiting: Project,
) -> None:
    """As when its data was corrected: the run reports it, and the champion does not change."""
    say(Action.APPROVE)
    newer = waiting.lake.read(CHAMPIONS, [CHAMPION]).assign(
        **{DAY: ASKED_FOR, "serves_from": ASKED_FOR}
    )
    content, version = (
        day_hashes(newer, [ASKED_FOR]),
        waiting.lake.write(CHAMPIONS, newer, [ASKED_FOR]).version,
    )
    waiting.lake.ledger.append(
        [
            Entry(
                CHAMPIONS,
                ASKED_FOR,
                Status.STORED,
                content_hash=content[ASKED_FOR],
                rows=1,
                version=version,
            )
        ]
    )

    [request] = tick(waiting, SENSOR).requests
    outcome = run(waiting, request)

    reported = outcome.failed_steps["flight_delays__champion__checks"]
    assert f"the newer model of {ASKED_FOR} was released since" in reported
    later = commands(reported)[0]
    assert later[-1] == "2013-02-05"
    assert released(waiting) == [CHAMPION, ASKED_FOR]
    assert waiting.entries(CHAMPIONS)[BLOCKED].status is Status.SKIPPED
    card = waiting.lake.read(f"{PIPELINE}/model_card", [BLOCKED])
    assert "not released" in card["markdown"].iloc[0]
    execute(waiting, later)
    assert "2013-02-05" in waiting.entries(RELEASE)


def test_a_decision_that_was_changed_by_hand_releases_nothing(waiting: Project) -> None:
    row = waiting.lake.read(RELEASE, [BLOCKED])
    waiting.lake.write(RELEASE, row.assign(verdict="passed"), [BLOCKED])
    for noun in RELEASED:
        waiting.lake.ledger.append(
            [Entry(f"{PIPELINE}/{noun}", BLOCKED, Status.WRITING, run_id="killed")]
        )

    outcome = waiting.materialize(AFTER_DECISION, BLOCKED)

    assert not outcome.succeeded
    assert "was altered after it was stored" in " ".join(outcome.failed_steps.values())
    assert_nothing_was_released(waiting)


def test_stale_evidence_blocks_and_counts_again_when_it_is_measured_again(
    measured: Project,
) -> None:
    table = f"{PIPELINE}/comparison"
    entry = measured.entries(table)[ASKED_FOR]
    of_other_code(measured, table)
    assert measured.materialize(assets("release_decision"), ASKED_FOR).succeeded
    assert decision(measured, ASKED_FOR)["verdict"] == "blocked"

    assert measured.materialize(assets(*DECIDED, *RELEASED), ASKED_FOR).succeeded

    assert measured.entries(table)[ASKED_FOR].content_hash == entry.content_hash
    assert decision(measured, ASKED_FOR)["verdict"] == "passed"
    assert champion() == ASKED_FOR


def test_a_model_of_flipped_labels_of_one_airport_is_unfair_on_real_flights(
    measured: Project,
) -> None:
    rows = measured.lake.read(f"{PIPELINE}/training_dataset", [ASKED_FOR])
    flipped = (rows["origin"] == "JFK") & (rows[SPLIT] == "train")
    wrong = rows.assign(late=rows["late"].where(~flipped, 1 - rows["late"]))
    model = train(specification(), wrong)
    test = rows[rows[SPLIT] == "test"]

    found = fairness(
        specification(),
        test.assign(prediction=predict(specification(), model.pipeline, test)),
        None,
        key=["time_hour", "carrier", "flight"],
        rules=ReleaseRules(sensitive_feature="origin"),
        evaluation=EvaluationRules(),
    )

    gaps = found[found["group"] == GAP].set_index("metric")["low"]
    assert gaps.max() > ReleaseRules(sensitive_feature="origin").max_group_gap


# Who may let it through


def test_an_approved_release_continues_once_and_serves_from_the_first_unscored_day(
    waiting: Project,
) -> None:
    say(Action.APPROVE, expires="7d")
    assert waiting.materialize(assets("predictions"), "2013-02-04").succeeded
    before = waiting.versions(PREDICTIONS)

    continue_release(waiting)

    assert tick(waiting, SENSOR).requests == []
    assert released(waiting) == [CHAMPION, BLOCKED]
    assert champion() == BLOCKED
    assert registered() == [CHAMPION, BLOCKED]
    row = waiting.lake.read(CHAMPIONS, [BLOCKED]).iloc[0]
    assert row["released_by"] == "Ann (approval 1)"
    assert row["evidence"] == decision(waiting)["evidence"]
    assert row["serves_from"] == "2013-02-05"
    said = waiting.lake.read(APPROVALS, [BLOCKED])
    assert said["action"].tolist() == ["approve", "apply"]
    assert said["serves_from"].tolist() == ["", "2013-02-05"]
    assert waiting.materialize(assets("predictions"), "2013-02-01...2013-02-05").succeeded
    made_by = waiting.lake.read(PREDICTIONS).groupby(DAY)["model_as_of"].unique().map(list)
    assert made_by["2013-02-04"] == [CHAMPION]
    assert made_by["2013-02-05"] == [BLOCKED]
    assert waiting.versions(PREDICTIONS).items() >= before.items()


def test_a_gate_that_an_approval_lifted_is_a_warning_from_its_release_on(waiting: Project) -> None:
    say(Action.APPROVE)
    assert gate(waiting).state == "failed"

    continue_release(waiting)

    assert gate(waiting).state == "warned"
    assert gate(waiting).reason.endswith("Released by Ann (approval 1).")


def gate(project: Project) -> CheckResult:
    """The check of the gate that the challenger breaks."""
    [found] = [
        one for one in project.check(f'key:"{RELEASE}"', BLOCKED) if one.check == "beats_champion"
    ]
    return found


def test_an_approval_is_used_once_however_often_the_release_is_run_again(
    approved: Project,
) -> None:
    version = approved.entries(CHAMPIONS)[BLOCKED].content_hash
    log = Workspace.of_environment().approvals
    assert [one.action for one in log.records(PIPELINE)] == [Action.APPROVE, Action.APPLY]

    for noun in RELEASED:
        approved.lake.ledger.append(
            [Entry(f"{PIPELINE}/{noun}", BLOCKED, Status.WRITING, run_id="killed")]
        )
    assert approved.materialize(AFTER_DECISION, BLOCKED).succeeded

    assert approved.entries(CHAMPIONS)[BLOCKED].content_hash == version
    assert len(log.records(PIPELINE)) == 2
    assert champion() == BLOCKED


@pytest.mark.parametrize(
    "was_used",
    [
        pytest.param(False, id="before it was used"),
        pytest.param(True, id="before its model was champion"),
    ],
)
def test_an_expired_approval_does_nothing(waiting: Project, was_used: bool) -> None:
    say(Action.APPROVE, expires="1h", now=NOW - timedelta(hours=2))
    if was_used:
        log = Workspace.of_environment().approvals
        [approval] = log.records(PIPELINE)
        log.append(approval_use(approval, NOW - timedelta(hours=1.5), "2013-02-04"))

    [request] = tick(waiting, SENSOR).requests
    outcome = run(waiting, request)

    assert outcome.succeeded is not was_used
    assert_nothing_was_released(waiting)
    assert tick(waiting, SENSOR).requests == []


def test_an_approval_of_other_evidence_does_nothing(waiting: Project) -> None:
    log = Workspace.of_environment().approvals
    say(Action.APPROVE)
    [approval] = log.records(PIPELINE)
    assert approval.evidence == decision(waiting)["evidence"]
    row = waiting.lake.read(RELEASE, [BLOCKED]).assign(evidence="0123456789abcdef")
    rewrite(waiting, RELEASE, row)

    continue_release(waiting)

    assert_nothing_was_released(waiting)
    [remark] = waiting.lake.read(APPROVALS, [BLOCKED])["remark"]
    assert "is of other evidence" in remark


def rewrite(project: Project, table: str, rows: pd.DataFrame) -> None:
    """Replace a stored day as if it had been computed so."""
    [day] = rows[DAY].unique()
    version = project.lake.write(table, rows, [day]).version
    old = project.entries(table)[day]
    project.lake.ledger.append(
        [
            Entry(
                table,
                day,
                Status.STORED,
                content_hash=day_hashes(rows, [day])[day],
                rows=len(rows),
                version=version,
                code_version=old.code_version,
                inputs_hash=old.inputs_hash,
            )
        ]
    )


def test_a_rejection_is_final(waiting: Project) -> None:
    say(Action.REJECT)
    continue_release(waiting)

    with pytest.raises(Exception, match="rejected"):
        say(Action.APPROVE)

    assert_nothing_was_released(waiting)
    assert waiting.lake.read(APPROVALS, [BLOCKED])["action"].tolist() == ["reject"]
    assert tick(waiting, SENSOR).requests == []
    good = waiting.check(f'key:"{APPROVALS}"', BLOCKED)
    assert not [result for result in good if result.is_bad]


def test_the_sensor_requests_one_run_for_each_approval_record(waiting: Project) -> None:
    assert tick(waiting, SENSOR).reason == "No release has a new approval or rejection."

    say(Action.APPROVE)

    [request] = tick(waiting, SENSOR).requests
    assert nouns_of(request) == [*RELEASED]
    [again] = tick(waiting, SENSOR).requests
    assert request.run_key == again.run_key


# Staging


def test_a_staged_model_that_fails_its_tests_does_not_become_champion(
    measured: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measured.materialize(
        assets("release_decision", "approvals", "registered_model", "staging_model"), ASKED_FOR
    ).succeeded
    version = Workspace.of_environment().registry.with_alias(PIPELINE, STAGING)
    assert version is not None
    folder = Workspace.of_environment().registry.folder(PIPELINE, version.version)
    whole = (folder / "MLmodel").read_bytes()
    (folder / "MLmodel").write_bytes(whole[: len(whole) // 2])

    tested = assets("integration_tests", "champion", "model_card")
    outcome = measured.materialize(tested, ASKED_FOR)

    reported = outcome.failed_steps["flight_delays__champion__checks"]
    assert "integration test signature_matches failed: " in reported
    assert f"group:flight_delays__release --partition {ASKED_FOR}" in reported
    tests = measured.lake.read(TESTS, [ASKED_FOR]).set_index("test")
    assert not tests.loc["signature_matches", "passed"]
    assert released(measured) == [CHAMPION]
    assert champion() == CHAMPION
    [bad] = [result for result in measured.check(f'key:"{TESTS}"', ASKED_FOR) if result.is_bad]
    assert "signature_matches: " in bad.reason
    [card] = measured.lake.read(CARDS, [ASKED_FOR])["markdown"]
    assert re.search(r"Verdict: \*\*not released: .*signature_matches.* failed\*\*", card)

    (folder / "MLmodel").write_bytes(whole)
    assert measured.materialize(tested, ASKED_FOR).succeeded
    assert champion() == ASKED_FOR
    [card] = measured.lake.read(CARDS, [ASKED_FOR])["markdown"]
    assert "Verdict: **released**" in card


def test_a_model_whose_scorer_differs_is_not_staged_and_predicts_nothing(
    measured: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = artifacts.scorer_of

    def damaged(*of_model: Any) -> Scorer:
        scorer = built(*of_model)

        def compute(columns: Any, count: int) -> np.ndarray:
            is_unseen = np.array([value == UNSEEN for value in columns["carrier"]])
            return scorer.compute(columns, count) + 1e-6 * is_unseen

        return replace(scorer, compute=compute)

    monkeypatch.setattr(artifacts, "scorer_of", damaged)
    artifacts._identified.cache_clear()
    decided = assets("release_decision", "approvals", "registered_model", "staging_model")
    assert not measured.materialize(decided, ASKED_FOR).succeeded

    staged = measured.lake.ledger.latest(f"{PIPELINE}/staging_model", [ASKED_FOR])[ASKED_FOR]
    assert staged.status is Status.SKIPPED
    assert "is not staged: treelite predicts other numbers than scikit-learn" in staged.reason
    assert "carrier unseen: " in staged.reason
    assert champion() == CHAMPION

    monkeypatch.undo()
    artifacts._identified.cache_clear()
    assert measured.materialize(AFTER_DECISION, ASKED_FOR).succeeded
    [card] = measured.lake.read(CARDS, [ASKED_FOR])["markdown"]
    assert "get their predictions from treelite. On 1,000 rows" in card
    assert "by at most 0." in card


def test_tests_of_another_model_make_no_champion(measured: Project) -> None:
    until_tested = ("release_decision", "approvals", *RELEASED[1:4])
    assert measured.materialize(assets(*until_tested), ASKED_FOR).succeeded
    tests = measured.lake.read(TESTS, [ASKED_FOR])
    assert set(tests["fingerprint"]) == {decision(measured, ASKED_FOR)["challenger"]}
    rewrite(measured, TESTS, tests.assign(fingerprint="another"))

    outcome = measured.materialize(assets("champion"), ASKED_FOR)

    assert "is not the judged one" in " ".join(outcome.failed_steps.values())
    assert released(measured) == [CHAMPION]
    assert champion() == CHAMPION


def test_a_release_interrupted_before_its_alias_update_is_finished(
    retrained: Project,
) -> None:
    Workspace.of_environment().registry.set_alias(
        PIPELINE,
        CHAMPION_ALIAS,
        str(retrained.lake.read(RELEASE, [CHAMPION])["challenger"].iloc[0]),
    )
    assert champion() == CHAMPION

    assert retrained.materialize(assets("champion"), ASKED_FOR).succeeded

    assert champion() == ASKED_FOR


# What can be read afterwards


def test_the_card_of_a_version_is_in_the_lake_and_in_its_model_folder(approved: Project) -> None:
    [card] = approved.lake.read(CARDS, [BLOCKED])["markdown"]

    folder = Workspace.of_environment().registry.folder(PIPELINE, 2)
    assert (folder / "model_card.md").read_text("utf-8") == card
    page = (folder / "model_card.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for text in ("Ann", "the storm is over", "groups_are_close", "2013-01-12", "minute_of_day"):
        assert text in card, text
    assert Workspace.of_environment().models.is_intact(
        f"{PIPELINE}/model", str(decision(approved)["challenger"])
    )


def test_the_audit_trail_records_who_promoted_what_when_and_on_which_evidence(
    approved: Project,
) -> None:
    events = audit(Workspace.of_environment().lake, Workspace.of_environment().approvals, PIPELINE)

    of_day = [event for event in events if event.as_of == BLOCKED]
    assert [event.who for event in of_day if event.who][-1].startswith("Ann")
    assert {event.evidence for event in of_day} == {decision(approved)["evidence"]}
    assert [event.version for event in events if event.version] == [1, 2]
    assert [event.at for event in of_day] == sorted(event.at for event in of_day)
