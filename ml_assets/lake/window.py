"""Some days of a table, as they are when it is asked for, read later or not at all."""

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
    """Some days of a table, at one version, read when asked.

    Attributes:
        table: table name, ``pipeline/noun``.
        days: the days that were asked for.
        hashes: day → content hash of those among them that are stored.
        version: table version they are read at; None when the table does not exist.
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
            LakeMismatch: no day is stored, or rows are not those that were recorded.
        """
        asked = self.days if days is None else days
        wanted = [day for day in asked if day in self.hashes]
        if not wanted:
            raise LakeMismatch(
                f"{self.table} has no stored day among {span(asked)}, expected at least one. "
                "Materialize it first."
            )
        hashes = {day: self.hashes[day] for day in wanted}
        return self.lake.read(
            self.table, wanted, columns=columns, version=self.version, hashes=hashes
        )

    def reads(self, days: Sequence[str] | None = None) -> list[Read]:
        """What reading these days means for the ledger; absent days count."""
        return [
            Read(self.table, day, self.hashes.get(day, ""), self.version)
            for day in (self.days if days is None else days)
        ]


def span(days: Sequence[str]) -> str:
    """Some days in few words."""
    return str(days[0]) if len(days) == 1 else f"{min(days)}…{max(days)} ({len(days)} days)"
