"""Check of a champion: decision, approval, registration, tests and model have to agree.

They are stored separately, so a row that was written by hand disagrees with the others.
``facts`` reads them; this module compares them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml_assets import nouns
from ml_assets.content import DAY
from ml_assets.errors import RegistryMismatch, sentence
from ml_assets.registry.versions import RegisteredVersion
from ml_assets.release.approvals.approvals import Action, Record
from ml_assets.release.champion import BY_GATES
from ml_assets.release.decision import AWAITING, PASSED
from ml_assets.release.promotion import (
    problem_of_tests,
    release_command,
    training_command,
    used_approval,
)

Row = Mapping[Any, Any]

COPIED_COLUMNS = {
    "metric": "metric",
    "value": "challenger_value",
    "training_days": "training_days",
    "training_last": "training_last",
    "replaces": "champion_as_of",
}
"""Column of ``champion`` → column of ``release_decision`` that it is copied from."""


@dataclass(frozen=True)
class Registration:
    """A champion's registration and integration tests.

    Attributes:
        row: row of ``registered_model``; None without one.
        version: version with the champion's fingerprint in the registry; None without one.
        tests: rows of the ``IntegrationTest`` contract.
        test_names: names of the required tests.
    """

    row: Row | None
    version: RegisteredVersion | None
    tests: pd.DataFrame
    test_names: Sequence[str]


@dataclass(frozen=True)
class ReleaseFacts:
    """Everything that is stored about a champion's release.

    Attributes:
        pipeline: name of the pipeline.
        as_of: as-of day.
        champion: row of ``champion``.
        decision: row of ``release_decision``; None without one.
        records: approvals and rejections, by number.
        model: fingerprint of the model of the as-of day; empty without one.
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
    """Refuse a champion unless everything that is stored about its release agrees.

    Raises:
        RegistryMismatch: something disagrees; the message contains it and the command that
            recomputes it.
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
        f"{facts.champion['fingerprint']}, is not confirmed, so it does not score: "
        f"{sentence('; '.join(problems))} Recompute the release: {command}"
    )


def model_problems(facts: ReleaseFacts) -> list[str]:
    """Differences between the champion and the stored model."""
    if facts.model == facts.champion["fingerprint"]:
        return []
    return [f"model has fingerprint {facts.model or 'none'}"]


def decision_problems(champion: Row, decision: Row | None, records: Sequence[Record]) -> list[str]:
    """Differences between the champion and the decision or the approvals."""
    if decision is None:
        return ["release_decision has no row"]
    return [
        *_differing(nouns.RELEASE_DECISION, decision, "challenger", champion["fingerprint"]),
        *_differing(nouns.RELEASE_DECISION, decision, "evidence", champion["evidence"]),
        *(
            problem
            for column, decided in COPIED_COLUMNS.items()
            for problem in _differing(nouns.RELEASE_DECISION, decision, decided, champion[column])
        ),
        *_release_problems(champion, decision["verdict"], records),
    ]


def registration_problems(champion: Row, registration: Registration) -> list[str]:
    """Differences between the champion and its registration or integration tests."""
    fingerprint, row, version = champion["fingerprint"], registration.row, registration.version
    problems: list[str] = []
    if row is None:
        problems.append("registered_model has no row")
    else:
        problems += _differing(nouns.REGISTERED_MODEL, row, "fingerprint", fingerprint)
        problems += _differing(nouns.REGISTERED_MODEL, row, "version", int(champion["version"]))
    if version is None:
        problems.append("the registry has no version with this fingerprint")
    elif row is not None and version.version != int(row["version"]):
        problems.append(
            f"the model is version {version.version} in the registry and version {row['version']} "
            "in registered_model"
        )
    others = sorted({*registration.tests["fingerprint"]} - {fingerprint})
    problems += [f"integration_tests are of model {other}" for other in others]
    if failed := problem_of_tests(registration.tests, registration.test_names):
        problems.append(failed)
    return problems


def _release_problems(champion: Row, verdict: str, records: Sequence[Record]) -> list[str]:
    """Differences in ``released_by`` and ``serves_from``."""
    by, as_of = champion["released_by"], champion[DAY]
    if verdict == PASSED:
        is_right = by == BY_GATES and champion["serves_from"] == as_of
        found = f"champion has released_by {by} and serves_from {champion['serves_from']}"
        return [] if is_right else [f"release_decision passed as of {as_of}, {found}"]
    if verdict != AWAITING:
        return [f"release_decision has verdict {verdict}"]
    uses = [
        one
        for one in records
        if one.action is Action.APPLY and one.evidence == champion["evidence"]
    ]
    approved = [(use, approval) for use in uses if (approval := used_approval(records, use))]
    if not approved:
        return ["release_decision has verdict awaiting_approval, and no valid approval was used"]
    if not any(
        approval.signature == by and champion["serves_from"] >= use.serves_from
        for use, approval in approved
    ):
        use, approval = approved[-1]
        found = f"released_by {by} and serves_from {champion['serves_from']}"
        approved_as = f"approved by {approval.signature} from {use.serves_from} on"
        return [f"it was {approved_as}, champion has {found}"]
    return []


def _differing(table: str, row: Row, column: str, expected: Any) -> list[str]:
    found = row[column]
    if found == expected or (_is_nan(found) and _is_nan(expected)):
        return []
    return [f"{table} has {column} {found or 'none'}, the champion {expected or 'none'}"]


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
