"""A window: days of a table at one version, whose rows are read on demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.errors import LakeMismatch
from ml_assets.ledger.entries import Read

if TYPE_CHECKING:
    from ml_assets.lake.store import Lake


@dataclass(frozen=True)
class Window:
    """Days of a table at one version, whose rows are read on demand.

    Attributes:
        table: table name, ``pipeline/noun``.
        days: the requested days.
        hashes: day → content hash, of the requested days that are stored.
        version: table version at which they are read; None when the table does not exist.
    """

    lake: "Lake"
    table: str
    days: Sequence[str]
    hashes: Mapping[str, str]
    version: int | None

    def read(
        self, columns: Sequence[str] | None = None, days: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Rows of the stored days (of those in ``days`` when given), in the order of the keys.

        Raises:
            LakeMismatch: no day is stored, or rows differ from the recorded ones.
        """
        requested = self.days if days is None else days
        stored = [day for day in requested if day in self.hashes]
        if not stored:
            raise LakeMismatch(
                f"{self.table} has no stored day among {span(requested)}, expected at least one. "
                "Materialize it first."
            )
        hashes = {day: self.hashes[day] for day in stored}
        return self.lake.read(
            self.table, stored, columns=columns, version=self.version, hashes=hashes
        )

    def reads(self, days: Sequence[str] | None = None) -> list[Read]:
        """The reads of these days for the ledger, including missing days."""
        return [
            Read(self.table, day, self.hashes.get(day, ""), self.version)
            for day in (self.days if days is None else days)
        ]


def span(days: Sequence[str]) -> str:
    """Days for a message, as a range with their number."""
    return str(days[0]) if len(days) == 1 else f"{min(days)}…{max(days)} ({len(days)} days)"
