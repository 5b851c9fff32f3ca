"""Approve and reject releases, for the CLI and the asset alike; without an effect, it is refused.

``approval_log`` stores the records, ``approvals`` evaluates them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ml_assets import nouns
from ml_assets.cadence import Calendar, as_key
from ml_assets.durations import age
from ml_assets.errors import ConfigurationError, sentence
from ml_assets.lake.integrity import verified_rows
from ml_assets.lake.store import Lake
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import (
    Action,
    ApprovalResult,
    ApprovalState,
    Record,
    format_time,
    resolve_approvals,
)
from ml_assets.release.decision import AWAITING, PASSED, parse_findings
from ml_assets.release.gates import GateOutcome
from ml_assets.release.history import release_of, released_days
from ml_assets.release.promotion import release_command

MAX_LISTED_DAYS = 8


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
    """Approve or reject a release that awaits approval and whose model is not champion yet.

    Args:
        lake: the lake with the release decision.
        log: log that the record is appended to.
        pipeline: name of the pipeline.
        as_of: as-of day of the release.
        action: approve or reject.
        by: the person.
        reason: the person's reason.
        expires: how long an approval is valid, '7d' or '12h'; empty for unlimited.
        now: current time, UTC.

    Returns:
        The appended record.

    Raises:
        ConfigurationError: an argument is invalid, or the release does not await approval.
    """
    day = _day(as_of)
    by, reason = single_line("by", by), single_line("reason", reason)
    expires_at = _expiry(action, expires, now)
    decision = _decision(lake, pipeline, day)
    _refuse_unless_waiting(decision, pipeline, day)
    evidence = decision["evidence"]
    history = lake.ledger.history(f"{pipeline}/{nouns.CHAMPION}")
    if champion := release_of(lake, history, day, evidence):
        raise ConfigurationError(
            f"The model of {pipeline} as of {day} was released already, by "
            f"{champion['released_by']}. Only a later release can replace it."
        )
    _refuse_if_rejected(resolve_approvals(log.records(pipeline, day), evidence, now), pipeline, day)
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
    """Message that confirms a record and names the next step."""
    of_what = f"{record.pipeline} as of {record.as_of}, evidence {record.evidence}"
    if record.action is Action.REJECT:
        return (
            f"Recorded {record.name} of {of_what}. It is final for this evidence: the model is not "
            "released."
        )
    until = f"until {format_time(record.expires_at)}" if record.expires_at else "without expiry"
    return (
        f"Recorded {record.name} of {of_what}. It is valid {until}, and the model serves from "
        f"the first day that is not scored when it is used. The sensor {record.pipeline}__release "
        f"continues the release; by hand: {release_command(record.pipeline, record.as_of)}"
    )


def _day(text: str) -> str:
    day = as_key(text)
    if day is None:
        raise ConfigurationError(
            f"'{text}' is not a day. Expected an as-of day, for example '2024-07-09'."
        )
    return day


def single_line(name: str, text: str) -> str:
    """The text on one line.

    Args:
        name: name of the argument, for the message.
        text: a name or a reason.

    Raises:
        ConfigurationError: it is empty or not printable.
    """
    line = " ".join(text.split())
    if not line or not line.isprintable():
        raise ConfigurationError(f"'{name}' is empty or not readable. Expected printable text.")
    return line


def _expiry(action: Action, text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    if action is Action.REJECT:
        raise ConfigurationError("A rejection is final and does not expire. Leave 'expires' empty.")
    try:
        return now + age(text)
    except ValueError as error:
        raise ConfigurationError(sentence(error)) from None


def _decision(lake: Lake, pipeline: str, day: str) -> Mapping[Any, Any]:
    table = f"{pipeline}/{nouns.RELEASE_DECISION}"
    decided = lake.days_stored(table)
    if day in decided:
        return verified_rows(lake.window(table, [day])).iloc[0].to_dict()
    if not decided:
        raise ConfigurationError(
            f"{pipeline} has no release decision yet, so no release awaits approval."
        )
    earlier = f", and {more} earlier ones" if (more := len(decided[:-MAX_LISTED_DAYS])) else ""
    raise ConfigurationError(
        f"{pipeline} has no release decision as of {day}. Expected one of "
        f"{', '.join(decided[-MAX_LISTED_DAYS:])}{earlier}."
    )


def _refuse_unless_waiting(decision: Mapping[Any, Any], pipeline: str, day: str) -> None:
    release = f"The release of {pipeline} as of {day}"
    if decision["verdict"] == PASSED:
        raise ConfigurationError(
            f"{release} passed its gates, so there is nothing to approve or reject."
        )
    if decision["verdict"] == AWAITING:
        return
    found = {gate.outcome for gate in parse_findings(decision["findings"]).values()}
    if GateOutcome.FINAL in found:
        raise ConfigurationError(
            f"{release} is blocked by a limit that cannot be approved: {sentence(decision['reason'])} Train "
            "a model as of a later day, or one with other features or data."
        )
    raise ConfigurationError(
        f"{release} is blocked because evidence is missing, which cannot be approved: "
        f"{sentence(decision['reason'])} Repair that, then run: "
        f"{release_command(pipeline, day)}"
    )


def _refuse_if_rejected(result: ApprovalResult, pipeline: str, day: str) -> None:
    record = result.record
    if record and result.state is ApprovalState.REJECTED:
        raise ConfigurationError(
            f"The release of {pipeline} as of {day} was rejected already ({record.name}: "
            f"{record.reason}). A rejection is final for its evidence. Train another model, or "
            "judge it again on other data or with other limits."
        )


def _refuse_if_replaced(released: set[str], pipeline: str, day: str) -> None:
    """Refuse a model that would never serve, because a newer one is released."""
    if (newest := max(released, default="")) > day:
        raise ConfigurationError(
            f"The newer model of {pipeline} as of {newest} was released since, so that of {day} "
            "would never serve. Train and judge a model as of a later day."
        )


def first_not_scored(lake: Lake, pipeline: str, as_of: str, calendar: Calendar) -> str:
    """The first partition after all scored ones, not before the as-of day.

    An approved model serves from this day on, so rescoring earlier days gives the same predictions.
    """
    scored = lake.days_stored(f"{pipeline}/{nouns.PREDICTIONS}")
    if not scored:
        return as_of
    return max(as_of, calendar.shifted(scored[-1], 1))
