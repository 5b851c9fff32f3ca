"""The content of a source table in the ledger, by which a changed day of the source is detected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ml_assets.components.source_days import SourceDays
from ml_assets.content import DAY, columns_of
from ml_assets.contracts.contract import Contract, columns
from ml_assets.ledger.entries import Entry, Status, usable_hashes
from ml_assets.ledger.ledger import Ledger
from ml_assets.sources.fingerprint import observed_schema, raw_fingerprints


@dataclass(frozen=True)
class SourceContent:
    """Records of a source table's content.

    Attributes:
        ledger: where it is recorded.
        table: the table's name in the lake.
        origin: the name of the source table in the ledger.
        contract: the table's contract.
        source_days: the days of the source; None for a snapshot.
    """

    ledger: Ledger
    table: str
    origin: str
    contract: type[Contract]
    source_days: SourceDays | None

    def record(
        self,
        days: Sequence[str],
        raw: pd.DataFrame,
        unreadable: Mapping[str, str],
        *,
        is_extracted: bool = False,
    ) -> set[str]:
        """Record source content in the ledger if it has changed.

        A day that was recorded under another contract is compared on the columns of that contract
        until it is extracted again, because a new contract column does not change the source.

        Args:
            days: the days that were read.
            raw: (n, columns) their raw rows, with ``ds``.
            unreadable: day → why it cannot be read.
            is_extracted: whether the rows are extracted with the present contract now.

        Returns:
            Stored days that cannot be extracted again, because the source deleted their rows or
            they cannot be read. They keep their rows, and their latest source entry in the ledger
            is again the one from which the rows were extracted.
        """
        known = self.ledger.latest(self.origin, days)
        schema = observed_schema(raw, columns(self.contract))
        schemas = {schema} if is_extracted else {known[day].schema for day in known} | {schema}
        found = {name: raw_fingerprints(raw, days, columns_of(name)) for name in schemas if name}
        changed = [
            day
            for day in days
            if day not in unreadable
            and (
                day not in known
                or found.get(known[day].schema, found[schema])[day] != known[day].content_hash
            )
        ]
        gone = self.source_days.gone(changed, raw) if self.source_days else set()
        counts = raw[DAY].value_counts()
        self.ledger.append(
            [
                Entry(
                    self.origin,
                    day,
                    Status.STORED,
                    content_hash=found[schema][day],
                    rows=int(counts.get(day, 0)),
                    schema=schema,
                )
                for day in changed
                if day not in gone
            ]
        )
        kept = usable_hashes(self.ledger.latest(self.table, list(unreadable))) if unreadable else {}
        self.ledger.append(
            [
                Entry(self.origin, day, Status.QUARANTINED, reason=reason)
                for day, reason in unreadable.items()
                if day not in kept
                and (day not in known or known[day].status is not Status.QUARANTINED)
            ]
        )
        kept_days = gone | {*kept}
        self.ledger.append(self._as_extracted(sorted(kept_days)))
        return kept_days

    def _as_extracted(self, days: Sequence[str]) -> list[Entry]:
        """Entries that restore the source state from which stored days were extracted.

        Returns:
            The source entries that the days were extracted from, if newer ones follow.
        """
        now = self.ledger.latest(self.origin, days)
        used = {
            day: read.content_hash
            for day, reads in self.ledger.reads(self.table, days, [Status.STORED]).items()
            for read in reads
            if read.table == self.origin and read.content_hash
        }
        changed = [day for day in used if day in now and now[day].content_hash != used[day]]
        return [
            next(entry for entry in reversed(history) if entry.content_hash == used[day])
            for day, history in self.ledger.histories(self.origin, changed).items()
        ]
