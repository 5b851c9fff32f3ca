"""What was recorded of a model that was trained: its version, what it read, its run and its code.

A day may have been trained again since, so all entries of a day are looked at, not only the latest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status, usable_hashes
from ml_assets.lineage.pipelines import PipelineTables
from ml_assets.names import unknown
from ml_assets.provenance.code import Code
from ml_assets.provenance.provenance import Run


@dataclass(frozen=True)
class ModelReference:
    """A model that was trained.

    Attributes:
        version: its version in the registry; None when it was not registered.
        as_of: its as-of day.
        fingerprint: what identifies it.
    """

    version: int | None
    as_of: str
    fingerprint: str


@dataclass(frozen=True)
class Made:
    """A day that was stored, with what stands behind it.

    Attributes:
        entry: its entry, with what it read.
        run: the run that wrote it; None when it was not recorded.
        code: the code that computed it; None when it was not recorded.
    """

    entry: Entry
    run: Run | None
    code: Code | None


@dataclass(frozen=True)
class RecordedModel:
    """What was recorded of a model.

    Attributes:
        pipeline: whose model.
        version: its version in the registry; None when it was not registered.
        model: how the model was made.
        dataset: how the dataset was made that it was fitted on.
    """

    pipeline: PipelineTables
    version: int | None
    model: Made
    dataset: Made

    @property
    def as_of(self) -> str:
        """Its as-of day."""
        return self.model.entry.day

    @property
    def fingerprint(self) -> str:
        """What identifies it."""
        return self.model.entry.content_hash


def registered_versions(lake: Lake, pipeline: PipelineTables) -> list[ModelReference]:
    """All versions, by number; also those of days that were released again since."""
    table = pipeline.table("registered_model")
    days = sorted(lake.ledger.latest(table))
    found = {
        int(row["version"]): ModelReference(int(row["version"]), row[DAY], row["fingerprint"])
        for history in lake.ledger.histories(table, days).values()
        for rows in _different_rows(lake, history)
        for row in rows.to_dict("records")
    }
    return [found[number] for number in sorted(found)]


def trained_version(lake: Lake, pipeline: PipelineTables, version: int) -> ModelReference:
    """The model of a version.

    Raises:
        ConfigurationError: there is no such version; those that there are, are given.
    """
    known = {str(found.version): found for found in registered_versions(lake, pipeline)}
    if str(version) not in known:
        raise unknown(f"version of {pipeline.name}", str(version), known)
    return known[str(version)]


def trained_day(lake: Lake, pipeline: PipelineTables, as_of: str) -> ModelReference:
    """The latest model of an as-of day, whether it was released or not.

    Raises:
        ConfigurationError: there is no such model; the nearest day is given.
    """
    known = usable_hashes(lake.ledger.latest(pipeline.table("model")))
    if as_of not in known:
        raise unknown(f"model of {pipeline.name} as of", as_of, known)
    return trained_model(lake, pipeline, as_of, known[as_of])


def trained_model(
    lake: Lake, pipeline: PipelineTables, as_of: str, fingerprint: str
) -> ModelReference:
    """The model of an as-of day with a fingerprint, and its version where it has one."""
    versions = registered_versions(lake, pipeline)
    of_it = (found.version for found in versions if found.fingerprint == fingerprint)
    return ModelReference(next(of_it, None), as_of, fingerprint)


def recorded_model(lake: Lake, pipeline: PipelineTables, trained: ModelReference) -> RecordedModel:
    """What was recorded of a model.

    Raises:
        LakeMismatch: the ledger does not know how it was made.
    """
    model = made(
        lake,
        pipeline.table("model"),
        trained.as_of,
        lambda entry: entry.content_hash == trained.fingerprint,
    )
    table = pipeline.table("training_dataset")
    content = {read.content_hash for read in model.entry.reads if read.table == table}
    dataset = made(
        lake,
        table,
        trained.as_of,
        lambda entry: entry.content_hash in content and is_no_later(entry, model.entry),
    )
    return RecordedModel(pipeline, trained.version, model, dataset)


def stored_for(lake: Lake, recorded: RecordedModel, noun: str) -> pd.DataFrame | None:
    """Rows that another table of the pipeline has of a model, or of its dataset.

    Args:
        lake: where they are.
        recorded: the model.
        noun: second part of the table's name.

    Returns:
        The newest rows that were computed from this model or its dataset; None when there are
        none, or they are gone.
    """
    history = lake.ledger.history(recorded.pipeline.table(noun), recorded.as_of)
    model, dataset = recorded.model.entry, recorded.dataset.entry

    def is_of_it(entry: Entry) -> bool:
        read = {item.table: item.content_hash for item in entry.reads if item.day == entry.day}
        if model.table in read:
            return read[model.table] == model.content_hash
        return read.get(dataset.table) == dataset.content_hash

    return next(_different_rows(lake, [entry for entry in history if is_of_it(entry)]), None)


def championship(lake: Lake, recorded: RecordedModel) -> Mapping[Any, Any] | None:
    """The row of table ``champion`` by which a model was released; None when it never was."""
    history = lake.ledger.history(recorded.pipeline.table("champion"), recorded.as_of)
    rows = (row for rows in _different_rows(lake, history) for row in rows.to_dict("records"))
    return next((row for row in rows if row["fingerprint"] == recorded.fingerprint), None)


def dataset_rows(lake: Lake, recorded: RecordedModel, columns: Sequence[str]) -> pd.DataFrame:
    """Rows of the dataset that a model was fitted on.

    Raises:
        LakeMismatch: they are gone.
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
    """The version of a table at which some days are as they were read, None for the newest.

    The content counts, not the number: where the recorded version is gone, the newest one serves
    if the ledger says that it holds the same rows.

    Args:
        lake: where the table is.
        reads: days of one table, all read at one version.

    Raises:
        LakeMismatch: the version is gone and some days hold other rows now.
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
                f"version {version} of {table} is gone (vacuumed), and the newest holds other rows "
                f"of {shown_days(other)}"
            ) from None
        return None
    return version


def made(lake: Lake, table: str, day: str, is_it: Callable[[Entry], bool]) -> Made:
    """The newest stored content of a day that is the one meant, with what stands behind it.

    Raises:
        LakeMismatch: the ledger knows of none.
    """
    stored = [entry for entry in lake.ledger.history(table, day) if entry.status is Status.STORED]
    entry = next(filter(is_it, reversed(stored)), None)
    if entry is None:
        raise LakeMismatch(
            f"The ledger has no entry of {table} {day} with the content that was used, so nothing "
            "is known of how it was made. Restore the ledger from a backup."
        )
    return Made(entry, lake.provenance.run(entry.run_id), lake.provenance.code(entry.code_version))


def is_no_later(entry: Entry, than: Entry) -> bool:
    """Whether an entry was written when another was."""
    at, other = entry.written_at, than.written_at
    return at is None or other is None or at <= other


def shown_days(days: Sequence[str]) -> str:
    """Some days in few words."""
    if len(days) <= 3:
        return ", ".join(days)
    return f"{days[0]}, {days[1]} … {days[-1]} ({len(days)} days)"


def _different_rows(lake: Lake, history: Sequence[Entry]) -> Iterator[pd.DataFrame]:
    """Rows of each content that a day had, the newest first; what is gone is left out."""
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
