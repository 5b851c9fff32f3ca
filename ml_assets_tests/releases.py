"""A lake in which releases were decided, without training a model."""

import pandas as pd

from ml_assets.content import DAY, day_hashes
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.release.decision import findings
from ml_assets.release.gates import Gate, GateOutcome

PIPELINE = "flight_delays"
EVIDENCE = "0123456789abcdef"


def store(lake: Lake, noun: str, rows: pd.DataFrame) -> None:
    """Store days of a table of the pipeline."""
    table = f"{PIPELINE}/{noun}"
    days = sorted(rows[DAY].unique())
    version = lake.write(table, rows, days).version
    lake.ledger.append(
        [
            Entry(table, day, Status.STORED, content_hash=content, rows=1, version=version)
            for day, content in day_hashes(rows, days).items()
        ]
    )


def decide(
    lake: Lake,
    day: str,
    verdict: str = "awaiting_approval",
    *,
    evidence: str = EVIDENCE,
    reason: str = "beats_champion: auc 0.7000 against 0.7100",
    outcome: GateOutcome = GateOutcome.APPROVABLE,
) -> None:
    """Store the release decision of an as-of day, with the outcome of its one gate."""
    row = {
        DAY: day,
        "verdict": verdict,
        "reason": reason,
        "findings": findings([Gate("beats_champion", outcome, reason)]),
        "challenger": f"model of {day}",
        "champion": "",
        "champion_as_of": "",
        "metric": "auc",
        "challenger_value": 0.7,
        "champion_value": 0.71,
        "evidence": evidence,
    }
    store(lake, "release_decision", pd.DataFrame([row]))


def score(lake: Lake, *days: str) -> None:
    """Store predictions of some days."""
    store(lake, "predictions", pd.DataFrame({DAY: days, "prediction": 0.5}))


def release(lake: Lake, day: str, version: int, released_by: str) -> None:
    """Store the champion of an as-of day."""
    row = {
        DAY: day,
        "fingerprint": f"model of {day}",
        "version": version,
        "released_by": released_by,
        "evidence": EVIDENCE,
        "serves_from": day,
        "metric": "auc",
        "value": 0.7,
        "training_days": 28,
        "training_last": "2013-06-30",
        "replaces": "",
    }
    store(lake, "champion", pd.DataFrame([row]))
