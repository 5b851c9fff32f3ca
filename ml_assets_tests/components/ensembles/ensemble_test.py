"""An ensemble from source to decision: composition, gates, predictions, limits, new members."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.ledger.entries import Status
from ml_assets_tests.components.ensembles.couriers import (
    ENSEMBLE,
    ESTIMATORS,
    MEMBERS,
    SCORED,
    courier_definitions,
    members_home,
)
from ml_assets_tests.prepared import build_once, opened
from ml_assets_tests.project import Project

Open = Callable[..., Project]
COMPOSED = "group:couriers__training or group:couriers__release"
PREDICTED = 'key:"couriers/predictions"'
NEXT = "2024-02-26"
SENDS_ALL = {"name": "all", "person": True, "reason": "Everything."}
HALVES = {"name": "halves", "clamp": {"at_most": 0.5}, "reason": "Nothing is certain."}
"""Keeps the order of most rows, and halves the probabilities."""
REFUSES = {"name": "no", "when": {"hour": {"is": "missing"}}, "refuse": True, "reason": "No."}


@pytest.fixture(scope="session")
def members(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose members have champions; do not change it."""
    return members_home(tmp_path_factory)


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory, members: Path) -> Path:
    """The same with a champion of the ensemble and a day that it predicted; do not change it."""

    def build(home: Path) -> None:
        shutil.copytree(members, home)
        with opened(home, courier_definitions(home)) as project:
            _succeeds(project, COMPOSED, ENSEMBLE)
            _succeeds(project, PREDICTED, SCORED)

    return build_once(tmp_path_factory, "couriers", build)


@pytest.fixture
def with_rules(members: Path, composed: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens a copy of the project with other keys of the ensemble's document.

    The copy has the ensemble's champion, unless it has other members or rules.
    """
    with ExitStack() as stack:

        def open_with(document: dict[str, Any] | None = None, **ensemble: Any) -> Project:
            home = tmp_path / "home"
            shutil.copytree(members if ensemble else composed, home)
            definitions = courier_definitions(home, document, **ensemble)
            return stack.enter_context(opened(home, definitions))

        yield open_with


def test_an_ensemble_passes_the_gates_and_predicts_the_weighted_mean(with_rules: Open) -> None:
    couriers = with_rules()

    [decision] = couriers.lake.read("couriers/release_decision", [ENSEMBLE]).to_dict("records")
    assert decision["verdict"] == "passed", decision["reason"]
    rows = couriers.lake.read("couriers/predictions", [SCORED])
    scores = pd.DataFrame(rows["members"].map(json.loads).tolist())[[*ESTIMATORS]].to_numpy(float)
    is_routed = rows["route"] == "hour_unknown"
    assert 0 < is_routed.sum() < len(rows)
    assert np.isnan(scores[is_routed, 0]).all()
    weights = np.where(np.isnan(scores), 0, [2, 1, 1])
    mean = (np.nan_to_num(scores) * weights).sum(axis=1) / weights.sum(axis=1)
    assert np.allclose(rows["combined"], mean, rtol=0, atol=1e-15)
    is_single = rows["rules"].str.contains("single_item").to_numpy()
    assert (rows.loc[is_single, "prediction"] == 0).all()
    assert is_single.any()
    assert (rows.loc[~is_single, "prediction"] == rows.loc[~is_single, "combined"]).all()
    waits = (rows["combined"] >= 0.9) & (rows["region"] == "south")
    assert (waits == (rows["outcome"] == "person")).all()


def test_what_waits_for_a_person_is_a_warning_with_its_rules(with_rules: Open) -> None:
    couriers = with_rules()

    rows = couriers.lake.read("couriers/predictions", [SCORED])
    count = int((rows["outcome"] == "person").sum())
    found = {one.check: one for one in couriers.check(PREDICTED, SCORED)}
    waiting = found["no_prediction_waits_for_a_person"]
    assert waiting.reason == (
        f"{count} of 60 predictions wait for a person; rules of these rows: two_couriers {count}"
    )
    assert waiting.state == "warned"


def test_members_are_compared_with_the_ensemble_on_its_test_rows(with_rules: Open) -> None:
    couriers = with_rules(combine={"average": {"boosting": 1}}, routes=[], members=_only_boosting())
    _succeeds(couriers, COMPOSED, ENSEMBLE)

    rows = couriers.lake.read("couriers/member_comparison", [ENSEMBLE])
    assert set(rows["member"]) == {"boosting"}
    of_member = couriers.lake.read("boosting/evaluation", [MEMBERS])
    auc = of_member.loc[
        (of_member["split"] == "test")
        & (of_member["segment"] == "all")
        & (of_member["metric"] == "auc"),
        "value",
    ]
    alone = rows.loc[rows["metric"] == "auc", "alone"].item()
    assert abs(alone - auc.item()) < 0.01  # test windows differ by a day


@pytest.mark.slow
def test_a_new_champion_of_a_member_requests_an_ensemble_that_is_judged_again(
    with_rules: Open,
) -> None:
    couriers = with_rules()
    _succeeds(couriers, "group:forest__training or group:forest__release", "2024-02-25")
    _succeeds(couriers, "group:couriers__predictions or group:couriers__monitoring", NEXT)

    [row] = couriers.lake.read("couriers/retraining_decision", [NEXT]).to_dict("records")
    assert (row["verdict"], row["rule"], row["as_of"]) == ("retrain", "members", "2024-02-27")
    assert row["reason"] == "members have a new champion: forest as of 2024-02-25"
    _succeeds(couriers, COMPOSED, row["as_of"])
    old, new = (
        couriers.lake.read("couriers/champion", [day])["fingerprint"].item()
        for day in (ENSEMBLE, row["as_of"])
    )
    assert old != new
    inside = {
        read.table: read.day
        for read in couriers.lake.ledger.reads("couriers/model", [row["as_of"]])[row["as_of"]]
    }
    assert (inside["forest/model"], inside["linear/model"]) == ("2024-02-25", MEMBERS)


@pytest.mark.slow
def test_an_ensemble_without_a_members_champion_is_not_made_and_says_how(with_rules: Open) -> None:
    couriers = with_rules()
    couriers.materialize(COMPOSED, MEMBERS)  # as of this day the champions are known
    couriers.materialize(COMPOSED, "2024-02-19")

    entry = couriers.lake.ledger.latest("couriers/model", ["2024-02-19"])["2024-02-19"]
    assert entry.status is Status.SKIPPED
    assert entry.reason.startswith(
        "member 'boosting' has no champion: no model of boosting as of 2024-02-19 or before is released. "
        "To train and release one, run: "
    )
    assert couriers.lake.ledger.latest("couriers/model", [MEMBERS])[MEMBERS].rows


def test_rows_that_a_rule_refuses_are_dead_letters(with_rules: Open) -> None:
    rule = {
        "name": "too_many",
        "when": {"items": {"at_least": 19}},
        "refuse": True,
        "reason": "No.",
    }
    couriers = with_rules(
        {"prediction_limits": {"max_refused_share": 0.2}}, rules=[rule], combine={"vote": {}}
    )
    _succeeds(couriers, COMPOSED, ENSEMBLE)
    _succeeds(couriers, PREDICTED, SCORED)

    features = couriers.lake.read("shop/parcels", [SCORED])
    refused = features[features["items"] >= 19]
    assert len(refused)
    letters = couriers.lake.read("couriers/predictions_dead_letters", [SCORED])
    assert len(letters) == len(refused)
    assert letters["rule"].str.contains("prediction").all()
    rows = couriers.lake.read("couriers/predictions", [SCORED])
    assert not rows["order"].isin(refused["order"]).any()
    _succeeds(couriers, 'key:"couriers/labels"', SCORED)
    assert len(couriers.lake.read("couriers/labels", [SCORED])) == len(rows)


@pytest.mark.parametrize(
    ("limits", "changed", "reason"),
    [
        pytest.param(
            {"max_refused_share": 0.01},
            {"rules": [REFUSES]},
            "9 of 60 rows break the contract (15.0%), more than the 1.0% allowed",
            id="refused_rows",
        ),
        pytest.param(
            {"max_rule_share": {"all": 0.5}},
            {"rules": [SENDS_ALL]},
            "rule all applies to 100.0% of the rows, allowed are 50.0%",
            id="share_of_a_rule",
        ),
        pytest.param(
            {"max_distance": 0.3},
            {"rules": [HALVES]},
            "their KS distance from those of the 7d before is",
            id="distance_from_the_days_before",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_day_outside_its_limits_is_quarantined(
    with_rules: Open, limits: dict[str, Any], changed: dict[str, Any], reason: str
) -> None:
    couriers = with_rules()
    couriers = _changed(couriers, {"prediction_limits": limits}, **changed)
    _succeeds(couriers, COMPOSED, "2024-02-23")

    assert len(couriers.lake.read("couriers/champion", ["2024-02-23"]))
    outcome = couriers.materialize(PREDICTED, "2024-02-24")

    assert not outcome.succeeded
    entry = couriers.lake.ledger.latest("couriers/predictions", ["2024-02-24"])["2024-02-24"]
    assert entry.status is Status.QUARANTINED
    assert reason in entry.reason


@pytest.mark.slow
def test_outside_its_limits_a_day_is_predicted_by_the_last_champion(with_rules: Open) -> None:
    limits = {"max_rule_share": {"all": 0.5}, "otherwise": "last_champion"}
    couriers = _changed(with_rules(), {"prediction_limits": limits}, rules=[SENDS_ALL])
    _succeeds(couriers, COMPOSED, "2024-02-23")

    _succeeds(couriers, PREDICTED, "2024-02-24")

    rows = couriers.lake.read("couriers/predictions", ["2024-02-24"])
    assert couriers.lake.read("couriers/champion", ["2024-02-23"])["fingerprint"].size == 1
    assert set(rows["model_as_of"]) == {ENSEMBLE}
    assert not rows["rules"].str.contains("all").any()
    reads = couriers.lake.ledger.reads("couriers/predictions", ["2024-02-24"])["2024-02-24"]
    assert [read.day for read in reads if read.table == "couriers/model"] == [ENSEMBLE]


def test_a_stored_day_keeps_its_predictions_whatever_is_judged_later(with_rules: Open) -> None:
    couriers = _changed(
        with_rules(), {"prediction_limits": {"max_rule_share": {"two_couriers": 0.01}}}
    )
    before = couriers.lake.read("couriers/predictions", [SCORED])

    _succeeds(couriers, PREDICTED, SCORED)

    after = couriers.lake.read("couriers/predictions", [SCORED])
    pd.testing.assert_frame_equal(after, before)


@pytest.mark.slow
def test_a_version_that_the_gates_rejected_is_not_requested_again(with_rules: Open) -> None:
    couriers = with_rules()
    _succeeds(couriers, "group:forest__training or group:forest__release", "2024-02-25")
    _succeeds(couriers, 'key:"couriers/training_dataset" or key:"couriers/model"', "2024-02-26")
    _succeeds(couriers, "group:couriers__predictions or group:couriers__monitoring", NEXT)

    [row] = couriers.lake.read("couriers/retraining_decision", [NEXT]).to_dict("records")
    assert (row["verdict"], row["champion_as_of"]) == ("keep", ENSEMBLE)


def test_a_model_that_becomes_an_ensemble_predicts_with_its_champion_until_a_release(
    members: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(members, home)
    definitions = courier_definitions(
        home,
        {"pipeline": "boosting"},
        without=["boosting"],
        members={name: {"pipeline": name} for name in ("forest", "linear")},
        combine={"vote": {}},
    )
    with opened(home, definitions) as project:
        _succeeds(project, 'key:"boosting/predictions"', SCORED)
        rows = project.lake.read("boosting/predictions", [SCORED])

    assert set(rows["members"]) == {"{}"}
    assert (rows["prediction"] == rows["combined"]).all()


def test_a_member_that_was_trained_on_a_lost_column_is_not_composed(
    members: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(members, home)
    with opened(home, courier_definitions(home, numeric="items", routes=[])) as couriers:
        couriers.materialize(COMPOSED, ENSEMBLE)
        entry = couriers.lake.ledger.latest("couriers/model", [ENSEMBLE])[ENSEMBLE]

    assert entry.status is Status.SKIPPED
    assert entry.reason.startswith("the champion of member 'boosting' was trained on hour, which")


def test_an_altered_member_is_not_composed(with_rules: Open) -> None:
    couriers = with_rules(rules=[])
    [file] = (couriers.data / "models" / "forest" / "model").rglob("model.skops")
    file.write_bytes(file.read_bytes()[:-1])

    couriers.materialize(COMPOSED, ENSEMBLE)

    entry = couriers.lake.ledger.latest("couriers/model", [ENSEMBLE])[ENSEMBLE]
    assert entry.status is Status.SKIPPED
    assert "model.skops of model forest/model was altered" in entry.reason


def _changed(project: Project, document: dict[str, Any], **ensemble: Any) -> Project:
    """The project with another document of the ensemble."""
    definitions = courier_definitions(project.data.parent, document, **ensemble)
    return Project(project.data, definitions, project.instance)


def _only_boosting() -> dict[str, Any]:
    return {"boosting": {"pipeline": "boosting"}}


def _succeeds(project: Project, selection: str, days: str) -> None:
    outcome = project.materialize(selection, days)
    assert outcome.succeeded, outcome.failed_steps
