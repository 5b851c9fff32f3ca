"""The decision on a challenger: what the gates found, put together."""

import json
import math
from collections.abc import Sequence
from typing import ClassVar

from ml_assets.contracts.contract import Contract, columns, made
from ml_assets.release.evidence.comparison import BEATEN, ROWS, Comparison, EvidenceRow
from ml_assets.release.evidence.fairness import Fairness
from ml_assets.release.evidence.figures import Exhibit, is_overall
from ml_assets.release.gates import Gate, GateOutcome

PASSED, AWAITING, BLOCKED = "passed", "awaiting_approval", "blocked"
"""All gates passed; a limit is broken that a person may approve; a limit is broken that no approval
lifts, or evidence is missing."""


BLOCKING = {GateOutcome.FINAL, GateOutcome.NO_EVIDENCE}
"""Outcomes of a gate that no approval helps."""

ASKED = ["model.prediction", *BEATEN, *ROWS]
"""What a contract's ``from`` says of the question, and of the evidence that a gate looks at."""
COMPARED = [f"comparison.{column}" for column in columns(Comparison) if column != "is_judged"]
TREATED = [f"fairness.{column}" for column in columns(Fairness) if column != "is_judged"]
UNSEEN = [
    *ASKED,
    *(f"comparison.{column}" for column in columns(EvidenceRow)),
    "champion.training_last",
]
BETTER = [*ASKED, *(column for column in COMPARED if column != "comparison.segment")]
NOT_DEGRADED = [*ASKED, *COMPARED, "training_dataset.{segments}"]
CLOSE = [*ASKED, *TREATED, "training_dataset.{gated_attribute}"]
JUDGED = [*UNSEEN, *NOT_DEGRADED, *CLOSE]
MAIN = ["comparison.segment_column", "comparison.metric"]
TESTED = ["training_dataset.split"]
DAYS = [*TESTED, "training_dataset.feature_day"]


class ReleaseDecision(Contract):
    """Whether the model of this as-of day may become the champion, and on what grounds."""

    verdict: str = made(
        "passed; awaiting_approval where a limit is broken that a person may approve; blocked "
        "where evidence is missing or a limit is broken that no approval lifts.",
        JUDGED,
        isin=[PASSED, AWAITING, BLOCKED],
    )
    reason: str = made("Why, in words.", JUDGED)
    findings: str = made("GateOutcome and reason of each gate, as JSON.", JUDGED)
    evidence: str = made(
        "Hash of the evidence and the rules it was judged by.",
        [*JUDGED, "comparison.is_judged", "fairness.is_judged"],
    )
    challenger: str = made("Fingerprint of the model that was judged.", ["model.prediction"])
    champion: str = made("Fingerprint of the champion then; empty for none.", BEATEN)
    champion_as_of: str = made("As-of day of that champion; empty for none.", [])
    metric: str = made("The main metric.", [])
    challenger_value: float = made(
        "The challenger's main metric.", [*MAIN, "comparison.challenger"], nullable=True
    )
    champion_value: float = made(
        "The champion's, on the same rows.", [*MAIN, "comparison.champion"], nullable=True
    )
    improvement_low: float = made(
        "Lower bound of the gain.", [*MAIN, "comparison.low"], nullable=True
    )
    improvement_high: float = made(
        "Upper bound of the gain.", [*MAIN, "comparison.high"], nullable=True
    )
    test_rows: int = made("Rows both were judged on.", TESTED, ge=0)
    test_first: str = made("First day of these rows.", DAYS)
    test_last: str = made("Last day of these rows.", DAYS)
    training_rows: int = made("Rows the challenger was fitted on.", TESTED, ge=0)
    training_days: int = made("Days of these rows.", DAYS, ge=0)
    training_last: str = made("Last of these days.", DAYS)
    is_unseen: bool = made("Both were judged on the same, unseen rows.", UNSEEN)
    beats_champion: bool = made("The gain of the main metric is what the rule requires.", BETTER)
    no_segment_degraded: bool = made("No judged segment fell by too much.", NOT_DEGRADED)
    groups_are_close: bool = made("Groups of the gated attribute are treated alike.", CLOSE)

    class Config:
        """Exactly one decision per as-of day."""

        unique: ClassVar = ["challenger"]
        metadata: ClassVar = {"may_be_empty": False, "max_dead_letter_share": 0.0}


def verdict(gates: Sequence[Gate]) -> tuple[str, str]:
    """The verdict and its reason in words.

    A broken limit waits for a person, unless it is one that no approval lifts. Missing evidence blocks,
    as nobody can weigh what is not there.
    """
    failed = [gate for gate in gates if not gate.passed]
    reason = "; ".join(f"{gate.name}: {gate.reason}" for gate in failed)
    if not gates or any(gate.outcome in BLOCKING for gate in failed):
        return BLOCKED, reason
    if failed:
        return AWAITING, reason
    gain = next((f": {gate.reason}" for gate in gates if gate.name == "beats_champion"), "")
    return PASSED, f"all {len(gates)} gates passed{gain}"


def main_figures(comparison: Exhibit, metric: str) -> dict[str, float]:
    """The main metric of both and the bounds of the gain, to be shown; NaN without evidence."""
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
    """What each gate found, as JSON."""
    return json.dumps(
        {gate.name: {"outcome": gate.outcome, "reason": gate.reason} for gate in gates}
    )


def findings_of(text: str) -> dict[str, Gate]:
    """Name of a gate → what it found, from the column ``findings``."""
    return {
        name: Gate(name, GateOutcome(found["outcome"]), found["reason"])
        for name, found in json.loads(text).items()
    }
