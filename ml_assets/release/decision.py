"""The decision on a challenger: what the gates found, put together."""

import json
import math
from collections.abc import Sequence
from typing import ClassVar

import pandera.pandas as pa

from ml_assets.contracts.contract import Contract, columns
from ml_assets.release.evidence.comparison import BEATEN, ROWS, Comparison
from ml_assets.release.evidence.comparison import Evidence as EvidenceRows
from ml_assets.release.evidence.fairness import Fairness
from ml_assets.release.evidence.figures import Exhibit, is_overall
from ml_assets.release.gates import Gate, Outcome

PASSED, AWAITING, BLOCKED = "passed", "awaiting_approval", "blocked"
"""All gates passed; a limit is broken that a person may approve; a limit is broken that no approval
lifts, or evidence is missing."""


BLOCKING = {Outcome.FINAL, Outcome.NO_EVIDENCE}
"""Outcomes of a gate that no approval helps."""

ASKED = ["model.prediction", *BEATEN, *ROWS]
"""What a contract's ``from`` says of the question, and of the evidence that a gate looks at."""
COMPARED = [f"comparison.{column}" for column in columns(Comparison) if column != "is_judged"]
TREATED = [f"fairness.{column}" for column in columns(Fairness) if column != "is_judged"]
UNSEEN = [
    *ASKED,
    *(f"comparison.{column}" for column in columns(EvidenceRows)),
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

    verdict: str = pa.Field(
        isin=[PASSED, AWAITING, BLOCKED],
        description=(
            "passed; awaiting_approval where a limit is broken that a person may approve; blocked "
            "where evidence is missing or a limit is broken that no approval lifts."
        ),
        metadata={"from": JUDGED},
    )
    reason: str = pa.Field(description="Why, in words.", metadata={"from": JUDGED})
    findings: str = pa.Field(
        description="Outcome and reason of each gate, as JSON.", metadata={"from": JUDGED}
    )
    evidence: str = pa.Field(
        description="Hash of the evidence and the rules it was judged by.",
        metadata={"from": [*JUDGED, "comparison.is_judged", "fairness.is_judged"]},
    )
    challenger: str = pa.Field(
        description="Fingerprint of the model that was judged.",
        metadata={"from": ["model.prediction"]},
    )
    champion: str = pa.Field(
        description="Fingerprint of the champion then; empty for none.", metadata={"from": BEATEN}
    )
    champion_as_of: str = pa.Field(
        description="As-of day of that champion; empty for none.",
        metadata={"from": []},
    )
    metric: str = pa.Field(description="The main metric.", metadata={"from": []})
    challenger_value: float = pa.Field(
        nullable=True,
        description="The challenger's main metric.",
        metadata={"from": [*MAIN, "comparison.challenger"]},
    )
    champion_value: float = pa.Field(
        nullable=True,
        description="The champion's, on the same rows.",
        metadata={"from": [*MAIN, "comparison.champion"]},
    )
    improvement_low: float = pa.Field(
        nullable=True,
        description="Lower bound of the gain.",
        metadata={"from": [*MAIN, "comparison.low"]},
    )
    improvement_high: float = pa.Field(
        nullable=True,
        description="Upper bound of the gain.",
        metadata={"from": [*MAIN, "comparison.high"]},
    )
    test_rows: int = pa.Field(
        ge=0, description="Rows both were judged on.", metadata={"from": TESTED}
    )
    test_first: str = pa.Field(description="First day of these rows.", metadata={"from": DAYS})
    test_last: str = pa.Field(description="Last day of these rows.", metadata={"from": DAYS})
    training_rows: int = pa.Field(
        ge=0, description="Rows the challenger was fitted on.", metadata={"from": TESTED}
    )
    training_days: int = pa.Field(ge=0, description="Days of these rows.", metadata={"from": DAYS})
    training_last: str = pa.Field(description="Last of these days.", metadata={"from": DAYS})
    is_unseen: bool = pa.Field(
        description="Both were judged on the same, unseen rows.", metadata={"from": UNSEEN}
    )
    beats_champion: bool = pa.Field(
        description="The gain of the main metric is what the rule requires.",
        metadata={"from": BETTER},
    )
    no_segment_degraded: bool = pa.Field(
        description="No judged segment fell by too much.", metadata={"from": NOT_DEGRADED}
    )
    groups_are_close: bool = pa.Field(
        description="Groups of the gated attribute are treated alike.", metadata={"from": CLOSE}
    )

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
        name: Gate(name, Outcome(found["outcome"]), found["reason"])
        for name, found in json.loads(text).items()
    }
