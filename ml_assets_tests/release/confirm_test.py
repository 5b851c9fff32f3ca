"""A champion scores only if everything that is stored about its release agrees."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.errors import RegistryMismatch
from ml_assets.registry.versions import RegisteredVersion
from ml_assets.release.approvals.approvals import Action, Record, approval_use
from ml_assets.release.champion import BY_GATES
from ml_assets.release.confirm import Registration, ReleaseFacts, confirm_champion

AS_OF, NOW = "2013-07-09", datetime(2026, 8, 1, 12, tzinfo=UTC)
NAMES = ["loads_from_registry", "within_latency_budget"]
CHAMPION = {
    DAY: AS_OF,
    "fingerprint": "model a",
    "version": 3,
    "serves_from": AS_OF,
    "released_by": BY_GATES,
    "evidence": "evidence a",
    "metric": "auc",
    "value": 0.7,
    "training_days": 42,
    "training_last": "2013-06-01",
    "replaces": "",
}
DECISION = {
    "verdict": "passed",
    "challenger": "model a",
    "evidence": "evidence a",
    "metric": "auc",
    "challenger_value": 0.7,
    "training_days": 42,
    "training_last": "2013-06-01",
    "champion_as_of": "",
}
TESTS = pd.DataFrame(
    {"fingerprint": "model a", "test": NAMES, "passed": True, "outcome": "passed", "finding": "ok"}
)
REGISTRATION = Registration(
    row={"fingerprint": "model a", "version": 3},
    version=RegisteredVersion(3, "model a", AS_OF),
    tests=TESTS,
    test_names=NAMES,
)
FACTS = ReleaseFacts("shop", AS_OF, CHAMPION, DECISION, [], "model a", REGISTRATION)


def record(number: int, action: Action, minutes: float, **changes: Any) -> Record:
    """A record by Ann."""
    record = Record(
        "shop", AS_OF, action, "Ann", "fine", "evidence a", "", NOW + timedelta(minutes=minutes),
        number=number,
    )  # fmt: skip
    return replace(record, **changes)


APPROVED = record(1, Action.APPROVE, 0, expires_at=NOW + timedelta(hours=1))
USED = replace(approval_use(APPROVED, NOW + timedelta(minutes=30), "2013-07-11"), number=2)
BY_ANN = {"released_by": "Ann (approval 1)", "serves_from": "2013-07-11"}


def test_a_champion_whose_facts_agree_is_confirmed() -> None:
    confirm_champion(FACTS)


def test_a_value_that_is_undefined_on_both_sides_agrees() -> None:
    undefined = float("nan")

    confirm_champion(
        replace(
            FACTS,
            champion={**CHAMPION, "value": undefined},
            decision={**DECISION, "challenger_value": undefined},
        )
    )


def test_an_approved_champion_is_confirmed_long_after_its_approval_expired() -> None:
    confirm_champion(approved([APPROVED, USED]))


def approved(records: list[Record], champion: Mapping[str, Any] = BY_ANN) -> ReleaseFacts:
    """Facts of a release that awaited approval."""
    return replace(
        FACTS,
        champion={**CHAMPION, **champion},
        decision={**DECISION, "verdict": "awaiting_approval"},
        records=records,
    )


def of_decision(**changes: Any) -> ReleaseFacts:
    return replace(FACTS, decision={**DECISION, **changes})


def of_champion(**changes: Any) -> ReleaseFacts:
    return replace(FACTS, champion={**CHAMPION, **changes})


def of_registration(**changes: Any) -> ReleaseFacts:
    return replace(FACTS, registration=replace(REGISTRATION, **changes))


@pytest.mark.parametrize(
    ("facts", "reported"),
    [
        pytest.param(
            of_decision(verdict="blocked"), "release_decision has verdict blocked", id="decision blocked"
        ),
        pytest.param(
            of_decision(verdict="awaiting_approval"),
            "no valid approval was used",
            id="decision awaits",
        ),
        pytest.param(
            of_decision(challenger="model b"),
            "release_decision has challenger model b, the champion model a",
            id="decision of another model",
        ),
        pytest.param(
            of_decision(evidence="evidence b"), "evidence evidence b", id="other evidence"
        ),
        pytest.param(
            of_decision(training_last="2013-07-01"), "training_last 2013-07-01", id="other days"
        ),
        pytest.param(
            replace(FACTS, decision=None), "release_decision has no row", id="no decision"
        ),
        pytest.param(replace(FACTS, model="model b"), "model has fingerprint model b", id="model"),
        pytest.param(replace(FACTS, model=""), "model has fingerprint none", id="no model"),
        pytest.param(
            of_champion(fingerprint="model b"), "challenger model a, the champion model b",
            id="champion of another model",
        ),
        pytest.param(
            of_champion(value=0.9), "challenger_value 0.7, the champion 0.9", id="better figure"
        ),
        pytest.param(
            of_champion(released_by="Ann (approval 1)"), "released_by Ann", id="other releaser"
        ),
        pytest.param(
            of_champion(serves_from="2013-06-01"), "serves_from 2013-06-01", id="serves too early"
        ),
        pytest.param(
            of_champion(replaces="2013-01-01"), "champion_as_of none", id="other predecessor"
        ),
        pytest.param(of_registration(row=None), "registered_model has no row", id="no row"),
        pytest.param(
            of_registration(row={"fingerprint": "model b", "version": 3}),
            "registered_model has fingerprint model b",
            id="registration of another model",
        ),
        pytest.param(
            of_registration(row={"fingerprint": "model a", "version": 2}),
            "the model is version 3 in the registry and version 2 in registered_model",
            id="other number",
        ),
        pytest.param(
            of_registration(version=None),
            "the registry has no version with this fingerprint",
            id="registry empty",
        ),
        pytest.param(
            of_registration(tests=TESTS.assign(fingerprint="model b")),
            "integration_tests are of model model b",
            id="tests of another model",
        ),
        pytest.param(
            of_registration(tests=TESTS.assign(passed=[True, False], outcome=["passed", "failed"])),
            "integration test within_latency_budget failed: ok",
            id="failed test",
        ),
        pytest.param(
            of_registration(tests=TESTS.head(1)),
            "integration test within_latency_budget has no result",
            id="missing test",
        ),
        pytest.param(
            of_registration(tests=TESTS.head(0)), "loads_from_registry has no result", id="no test"
        ),
    ],
)  # fmt: skip
def test_each_disagreement_is_refused_and_named(facts: ReleaseFacts, reported: str) -> None:
    with pytest.raises(RegistryMismatch) as caught:
        confirm_champion(facts)

    assert reported in str(caught.value)
    assert f"group:shop__release --partition {AS_OF}" in str(caught.value).replace(
        "'group:shop__training or group:shop__release'", "group:shop__release"
    )


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(approved([APPROVED]), id="not used"),
        pytest.param(
            approved([APPROVED, replace(USED, at=NOW + timedelta(hours=2))]), id="expired at use"
        ),
        pytest.param(
            approved([replace(APPROVED, evidence="b"), replace(USED, evidence="b")]),
            id="of other evidence",
        ),
        pytest.param(
            approved([APPROVED, record(2, Action.REJECT, 10), replace(USED, number=3)]),
            id="rejected before use",
        ),
        pytest.param(approved([USED]), id="use without approval"),
        pytest.param(
            approved([APPROVED, USED], {**BY_ANN, "released_by": "Bob (approval 1)"}),
            id="by somebody else",
        ),
        pytest.param(
            approved([APPROVED, USED], {**BY_ANN, "serves_from": AS_OF}), id="serves before its use"
        ),
    ],
)
def test_an_approval_that_does_not_release_it_is_refused(facts: ReleaseFacts) -> None:
    with pytest.raises(RegistryMismatch, match="approv"):
        confirm_champion(facts)


def test_without_a_registry_only_decision_and_model_are_compared() -> None:
    backtest = replace(of_champion(version=0), registration=None)

    confirm_champion(backtest)
    with pytest.raises(RegistryMismatch, match="model has fingerprint b"):
        confirm_champion(replace(backtest, model="b"))
