"""Records of a trained model: its version, inputs, run and code.

All ledger entries of an as-of day are searched, not only the latest: it may have been retrained.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml_assets import nouns
from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status, usable_hashes
from ml_assets.lineage.graph import stored_reads
from ml_assets.lineage.pipelines import PipelineTables, own_tables
from ml_assets.names import unknown
from ml_assets.provenance.code import Code
from ml_assets.provenance.provenance import Run


@dataclass(frozen=True)
class ModelReference:
    """Identifiers of a trained model.

    Attributes:
        version: version in the model registry; None when it was not registered.
        as_of: as-of day.
        fingerprint: hash that identifies the model.
    """

    version: int | None
    as_of: str
    fingerprint: str


@dataclass(frozen=True)
class RecordedDay:
    """A stored day with its provenance.

    Attributes:
        entry: ledger entry, with its reads.
        run: the run that wrote it; None when it was not recorded.
        code: the code that computed it; None when it was not recorded.
    """

    entry: Entry
    run: Run | None
    code: Code | None


@dataclass(frozen=True)
class RecordedModel:
    """Records of a model and its training dataset.

    Attributes:
        pipeline: pipeline of the model.
        version: version in the model registry; None when it was not registered.
        model: record of the model.
        dataset: record of the dataset that it was trained on.
    """

    pipeline: PipelineTables
    version: int | None
    model: RecordedDay
    dataset: RecordedDay

    @property
    def as_of(self) -> str:
        """The as-of day."""
        return self.model.entry.day

    @property
    def fingerprint(self) -> str:
        """The hash that identifies the model."""
        return self.model.entry.content_hash


def registered_versions(lake: Lake, pipeline: PipelineTables) -> list[ModelReference]:
    """All versions, ordered by number, including those of days that were released again since."""
    table = pipeline.table(nouns.REGISTERED_MODEL)
    days = sorted(lake.ledger.latest(table))
    found = {
        int(row["version"]): ModelReference(int(row["version"]), row[DAY], row["fingerprint"])
        for history in lake.ledger.histories(table, days).values()
        for rows in _distinct_rows(lake, history)
        for row in rows.to_dict("records")
    }
    return [found[number] for number in sorted(found)]


def model_of_version(lake: Lake, pipeline: PipelineTables, version: int) -> ModelReference:
    """The model with a registry version.

    Raises:
        ConfigurationError: the version is unknown.
    """
    known = {str(found.version): found for found in registered_versions(lake, pipeline)}
    if str(version) not in known:
        raise unknown(f"version of {pipeline.name}", str(version), known)
    return known[str(version)]


def model_of_day(lake: Lake, pipeline: PipelineTables, as_of: str) -> ModelReference:
    """The latest model of an as-of day, whether it was released or not.

    Raises:
        ConfigurationError: the day has no model.
    """
    known = usable_hashes(lake.ledger.latest(pipeline.table(nouns.MODEL)))
    if as_of not in known:
        raise unknown(f"model of {pipeline.name} as of", as_of, known)
    return model_of_fingerprint(lake, pipeline, as_of, known[as_of])


def model_of_fingerprint(
    lake: Lake, pipeline: PipelineTables, as_of: str, fingerprint: str
) -> ModelReference:
    """The model with a fingerprint; its version is None when it was not registered."""
    registered = registered_versions(lake, pipeline)
    versions = (found.version for found in registered if found.fingerprint == fingerprint)
    return ModelReference(next(versions, None), as_of, fingerprint)


def recorded_model(lake: Lake, pipeline: PipelineTables, trained: ModelReference) -> RecordedModel:
    """The records of a model and its dataset.

    Raises:
        LakeMismatch: the ledger has no record of them.
    """
    model = recorded_day(
        lake,
        pipeline.table(nouns.MODEL),
        trained.as_of,
        lambda entry: entry.content_hash == trained.fingerprint,
    )
    table = pipeline.table(nouns.TRAINING_DATASET)
    content = {read.content_hash for read in model.entry.reads if read.table == table}
    dataset = recorded_day(
        lake,
        table,
        trained.as_of,
        lambda entry: entry.content_hash in content and is_no_later(entry, model.entry),
    )
    return RecordedModel(pipeline, trained.version, model, dataset)


def members_of(lake: Lake, recorded: RecordedModel) -> dict[str, ModelReference]:
    """Pipeline → the model of it that an ensemble was composed of, as it read them; empty for others."""
    found = {}
    for read in stored_reads(recorded.model.entry):
        name, _, noun = read.table.rpartition("/")
        if noun == nouns.MODEL and name != recorded.pipeline.name:
            found[name] = model_of_fingerprint(lake, own_tables(name), read.day, read.content_hash)
    return found


def rows_of_model(lake: Lake, recorded: RecordedModel, noun: str) -> pd.DataFrame | None:
    """Rows of table ``pipeline/noun`` that were computed from a model or its dataset.

    Returns:
        The newest such rows; None when there are none, or they were deleted.
    """
    history = lake.ledger.history(recorded.pipeline.table(noun), recorded.as_of)
    model, dataset = recorded.model.entry, recorded.dataset.entry

    def is_of_model(entry: Entry) -> bool:
        read = {item.table: item.content_hash for item in entry.reads if item.day == entry.day}
        if model.table in read:
            return read[model.table] == model.content_hash
        return read.get(dataset.table) == dataset.content_hash

    return next(_distinct_rows(lake, [entry for entry in history if is_of_model(entry)]), None)


def champion_row(lake: Lake, recorded: RecordedModel) -> Mapping[Any, Any] | None:
    """The row of table ``champion`` for a model; None when it never was champion."""
    history = lake.ledger.history(recorded.pipeline.table(nouns.CHAMPION), recorded.as_of)
    rows = (row for rows in _distinct_rows(lake, history) for row in rows.to_dict("records"))
    return next((row for row in rows if row["fingerprint"] == recorded.fingerprint), None)


def dataset_rows(lake: Lake, recorded: RecordedModel, columns: Sequence[str]) -> pd.DataFrame:
    """Rows of the dataset that a model was trained on.

    Raises:
        LakeMismatch: they were deleted.
    """
    entry = recorded.dataset.entry
    read = Read(entry.table, entry.day, entry.content_hash, entry.version)
    version = readable_version(lake, [read])
    return lake.read(
        entry.table,
        [entry.day],
        columns=columns,
        version=version,
        hashes={entry.day: entry.content_hash},
    )


def readable_version(lake: Lake, reads: Sequence[Read]) -> int | None:
    """The table version that contains days as they were read; None for the newest.

    If the recorded version was deleted, the newest is used, provided that the ledger has the same
    content hashes for it.

    Args:
        lake: the lake with the table.
        reads: reads of one table, all at one version.

    Raises:
        LakeMismatch: the version was deleted, and some days changed since.
    """
    table, version = reads[0].table, reads[0].version
    days = [read.day for read in reads]
    try:
        lake.scan(table, days, columns=[DAY], version=version)
    except LakeMismatch:
        now = usable_hashes(lake.ledger.latest(table, days))
        other = [read.day for read in reads if now.get(read.day) != read.content_hash]
        if other:
            raise LakeMismatch(
                f"version {version} of {table} was deleted by vacuum, and the newest version has "
                f"different rows for {format_days(other)}"
            ) from None
        return None
    return version


def recorded_day(lake: Lake, table: str, day: str, matches: Callable[[Entry], bool]) -> RecordedDay:
    """The newest stored entry of a day that matches, with its provenance.

    Raises:
        LakeMismatch: the ledger has no such entry.
    """
    stored = [entry for entry in lake.ledger.history(table, day) if entry.status is Status.STORED]
    entry = next(filter(matches, reversed(stored)), None)
    if entry is None:
        raise LakeMismatch(
            f"The ledger has no entry of {table} {day} with the content that was used, so its "
            "provenance is unknown. Restore the ledger from a backup."
        )
    return RecordedDay(
        entry, lake.provenance.run(entry.run_id), lake.provenance.code(entry.code_version)
    )


def is_no_later(entry: Entry, than: Entry) -> bool:
    """Whether an entry was written before another, or at the same time."""
    at, other = entry.written_at, than.written_at
    return at is None or other is None or at <= other


def format_days(days: Sequence[str]) -> str:
    """Days for a message, abbreviated when there are more than three."""
    if len(days) <= 3:
        return ", ".join(days)
    return f"{days[0]}, {days[1]} … {days[-1]} ({len(days)} days)"


def _distinct_rows(lake: Lake, history: Sequence[Entry]) -> Iterator[pd.DataFrame]:
    """Rows of each distinct content of a day, the newest first, without deleted ones."""
    seen: set[str] = set()
    for entry in reversed(history):
        if entry.status is Status.STORED and entry.rows and entry.content_hash not in seen:
            seen.add(entry.content_hash)
            read = Read(entry.table, entry.day, entry.content_hash, entry.version)
            try:
                version = readable_version(lake, [read])
            except LakeMismatch:
                continue
            hashes = {entry.day: entry.content_hash}
            yield lake.read(entry.table, [entry.day], version=version, hashes=hashes)
