"""Rebuilding a training dataset and a model from recorded table versions.

The dataset is stored in a temporary lake and read from there, as in the pipeline, so that types and
the order of rows are the same. ``reproduce`` compares the result with the recorded model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pandas as pd

from ml_assets.configuration.objects import dataset_contract_of
from ml_assets.content import DAY, day_hashes
from ml_assets.contracts.contract import columns
from ml_assets.contracts.validation import validate
from ml_assets.errors import TrainingError
from ml_assets.lake.store import Lake
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT, DatasetSpecification
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import FittedModel
from ml_assets.ledger.entries import Read
from ml_assets.ledger.ledger import Ledger
from ml_assets.lineage.changes import ChangedDays
from ml_assets.lineage.recorded import RecordedModel, readable_version
from ml_assets.lineage.reproduction.recipes import Recipe

TABLE = "dataset"

Fit: TypeAlias = Callable[[ModelSpecification, pd.DataFrame], FittedModel]
"""From a specification and the rows of a dataset to a model."""


@dataclass(frozen=True)
class RecordedInput:
    """Recorded reads of one table.

    Attributes:
        table: table name.
        reads: the recorded reads.
        version: version at which the rows can be read now; None for the newest.
    """

    table: str
    reads: Sequence[Read]
    version: int | None

    @property
    def days(self) -> list[str]:
        """The days."""
        return [read.day for read in self.reads]


@dataclass(frozen=True)
class RebuiltModel:
    """Hashes of a rebuilt dataset and model.

    Attributes:
        dataset: content hash of the dataset.
        fingerprint: fingerprint of the model.
    """

    dataset: str
    fingerprint: str


def recorded_input(lake: Lake, recorded: RecordedModel, table: str) -> RecordedInput:
    """The reads that the dataset of a model recorded for a table.

    Raises:
        LakeMismatch: the table version was deleted, and the days changed since.
    """
    reads = [
        read for read in recorded.dataset.entry.reads if read.table == table and read.content_hash
    ]
    return RecordedInput(table, reads, readable_version(lake, reads))


def rebuild(  # noqa: PLR0917
    lake: Lake,
    features: RecordedInput,
    labels: RecordedInput,
    recipe: Recipe,
    as_of: str,
    fit: Fit,
) -> tuple[str, FittedModel]:
    """Build the dataset of an as-of day from recorded inputs, and make a model of it.

    Args:
        lake: the lake with the inputs.
        features: recorded reads of the features.
        labels: recorded reads of the labels.
        recipe: specifications of dataset and model.
        as_of: the as-of day.
        fit: makes the model.

    Returns:
        Content hash of the dataset, and the model.

    Raises:
        TrainingError: no dataset or no model can be made from the rows.
    """
    with TemporaryDirectory() as folder:
        scratch = Lake(folder, Ledger(f"sqlite:///{folder}/ledger.db"))
        dataset = _store_dataset(lake, scratch, features, labels, recipe.dataset, as_of)
        used = [*recipe.model.features, recipe.model.label, SPLIT]
        rows = scratch.read(TABLE, [as_of], columns=used)
    return dataset, fit(recipe.model, rows)


def altered_days(lake: Lake, found: RecordedInput) -> ChangedDays:
    """Days whose stored rows differ from the recorded hashes."""
    hashes = {read.day: read.content_hash for read in found.reads}
    return ChangedDays(found.table, lake.differing_days(found.table, hashes, found.version))


def _store_dataset(  # noqa: PLR0917
    lake: Lake,
    scratch: Lake,
    features: RecordedInput,
    labels: RecordedInput,
    specification: DatasetSpecification,
    as_of: str,
) -> str:
    contract = dataset_contract_of(specification)
    added = {FEATURE_DAY, SPLIT, specification.label, specification.known_at}
    used = [name for name in (DAY, *columns(contract)) if name not in added]
    validated = validate(
        specification.build(
            lake.scan(features.table, features.days, columns=used, version=features.version),
            lake.scan(
                labels.table,
                labels.days,
                columns=specification.label_columns,
                version=labels.version,
            ),
            as_of,
        ),
        contract,
        [as_of],
    )
    if reason := validated.quarantined.get(as_of):
        raise TrainingError(f"the dataset breaks its contract: {reason}")
    scratch.write(TABLE, validated.rows, [as_of])
    return day_hashes(validated.rows, [as_of])[as_of]
