"""What a person says to a release, whichever surface they use: refused when it can do nothing.

Where it is kept is in ``approval_log``, what follows from it in ``approvals``.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ml_assets.cadence import as_day, shifted
from ml_assets.errors import ConfigurationError
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.store import Lake
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import (
    Action,
    ApprovalState,
    Record,
    Standing,
    shown_time,
    standing,
)
from ml_assets.release.decision import AWAITING, PASSED, findings_of
from ml_assets.release.gates import GateOutcome
from ml_assets.release.history import release_of, released_days
from ml_assets.release.promotion import release_command

UNITS = {"d": "days", "h": "hours"}
SHOWN_DAYS = 8


def record(
    lake: Lake,
    log: ApprovalLog,
    *,
    pipeline: str,
    as_of: str,
    action: Action,
    by: str,
    reason: str,
    expires: str = "",
    now: datetime,
) -> Record:
    """Approve or reject a release that waits for it; reject also until its model is champion.

    Args:
        lake: where the release decision is.
        log: where the record goes.
        pipeline: whose release.
        as_of: its as-of day.
        action: approve or reject.
        by: who says so.
        reason: why.
        expires: how long an approval is valid, '7d' or '12h'; empty for always.
        now: the moment, UTC.

    Returns:
        What was appended.

    Raises:
        ConfigurationError: an argument cannot be used, or the release waits for no such thing.
    """
    day = _day(as_of)
    by, reason = _words("by", by), _words("reason", reason)
    expires_at = _expiry(action, expires, now)
    decision = _decision(lake, pipeline, day)
    _refuse_unless_waiting(decision, pipeline, day)
    evidence = decision["evidence"]
    history = lake.ledger.history(f"{pipeline}/champion")
    if champion := release_of(lake, history, day, evidence):
        raise ConfigurationError(
            f"The model of {pipeline} as of {day} was released already, by "
            f"{champion['released_by']}. Only a later release replaces it."
        )
    _refuse_if_rejected(standing(log.records(pipeline, day), evidence, now), pipeline, day)
    if action is Action.APPROVE:
        _refuse_if_replaced(released_days(history), pipeline, day)
    return log.append(
        Record(
            pipeline=pipeline,
            as_of=day,
            action=action,
            by=by,
            reason=reason,
            evidence=evidence,
            serves_from="",
            at=now,
            expires_at=expires_at,
        )
    )


def describe(record: Record) -> str:
    """What was recorded and what happens now, for who said it."""
    of_what = f"{record.pipeline} as of {record.as_of}, evidence {record.evidence}"
    if record.action is Action.REJECT:
        return (
            f"Recorded {record.name} of {of_what}. It is final for this evidence: the model is not "
            "released."
        )
    until = f"until {shown_time(record.expires_at)}" if record.expires_at else "for always"
    return (
        f"Recorded {record.name} of {of_what}. It is valid {until}, and the model serves from "
        f"the first day that is not scored when it is used. The sensor {record.pipeline}__release "
        f"continues the release; by hand: {release_command(record.pipeline, record.as_of)}"
    )


def _day(text: str) -> str:
    day = as_day(text)
    if day is None:
        raise ConfigurationError(
            f"'{text}' is not a day. Expected an as-of day, for example '2024-07-09'."
        )
    return day


def _words(name: str, text: str) -> str:
    """A text on one line."""
    words = " ".join(text.split())
    if not words or not words.isprintable():
        raise ConfigurationError(f"'{name}' is empty or not readable. Say it in words.")
    return words


def _expiry(action: Action, text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    if action is Action.REJECT:
        raise ConfigurationError("A rejection is final and does not expire. Leave 'expires' empty.")
    if not re.fullmatch(r"[1-9]\d{0,3}[dh]", text, re.ASCII):
        raise ConfigurationError(
            f"'{text}' does not say when an approval expires. Expected days or hours, for example "
            "'7d' or '12h'."
        )
    return now + timedelta(**{UNITS[text[-1]]: int(text[:-1])})


def _decision(lake: Lake, pipeline: str, day: str) -> Mapping[Any, Any]:
    table = f"{pipeline}/release_decision"
    decided = lake.days_stored(table)
    if day in decided:
        return verified_rows(lake.window(table, [day])).iloc[0].to_dict()
    if not decided:
        raise ConfigurationError(
            f"No release of {pipeline} was decided yet, so none waits for approval."
        )
    earlier = f", and {more} earlier ones" if (more := len(decided[:-SHOWN_DAYS])) else ""
    raise ConfigurationError(
        f"There is no release decision of {pipeline} as of {day}. Decided are "
        f"{', '.join(decided[-SHOWN_DAYS:])}{earlier}. Name one of them."
    )


def _refuse_unless_waiting(decision: Mapping[Any, Any], pipeline: str, day: str) -> None:
    release = f"The release of {pipeline} as of {day}"
    if decision["verdict"] == PASSED:
        raise ConfigurationError(
            f"{release} passed its gates, so there is nothing to approve or reject."
        )
    if decision["verdict"] == AWAITING:
        return
    found = {gate.outcome for gate in findings_of(decision["findings"]).values()}
    if GateOutcome.FINAL in found:
        raise ConfigurationError(
            f"{release} is blocked by a limit that no approval lifts: {decision['reason']}. A model as "
            "of a later day, or one of other features or data, is judged anew."
        )
    raise ConfigurationError(
        f"{release} is blocked because evidence is missing, and nobody can approve what was not "
        f"shown: {decision['reason']}. Repair that and materialize the release again."
    )


def _refuse_if_rejected(found: Standing, pipeline: str, day: str) -> None:
    said = found.record
    if said and found.state is ApprovalState.REJECTED:
        raise ConfigurationError(
            f"The release of {pipeline} as of {day} was rejected already ({said.name}: "
            f"{said.reason}). That is final for this evidence: train another model, or decide on "
            "other evidence."
        )


def _refuse_if_replaced(released: set[str], pipeline: str, day: str) -> None:
    """A model of an older day would be released and never serve."""
    if (newest := max(released, default="")) > day:
        raise ConfigurationError(
            f"The model of {pipeline} as of {newest} was released since and is newer, so that "
            f"of {day} would never serve. Train and judge a model as of a later day."
        )


def first_not_scored(lake: Lake, pipeline: str, as_of: str) -> str:
    """The first day, from the as-of day on, after all that is scored.

    From then on an approved model serves, so that scoring old days again gives the old result.
    """
    scored = lake.days_stored(f"{pipeline}/predictions")
    if not scored:
        return as_of
    return max(as_of, shifted(scored[-1], 1))
