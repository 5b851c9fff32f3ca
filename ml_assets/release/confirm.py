"""Whether a champion is one: decision, approval, registration, tests and model have to agree.

Each of them is stored by itself, so a row that somebody wrote into one of them disagrees with the
others. Here they are compared; where they come from is in ``release_facts``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml_assets.content import DAY
from ml_assets.errors import RegistryMismatch
from ml_assets.registry.versions import RegisteredVersion
from ml_assets.release.approvals.approvals import Action, Record
from ml_assets.release.champion import BY_GATES
from ml_assets.release.decision import AWAITING, PASSED
from ml_assets.release.promotion import (
    problem_of_tests,
    release_command,
    training_command,
    used_by,
)

Row = Mapping[Any, Any]

SAME = {
    "metric": "metric",
    "value": "challenger_value",
    "training_days": "training_days",
    "training_last": "training_last",
    "replaces": "champion_as_of",
}
"""Column of the champion → the decision's column that it was taken from."""


@dataclass(frozen=True)
class Registration:
    """What is known of a champion's registration and of its integration tests.

    Attributes:
        row: of ``registered_model``; None when there is none.
        version: the registry's version with the champion's fingerprint; None when there is none.
        tests: rows of the ``IntegrationTest`` contract.
        test_names: tests that there have to be.
    """

    row: Row | None
    version: RegisteredVersion | None
    tests: pd.DataFrame
    test_names: Sequence[str]


@dataclass(frozen=True)
class ReleaseFacts:
    """Everything that is stored of a champion's release.

    Attributes:
        pipeline: whose.
        as_of: its as-of day.
        champion: its row of the table of champions.
        decision: the release decision of the as-of day; None when there is none.
        records: what persons said to the release, in the order of their numbers.
        model: fingerprint of the model of the as-of day; empty when there is none.
        registration: None in a backtest, which has no registry.
    """

    pipeline: str
    as_of: str
    champion: Row
    decision: Row | None
    records: Sequence[Record]
    model: str
    registration: Registration | None


def confirm_champion(facts: ReleaseFacts) -> None:
    """Let a champion score only if everything that is stored of its release agrees.

    Raises:
        RegistryMismatch: something disagrees; the message names it, and the command that computes
            it again.
    """
    of_model = model_problems(facts)
    problems = [
        *of_model,
        *decision_problems(facts.champion, facts.decision, facts.records),
        *(registration_problems(facts.champion, facts.registration) if facts.registration else []),
    ]
    if not problems:
        return
    command = (training_command if of_model else release_command)(facts.pipeline, facts.as_of)
    raise RegistryMismatch(
        f"The champion of {facts.pipeline} as of {facts.as_of}, model "
        f"{facts.champion['fingerprint']}, is not confirmed, so nothing is scored by it: "
        f"{'; '.join(problems)}. Compute what is stored of the release again: {command}"
    )


def model_problems(facts: ReleaseFacts) -> list[str]:
    """What speaks against the model itself."""
    if facts.model == facts.champion["fingerprint"]:
        return []
    return [f"model has fingerprint {facts.model or 'none'}"]


def decision_problems(champion: Row, decision: Row | None, records: Sequence[Record]) -> list[str]:
    """What in the decision, or in what persons said, does not release this champion."""
    if decision is None:
        return ["release_decision has no row"]
    return [
        *_differing("release_decision", decision, "challenger", champion["fingerprint"]),
        *_differing("release_decision", decision, "evidence", champion["evidence"]),
        *(
            problem
            for column, decided in SAME.items()
            for problem in _differing("release_decision", decision, decided, champion[column])
        ),
        *_release_problems(champion, decision["verdict"], records),
    ]


def registration_problems(champion: Row, registration: Registration) -> list[str]:
    """What in the registration or in the integration tests is not of this champion."""
    fingerprint, row, version = champion["fingerprint"], registration.row, registration.version
    problems: list[str] = []
    if row is None:
        problems.append("registered_model has no row")
    else:
        problems += _differing("registered_model", row, "fingerprint", fingerprint)
        problems += _differing("registered_model", row, "version", int(champion["version"]))
    if version is None:
        problems.append("the registry has no version with this fingerprint")
    elif row is not None and version.version != int(row["version"]):
        problems.append(
            f"the registry has this model as version {version.version}, registered_model says "
            f"{row['version']}"
        )
    others = sorted({*registration.tests["fingerprint"]} - {fingerprint})
    problems += [f"integration_tests are of model {other}" for other in others]
    if failed := problem_of_tests(registration.tests, registration.test_names):
        problems.append(failed)
    return problems


def _release_problems(champion: Row, verdict: str, records: Sequence[Record]) -> list[str]:
    """What speaks against who released it, and from which day on."""
    by, as_of = champion["released_by"], champion[DAY]
    if verdict == PASSED:
        is_right = by == BY_GATES and champion["serves_from"] == as_of
        found = f"champion says released by {by} from {champion['serves_from']} on"
        return [] if is_right else [f"release_decision passed as of {as_of}, {found}"]
    if verdict != AWAITING:
        return [f"release_decision says {verdict}"]
    uses = [
        one
        for one in records
        if one.action is Action.APPLY and one.evidence == champion["evidence"]
    ]
    approved = [(use, approval) for use in uses if (approval := used_by(records, use))]
    if not approved:
        return ["release_decision says awaiting_approval, and no valid approval of it was used"]
    if not any(
        approval.signature == by and champion["serves_from"] >= use.serves_from
        for use, approval in approved
    ):
        use, approval = approved[-1]
        said = f"released by {by} from {champion['serves_from']} on"
        approved_as = f"approved by {approval.signature} from {use.serves_from} on"
        return [f"it was {approved_as}, champion says {said}"]
    return []


def _differing(table: str, row: Row, column: str, expected: Any) -> list[str]:
    found = row[column]
    if found == expected or (_is_nan(found) and _is_nan(expected)):
        return []
    return [f"{table} has {column} {found or 'none'}, the champion {expected or 'none'}"]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
