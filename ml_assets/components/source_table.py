"""Template: one table of a source system, extracted by day, validated and stored.

A day whose source rows did not change is not written again. The contract defines which rows and
days are valid, see ``contracts``.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cached_property

import dagster as dg
import pandas as pd

from ml_assets.components.configured import Configured
from ml_assets.components.source_checks import SourceChecks
from ml_assets.components.source_content import SourceContent
from ml_assets.components.source_days import SourceDays
from ml_assets.configuration.objects import load_contract
from ml_assets.configuration.tables import SourceTableConfiguration
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.contracts.contract import Contract, described, refuse_longer_partitions
from ml_assets.contracts.lineage import copied_lineage
from ml_assets.contracts.validation import Validated, combine, schema_problem, validate
from ml_assets.lake.store import Lake
from ml_assets.orchestration.assets.table_output import TableOutput, in_parts
from ml_assets.orchestration.assets.tables import (
    dead_letter_spec,
    statistics_of_days,
    table_asset,
    table_spec,
)
from ml_assets.orchestration.checks.checks import table_checks
from ml_assets.orchestration.partitions import Partitions, partitions
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import Plan, merge, plan, with_kept, with_unskipped
from ml_assets.provenance.code import code_version
from ml_assets.settings import settings
from ml_assets.sources.connections import Connections
from ml_assets.workspace import Workspace

READING = {"connection", "table", "query", "files", "time_column", "time_format", "time_zone"}
"""Keys of the configuration that determine which rows are read."""

SOURCE_KEY = "ml_assets/source"
"""Definition metadata of a source table: its configuration."""


class SourceTable(Configured[SourceTableConfiguration]):
    """A table of a source system as a partitioned, validated asset."""

    configuration = SourceTableConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The table, its source table, its dead letters and its checks."""
        del context
        connections = Connections(settings().connection_urls)
        connections.refuse_unusable(self.config.key, self.config.specification)
        days = self.config.days
        refuse_longer_partitions(self._contract, days.calendar if days else None)
        spec = self._spec
        origin = dg.AssetSpec(
            key=self.config.origin.split("/"),
            description=f"{self.config.what}, maintained by their owner.",
            kinds={"file" if self.config.files else "sql"},
            owners=self.config.owners,
            group_name=spec.group_name,
            partitions_def=self._partitions,
        )

        return dg.Definitions(
            assets=[
                origin,
                table_asset(spec, self._extract),
                dead_letter_spec(spec, self._contract),
            ],
            asset_checks=[
                table_checks(spec.key, self._partitions, SourceChecks(self, self._contract).all())
            ],
        )

    @cached_property
    def _contract(self) -> type[Contract]:
        return load_contract(self.config.contract)

    @cached_property
    def _partitions(self) -> Partitions | None:
        return partitions(self.config.days) if self.config.days else None

    @property
    def _source_input(self) -> Input:
        if self.config.days is None:
            return Input(self.config.origin, is_snapshot=True)
        return Input(self.config.origin, calendar=self.config.days.calendar)

    @cached_property
    def _version(self) -> str:
        read = self.config.model_dump(include=READING, exclude_none=True)
        return code_version(self._contract, read)

    @cached_property
    def _spec(self) -> dg.AssetSpec:
        return table_spec(
            self.config.key,
            self._contract,
            copied_lineage(self._contract, self.config.origin),
            stage="tables",
            description=self.config.description or described(self._contract),
            owners=self.config.owners,
            kinds={"pandas", "deltalake"},
            version=self._version,
            partitions_def=self._partitions,
            deps=[dg.AssetDep(self.config.origin.split("/"))],
            metadata={SOURCE_KEY: self.config.model_dump(mode="json")},
        )

    def _extract(self, workspace: Workspace, days: Sequence[str]) -> TableOutput:
        source_days = self._source_days(workspace.connections, workspace.lake)
        return in_parts(
            days,
            lambda part: self._extract_part(
                workspace, source_days, part, is_last=part[-1] == days[-1]
            ),
        )

    def _extract_part(
        self,
        workspace: Workspace,
        source_days: SourceDays | None,
        days: Sequence[str],
        *,
        is_last: bool,
    ) -> TableOutput:
        connections, lake = workspace.connections, workspace.lake
        extracted = [
            self._extract_chunk(connections, lake, source_days, chunk)
            for chunk in _chunks(source_days, days)
        ]
        planned = merge([part for part, _, _ in extracted])
        validated = combine([part for _, part, _ in extracted])
        if source_days is not None and is_last:
            unplaced = source_days.unplaced(self._contract)
            letters = pd.concat([validated.dead_letters, unplaced], ignore_index=True)
            validated = replace(validated, dead_letters=letters)
        return TableOutput(
            planned,
            validated,
            self._version,
            day_metadata=statistics_of_days(
                lake, self.config.key, planned, validated.rows, self.config.statistics
            ),
            has_all_unplaced_rows=source_days is not None and is_last,
            unreadable={day: why for _, _, part in extracted for day, why in part.items()},
        )

    def _extract_chunk(
        self,
        connections: Connections,
        lake: Lake,
        source_days: SourceDays | None,
        days: Sequence[str],
    ) -> tuple[Plan, Validated, dict[str, str]]:
        """Planned and validated days, and those that cannot be read and keep their stored rows."""
        raw, unreadable = self._read(connections, source_days, days)
        content = self._content(lake, source_days)
        kept_days = content.record(days, raw, unreadable, is_extracted=True)
        planned = plan(
            lake,
            self.config.key,
            days,
            {"source": self._source_input},
            self._version,
        )
        planned = with_kept(planned, lake.ledger.latest(self.config.key, sorted(kept_days)))
        planned = with_unskipped(planned, [day for day in unreadable if day in planned.skipped])
        wanted = raw[raw[DAY].isin(planned.compute)] if planned.unchanged else raw
        reasons = source_days.why_empty(planned.compute, wanted) if source_days else {}
        validated = validate(wanted, self._contract, planned.compute, reasons)
        refused = {day: unreadable[day] for day in planned.compute if day in unreadable}
        kept = {day: unreadable[day] for day in unreadable if day in planned.unchanged}
        return planned, replace(validated, quarantined={**validated.quarantined, **refused}), kept

    def chunks(
        self, connections: Connections, lake: Lake, days: Sequence[str]
    ) -> list[Sequence[str]]:
        """Consecutive parts of days, or the snapshot, each of which is read at once."""
        return _chunks(self._source_days(connections, lake), days)

    def source_days(self, connections: Connections, lake: Lake) -> SourceDays:
        """The source days of a table with days."""
        assert self._partitions is not None
        return SourceDays(
            connections.source(self.config.specification),
            lake,
            self.config.key,
            self.config.time_column,
            self.config.max_age.longest if self.config.max_age else timedelta(),
            self._partitions,
        )

    def _source_days(self, connections: Connections, lake: Lake) -> SourceDays | None:
        """The source days of the table; None for a snapshot."""
        return None if self._partitions is None else self.source_days(connections, lake)

    def _content(self, lake: Lake, source_days: SourceDays | None) -> SourceContent:
        return SourceContent(
            lake.ledger, self.config.key, self.config.origin, self._contract, source_days
        )

    def _read(
        self, connections: Connections, source_days: SourceDays | None, days: Sequence[str]
    ) -> tuple[pd.DataFrame, dict[str, str]]:
        """Raw rows with ``ds``, and day → why it cannot be read or used.

        If the columns of the source do not match the contract, stored days keep their rows and
        other days are quarantined.
        """
        unreadable: dict[str, str] = {}
        if source_days is None:
            rows = connections.source(self.config.specification).snapshot()
            raw = rows.assign(**{DAY: SNAPSHOT})
        else:
            raw, unreadable = source_days.read(days, self._contract)
        if problem := schema_problem(raw, self._contract):
            unreadable = dict.fromkeys(days, problem) | unreadable
        return raw, unreadable

    def record_source(
        self,
        connections: Connections,
        lake: Lake,
        days: Sequence[str],
        source_days: SourceDays | None = None,
    ) -> dict[str, str]:
        """Record the current source content of some days in the ledger.

        Args:
            connections: the source systems.
            lake: lake whose ledger records it.
            days: the days.
            source_days: the source days of the table, if the caller has opened them.

        Returns:
            Day → why it cannot be read.
        """
        if not days:
            return {}
        source_days = source_days or self._source_days(connections, lake)
        raw, unreadable = self._read(connections, source_days, days)
        self._content(lake, source_days).record(days, raw, unreadable)
        return unreadable

    def gone_from_source(
        self, connections: Connections, lake: Lake, days: Sequence[str]
    ) -> set[str]:
        """Stored days whose rows the source has deleted."""
        source_days = self.source_days(connections, lake)
        raw, unreadable = self._read(connections, source_days, days)
        return source_days.gone([day for day in days if day not in unreadable], raw)


def _chunks(source_days: SourceDays | None, days: Sequence[str]) -> list[Sequence[str]]:
    return [days] if source_days is None else source_days.chunks(days)
