"""Logged predictions that a day of a table touched: by values that were looked up, or by the model."""

from collections import Counter
from dataclasses import dataclass

from ml_assets.configuration.models import pipelines
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import grouped
from ml_assets.lineage.impact import Impact
from ml_assets.lineage.requests.lookups import EntityAt, looked_up, lookups_of, stored_places
from ml_assets.online.prediction_log.log import PredictionLog


@dataclass(frozen=True)
class TouchedRequests:
    """Logged predictions of one day and one model.

    Attributes:
        pipeline: pipeline that was asked.
        day: day that was predicted.
        model_as_of: as-of day of the model that answered.
        model_version: its fingerprint.
        entries: number of entries that were touched.
        by_values: number of them that looked up a row of a touched day; the others were only answered
            by a touched model.
    """

    pipeline: str
    day: str
    model_as_of: str
    model_version: str
    entries: int
    by_values: int


def touched_requests(lake: Lake, log: PredictionLog, found: Impact) -> list[TouchedRequests]:
    """The logged predictions that a day touched, by pipeline, day and model.

    Every entry of a pipeline that looks up a touched table, or has a touched model, is read.

    Args:
        lake: lake with the tables that are looked up.
        log: the prediction log.
        found: the impact of the day.
    """
    return [one for name in pipelines() for one in _of_pipeline(lake, log, found, name)]


def _of_pipeline(lake: Lake, log: PredictionLog, found: Impact, name: str) -> list[TouchedRequests]:
    days = grouped([*found.used, (found.table, found.day)])
    lookups = [online for online in lookups_of(name) if online.table in days]
    rows: dict[str, set[EntityAt]] = {
        online.table: {*stored_places(lake, online, days[online.table])} for online in lookups
    }
    models = {model.fingerprint for model in found.models if model.pipeline == name}
    if not models and not any(rows.values()):
        return []
    entries, by_values = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for day in log.counts(name):
        for entry in log.read(name, [day]):
            of = (day, entry.model_as_of, entry.model_version)
            used = any(place in rows[online.table] for online, place in looked_up(entry, lookups))
            by_values[of] += used
            entries[of] += used or entry.model_version in models
    return [
        TouchedRequests(name, *of, entries=count, by_values=by_values[of])
        for of, count in sorted(entries.items())
        if count
    ]
