"""Erasing entries of the prediction log, day by day, so that services wait for one day at most."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ml_assets.cadence import Calendar
from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion
from ml_assets.online.prediction_log.erasures import (
    Erasure,
    Where,
    known_columns,
    matching,
    new_salt,
    values_hash,
)
from ml_assets.online.prediction_log.log import PredictionLog


def events_of(log: PredictionLog, pipeline: str, where: Where) -> dict[str, list[str]]:
    """Day → events of the entries with some values, of the days that have any.

    Args:
        log: the prediction log.
        pipeline: name of the pipeline.
        where: column → value.

    Raises:
        ConfigurationError: no entry has such a column.
    """
    found: dict[str, list[str]] = {}
    known: set[str] = set()
    for day in log.counts(pipeline):
        entries = log.read(pipeline, [day])
        known |= {*known_columns(entries)}
        if chosen := matching(entries, where):
            found[day] = [entry.event_id for entry in chosen]
    if known and (unknown := [name for name in where if name not in known]):
        raise ConfigurationError(
            f"'{unknown[0]}' is no column of the requests and features that {pipeline} logged. "
            f"Known: {', '.join(sorted(known))}.{suggestion(unknown[0], known)}"
        )
    return found


def erase_entity(
    log: PredictionLog,
    pipeline: str,
    where: Where,
    events: Mapping[str, Sequence[str]],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> int:
    """Erase the entries of an entity and record it, with a hash of the values only.

    Args:
        log: the prediction log.
        pipeline: name of the pipeline.
        where: column → value.
        events: day → events, see ``events_of``.
        by: who erases them.
        reason: why.
        now: when.

    Returns:
        Number of entries that were erased.
    """
    hashed, columns = values_hash(where, new_salt()), sorted(where)
    erased = sum(
        log.erase(Erasure(pipeline, day, columns, hashed, 0, by, reason, now), of_day)
        for day, of_day in events.items()
    )
    log.forget_erased_pages()
    return erased


def days_before(
    log: PredictionLog, pipeline: str, calendar: Calendar, days: int, now: datetime
) -> dict[str, int]:
    """Partition → number of entries, of those that ended more than some days ago."""
    limit = now - timedelta(days=days)
    return {
        day: count
        for day, count in log.counts(pipeline).items()
        if calendar.bounds(day)[1] <= limit
    }


def erase_days(
    log: PredictionLog,
    pipeline: str,
    days: Sequence[str],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> int:
    """Erase all entries of some days and record it.

    Args:
        log: the prediction log.
        pipeline: name of the pipeline.
        days: the days.
        by: who erases them.
        reason: why.
        now: when.

    Returns:
        Number of entries that were erased.
    """
    erased = sum(
        log.erase(Erasure(pipeline, day, (), "", 0, by, reason, now), None) for day in days
    )
    log.forget_erased_pages()
    return erased
