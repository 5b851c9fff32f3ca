"""Tables as the sources of alerts know them: their limit of freshness, and what a partition reads."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ml_assets import nouns
from ml_assets.alerts.watched import WatchedTable
from ml_assets.cadence import Calendar
from ml_assets.configuration.chaining.section import CHAINED_FUNCTION, ROWS
from ml_assets.configuration.documents import computed_tables, of_template
from ml_assets.configuration.file_defaults import FEATURES, SOURCE, read_document
from ml_assets.configuration.input_cadences import with_input_cadences
from ml_assets.configuration.inputs import TableInput
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.parts import BatchPredictionsConfiguration, is_logged
from ml_assets.configuration.tables import FeatureTableConfiguration, SourceTableConfiguration
from ml_assets.contracts.contract import Weekday, limits
from ml_assets.durations import Duration
from ml_assets.errors import MLAssetsError
from ml_assets.planning.inputs import Input


def watched_tables() -> tuple[list[WatchedTable], dict[str, MLAssetsError]]:
    """The source tables and computed tables with partitions, and of each that is not usable why."""
    found: list[WatchedTable] = []
    broken: dict[str, MLAssetsError] = {}
    for key, table in _tables().items():
        try:
            watched = table()
        except MLAssetsError as error:
            broken[key] = error
        else:
            found += [watched] if watched else []
    return found, broken


def watched_predictions(config: BatchPredictionsConfiguration) -> WatchedTable:
    """The predictions of a pipeline.

    Args:
        config: its configuration.
    """
    table = f"{config.pipeline}/{nouns.PREDICTIONS}"
    answers = f"{config.pipeline}/{nouns.LOGGED_PREDICTIONS}"
    calendar = config.days.calendar
    return WatchedTable(
        table,
        calendar,
        config.days.last_key,
        _time(config.fresh_within),
        [Input(answers if is_logged(config) else config.features, calendar=calendar)],
        _empty_on(config.contracts.features),
    )


def _tables() -> dict[str, Callable[[], WatchedTable | None]]:
    """Asset key → the table, read when it is called; None for a snapshot."""
    of_source = [
        (str(config.get("key")), partial(_source_table, file, config))
        for file, config in of_template(SOURCE)
    ]
    computed = [
        (str(config.get("key")), partial(_computed_table, file, config))
        for file, config in computed_tables()
    ]
    return dict(chain(of_source, computed))


def _source_table(file: Path, config: Mapping[str, Any]) -> WatchedTable | None:
    table = read_document(SourceTableConfiguration, SOURCE, config, file)
    if table.days is None:
        return None
    return WatchedTable(
        table.key,
        table.days.calendar,
        table.days.last_key,
        _time(table.fresh_within),
        empty_on=_empty_on(table.contract),
    )


def _computed_table(file: Path, config: Mapping[str, Any]) -> WatchedTable:
    completed = with_input_cadences(config, file)
    table = read_document(FeatureTableConfiguration, FEATURES, completed, file)
    calendar, is_chained = table.days.calendar, table.function == CHAINED_FUNCTION
    return WatchedTable(
        table.key,
        calendar,
        table.days.last_key,
        _time(table.fresh_within),
        [
            _newest(item, calendar, is_optional=is_chained and name != ROWS)
            for name, item in table.inputs.items()
            if not item.is_snapshot
        ],
        _empty_on(table.contract),
    )


def _newest(item: TableInput, calendar: Calendar, *, is_optional: bool) -> Input:
    """The newest partitions of an input that a partition reads."""
    _, last = item.offsets(calendar)
    of_input = Calendar(item.cadence, calendar.timezone) if item.cadence else None
    return Input(
        item.asset, last, last, is_optional=is_optional, calendar=calendar, input_calendar=of_input
    )


def _time(duration: Duration | None) -> timedelta | None:
    return duration.longest if duration else None


def _empty_on(contract: str | None) -> frozenset[Weekday]:
    return limits(load_contract(contract)).empty_on if contract else frozenset()
