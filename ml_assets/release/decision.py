"""The release decision on a challenger: verdict and reason from the findings of all gates."""

import json
import math
from collections.abc import Sequence
from typing import ClassVar

from ml_assets.contracts.contract import Contract, columns, computed
from ml_assets.release.evidence.comparison import CHAMPION_SOURCES, ROWS, Comparison, EvidenceRow
from ml_assets.release.evidence.fairness import Fairness
from ml_assets.release.evidence.values import EvidenceTable, is_overall
from ml_assets.release.gates import Gate, GateOutcome

PASSED, AWAITING, BLOCKED = "passed", "awaiting_approval", "blocked"
"""All gates passed; a limit is exceeded and a person may approve that; a limit is exceeded that
cannot be approved, or evidence is missing."""


BLOCKING = {GateOutcome.FINAL, GateOutcome.NO_EVIDENCE}
"""Outcomes of a gate that cannot be approved."""

QUESTION_SOURCES = ["model.prediction", *CHAMPION_SOURCES, *ROWS]
"""Source columns of the question, and below of the evidence of each gate, for ``from``."""
COMPARED = [f"comparison.{column}" for column in columns(Comparison) if column != "is_judged"]
TREATED = [f"fairness.{column}" for column in columns(Fairness) if column != "is_judged"]
UNSEEN = [
    *QUESTION_SOURCES,
    *(f"comparison.{column}" for column in columns(EvidenceRow)),
    "champion.training_last",
]
BETTER = [*QUESTION_SOURCES, *(column for column in COMPARED if column != "comparison.segment")]
NOT_DEGRADED = [*QUESTION_SOURCES, *COMPARED, "training_dataset.{segments}"]
CLOSE = [*QUESTION_SOURCES, *TREATED, "training_dataset.{sensitive_feature}"]
JUDGED = [*UNSEEN, *NOT_DEGRADED, *CLOSE]
MAIN = ["comparison.segment_column", "comparison.metric"]
TESTED = ["training_dataset.split"]
DAYS = [*TESTED, "training_dataset.feature_day"]


class ReleaseDecision(Contract):
    """Whether the model of this as-of day may become champion, and why."""

    verdict: str = computed(
        "passed; awaiting_approval if a limit is exceeded and a person may approve that; blocked "
        "if evidence is missing or a limit is exceeded that cannot be approved.",
        JUDGED,
        isin=[PASSED, AWAITING, BLOCKED],
    )
    reason: str = computed("Reason for the verdict.", JUDGED)
    findings: str = computed("Outcome and reason of each gate, as JSON.", JUDGED)
    evidence: str = computed(
        "Hash of the evidence and the rules.",
        [*JUDGED, "comparison.is_judged", "fairness.is_judged"],
    )
    challenger: str = computed("Fingerprint of the challenger.", ["model.prediction"])
    champion: str = computed(
        "Fingerprint of the champion at that time; empty for none.", CHAMPION_SOURCES
    )
    champion_as_of: str = computed("As-of day of that champion; empty for none.", [])
    metric: str = computed("The main metric.", [])
    challenger_value: float = computed(
        "Main metric of the challenger.", [*MAIN, "comparison.challenger"], nullable=True
    )
    champion_value: float = computed(
        "Main metric of the champion on the same rows.",
        [*MAIN, "comparison.champion"],
        nullable=True,
    )
    improvement_low: float = computed(
        "Lower bound of the gain.", [*MAIN, "comparison.low"], nullable=True
    )
    improvement_high: float = computed(
        "Upper bound of the gain.", [*MAIN, "comparison.high"], nullable=True
    )
    test_rows: int = computed("Number of test rows.", TESTED, ge=0)
    test_first: str = computed("First day of the test rows.", DAYS)
    test_last: str = computed("Last day of the test rows.", DAYS)
    training_rows: int = computed("Number of the challenger's training rows.", TESTED, ge=0)
    training_days: int = computed("Number of days of the training rows.", DAYS, ge=0)
    training_last: str = computed("Last day of the training rows.", DAYS)
    is_unseen: bool = computed("Neither model was fitted on the test rows.", UNSEEN)
    beats_champion: bool = computed("The gain of the main metric satisfies the rule.", BETTER)
    no_segment_degraded: bool = computed("No judged segment is degraded.", NOT_DEGRADED)
    groups_are_close: bool = computed("The gaps between groups are within the limits.", CLOSE)

    class Config:
        """Exactly one decision per as-of day."""

        unique: ClassVar = ["challenger"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


def verdict(gates: Sequence[Gate]) -> tuple[str, str]:
    """The verdict and its reason.

    An exceeded limit awaits approval, unless it cannot be approved. Missing evidence blocks.
    """
    failed = [gate for gate in gates if not gate.passed]
    reason = "; ".join(f"{gate.name}: {gate.reason}" for gate in failed)
    if not gates or any(gate.outcome in BLOCKING for gate in failed):
        return BLOCKED, reason
    if failed:
        return AWAITING, reason
    gain = next((f": {gate.reason}" for gate in gates if gate.name == "beats_champion"), "")
    return PASSED, f"all {len(gates)} gates passed{gain}"


def main_values(comparison: EvidenceTable, metric: str) -> dict[str, float]:
    """Main metric of both models and bounds of the gain, for display; NaN without evidence."""
    found = comparison.rows
    rows = [] if found is None else found[is_overall(found, metric)].to_dict("records")
    row = rows[0] if len(rows) == 1 else {}
    return {
        "challenger_value": float(row.get("challenger", math.nan)),
        "champion_value": float(row.get("champion", math.nan)),
        "improvement_low": float(row.get("low", math.nan)),
        "improvement_high": float(row.get("high", math.nan)),
    }


def findings(gates: Sequence[Gate]) -> str:
    """Outcome and reason of each gate, as JSON."""
    return json.dumps(
        {gate.name: {"outcome": gate.outcome, "reason": gate.reason} for gate in gates}
    )


def parse_findings(text: str) -> dict[str, Gate]:
    """Name of a gate → the gate, from the column ``findings``."""
    return {
        name: Gate(name, GateOutcome(found["outcome"]), found["reason"])
        for name, found in json.loads(text).items()
    }
