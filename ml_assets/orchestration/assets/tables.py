"""Specs of table assets, built from their contracts, and of their dead-letter tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.dead_letters import DeadLetters
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.orchestration.assets.columns import Lineage, column_metadata, dead_letter_lineage
from ml_assets.orchestration.assets.dead_letters import dead_letters_of
from ml_assets.orchestration.assets.table_io import CONTRACT_KEY, table_name
from ml_assets.orchestration.partitions import days_of_run
from ml_assets.orchestration.runs.retries import attempt
from ml_assets.orchestration.storage.objects import ObjectMetadataValue
from ml_assets.orchestration.workspace_key import WORKSPACE
from ml_assets.planning.plan import Plan
from ml_assets.planning.reopen import reopen
from ml_assets.provenance.code import code_version
from ml_assets.workspace import Workspace

AS_OF_KEY = "ml_assets/as_of"
"""Definition metadata of assets whose partitions are as-of days, computed only on request."""

SPARSE_KEY = "ml_assets/sparse"
"""Definition metadata of assets that have only requested days, so other days are not missing."""

FACT_KEY = "ml_assets/fact"
"""Definition metadata of assets whose stored days are never computed again."""

BROKEN_KEY = "ml_assets/broken"
"""Definition metadata of an asset with an invalid ``defs.yaml``: the error."""

Compute = Callable[[Workspace, Sequence[str]], Any]
"""Called with the workspace and the days of a run; returns what an IO manager stores."""

RECOMPUTE = "ml_assets/recompute"
"""Run tag: with the value ``true`` a run computes its days again even if nothing changed."""


def table_spec(
    key: str,
    contract: type[Contract],
    column_lineage: Lineage,
    *,
    stage: str,
    description: str,
    owners: Sequence[str],
    kinds: set[str],
    version: str,
    partitions_def: dg.PartitionsDefinition | None,
    deps: Sequence[dg.AssetDep] = (),
    is_as_of: bool = False,
    is_table: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> dg.AssetSpec:
    """The spec of a table asset, with its columns taken from the contract.

    Args:
        key: ``pipeline/noun``.
        contract: the table's contract.
        column_lineage: its column lineage.
        stage: second part of the group, after the pipeline.
        description: description for stakeholders.
        owners: ``team:…`` names.
        kinds: Dagster kinds of the asset.
        version: version of the code that computes it.
        partitions_def: its days; None for a snapshot.
        deps: its inputs.
        is_as_of: its partitions are as-of days, computed only on request.
        is_table: whether rows are stored; the contract of a model only describes its predictions.
        metadata: additional definition metadata.
    """
    pipeline = key.split("/", maxsplit=1)[0]
    return dg.AssetSpec(
        key=dg.AssetKey(key.split("/")),
        description=description,
        owners=list(owners),
        kinds=kinds,
        group_name=f"{pipeline}__{stage}",
        code_version=version,
        partitions_def=partitions_def,
        deps=deps,
        metadata={
            **column_metadata(contract, column_lineage),
            **(_table_metadata(key, contract) if is_table else {}),
            **({AS_OF_KEY: True} if is_as_of else {}),
            **(metadata or {}),
        },
    )


def table_asset(
    spec: dg.AssetSpec,
    compute: Compute,
    io_manager_key: str = "io_manager",
) -> dg.AssetsDefinition:
    """The executable asset of a spec: one step for any range of days.

    Args:
        spec: the asset's spec.
        compute: returns what the IO manager stores for the days of a run.
        io_manager_key: key of the IO manager.
    """

    @dg.asset(
        key=spec.key,
        description=spec.description,
        owners=spec.owners,
        kinds=spec.kinds,
        group_name=spec.group_name,
        code_version=spec.code_version,
        partitions_def=spec.partitions_def,
        deps=spec.deps,
        metadata=spec.metadata,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=pool_of(spec.key),
        io_manager_key=io_manager_key,
        required_resource_keys={WORKSPACE},
    )
    def materialize(context: dg.AssetExecutionContext) -> Any:
        workspace: Workspace = context.resources.workspace
        with attempt(workspace, context.retry_number):
            days = days_of_run(context, spec.partitions_def)
            if context.run.tags.get(RECOMPUTE) == "true":
                _reopen(workspace.lake, spec, days)
            return compute(workspace, days)

    return materialize


def _reopen(lake: Lake, spec: dg.AssetSpec, days: Sequence[str]) -> None:
    if reason := refusal_to_recompute(spec):
        raise ConfigurationError(reason)
    reopen(lake.ledger, table_name(spec.key), days)


def refusal_to_recompute(spec: dg.AssetSpec) -> str | None:
    """Why days of a table cannot be computed again on request; None if they can."""
    if not spec.metadata.get(FACT_KEY):
        return None
    return (
        f"{table_name(spec.key)} records what was done on a day, so its stored rows are never "
        "computed again. Days without rows are computed when they are materialized; run without "
        f"the tag {RECOMPUTE}."
    )


def pool_of(key: dg.AssetKey) -> str:
    """The pool that prevents two runs from writing one asset at the same time."""
    return "__".join(key.path)


def dead_letter_spec(of: dg.AssetSpec, contract: type[Contract]) -> dg.AssetSpec:
    """The spec of a table's dead letters, which the table's own step writes."""
    name = dead_letters_of(table_name(of.key))
    return dg.AssetSpec(
        key=dg.AssetKey(name.split("/")),
        description=(
            f"Original rows of {table_name(of.key)} that broke its contract, with the rule. Most "
            "days are empty, because only days with rejected rows are stored."
        ),
        owners=of.owners,
        kinds={"pandas", "deltalake"},
        group_name=of.group_name,
        code_version=code_version(DeadLetters),
        partitions_def=of.partitions_def,
        deps=[dg.AssetDep(of.key)],
        metadata={
            **column_metadata(DeadLetters, dead_letter_lineage(table_name(of.key), contract)),
            **_table_metadata(name, DeadLetters),
        },
    )


def _table_metadata(table: str, contract: type[Contract]) -> dict[str, Any]:
    return {
        "dagster/table_name": table,
        CONTRACT_KEY: ObjectMetadataValue(
            f"{contract.__module__}.{contract.__name__}", instance=contract
        ),
    }


def statistics_of_days(
    lake: Lake, table: str, planned: Plan, computed: pd.DataFrame, names: Sequence[str]
) -> dict[str, dict[str, float | int | str]]:
    """Statistics of all days of a run, including unchanged ones.

    Args:
        lake: lake with the unchanged days.
        table: table name.
        planned: computed and unchanged days.
        computed: rows of the computed days, with ``ds``.
        names: numeric columns of the table.
    """
    if not names or not planned.unchanged:
        return day_statistics(computed, names)
    left = lake.read(table, list(planned.unchanged), columns=[DAY, *names])
    return day_statistics(computed, names) | day_statistics(left, names)


def day_statistics(
    rows: pd.DataFrame, names: Sequence[str]
) -> dict[str, dict[str, float | int | str]]:
    """Mean and share of missing values of some columns for each day, for the UI's plots.

    Args:
        rows: (n, columns) with ``ds``.
        names: numeric columns of ``rows``.
    """
    if rows.empty or not names:
        return {}
    by_day = rows.groupby(DAY)
    means = by_day[list(names)].mean().add_prefix("mean ")
    missing = (1 - by_day[list(names)].count().div(by_day.size(), axis=0)).add_prefix("missing ")
    table = pd.concat([means, missing.loc[:, missing.any()]], axis=1)
    return {
        str(day): {str(name): float(value) for name, value in row.items() if pd.notna(value)}
        for day, row in table.to_dict("index").items()
    }
