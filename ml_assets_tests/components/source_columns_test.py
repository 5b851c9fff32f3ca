"""Column lineage of the source tables: each column depends on its source column and no other.

Three rows are extracted by the asset itself; one value of one column is then another row's.
"""

from types import SimpleNamespace

import dagster as dg
import pandas as pd
import pytest

from ml_assets.configuration import documents
from ml_assets.content import DAY, SNAPSHOT
from ml_assets.orchestration.assets.columns import LINEAGE_KEY
from ml_assets.sources.clock import Clock
from ml_assets.sources.source import Source, placed
from ml_assets.workspace import Workspace
from ml_assets_tests.changed_columns import differences
from ml_assets_tests.project import Project

SOURCES = {
    "flights": ("2013-01-05", ["time_hour", "carrier", "flight"]),
    "weather": ("2013-01-14", ["time_hour"]),
    "planes": (SNAPSHOT, ["tailnum"]),
    "airports": (SNAPSHOT, ["faa"]),
    "airlines": (SNAPSHOT, ["carrier"]),
}
"""Table → a day of it, and columns in which its three rows differ."""

TIED = {"minute": "sched_dep_time", "sched_dep_time": "minute"}
"""Column → another that has to fit it: a row where only one of them changes is rejected."""


@pytest.mark.parametrize("table", SOURCES)
def test_each_column_depends_on_its_source_column_only(
    project: Project, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    day, key = SOURCES[table]
    asset = project.definitions.resolve_assets_def(["sources", table])
    origin = documents.source_tables()[0][f"sources/{table}"].origin
    every = _source_rows(table, day)
    few = _different(every, key)
    before = _extracted(asset, day, few, monkeypatch)
    assert len(before) == len(few)

    found = {
        (origin, column): {
            name
            for name in before.columns
            if sorted(map(str, before[name])) != sorted(map(str, after[name]))
            and name != TIED.get(column)
        }
        for column in every.columns
        if (changed := _with_another_value(few, every, column)) is not None
        for after in [_extracted(asset, day, changed, monkeypatch)]
    }

    reported = asset.get_asset_spec().metadata[LINEAGE_KEY].deps_by_column
    declared = {
        name: [("/".join(source.asset_key.path), source.column_name) for source in sources]
        for name, sources in reported.items()
    }
    assert set(found) >= {source for sources in declared.values() for source in sources}
    assert differences(declared, found) == []


def _source_rows(table: str, day: str) -> pd.DataFrame:
    source = _source(table)
    if day == SNAPSHOT:
        return source.snapshot()
    start = pd.Timestamp(day, tz="America/New_York")
    return source.rows(start, start + pd.Timedelta(days=1)).rows


def _source(table: str) -> Source:
    specification = documents.source_tables()[0][f"sources/{table}"].specification
    return Workspace.of_environment().connections.source(specification)


def _different(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Three rows without a null, where there are some, that share no value of the key."""
    for name in key:
        rows = rows.drop_duplicates(name)
    return rows.sort_values(list(rows.columns), key=lambda values: values.isna()).head(3)


def _with_another_value(few: pd.DataFrame, every: pd.DataFrame, column: str) -> pd.DataFrame | None:
    """The rows with a value of another row in one of them; None where all rows have the same."""
    others = every[every[column].notna() & ~every[column].isin(few[column])]
    if others.empty:
        others = every[every[column].notna() & (every[column] != few[column].iloc[0])]
    if others.empty:
        return None
    changed = few.copy()
    for name in [column, TIED[column]] if column in TIED else [column]:
        changed.iloc[0, changed.columns.get_loc(name)] = others[name].iloc[0]
    return changed


def _extracted(
    asset: dg.AssetsDefinition, day: str, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> pd.DataFrame:
    kind = type(_source(asset.key.path[-1]))
    monkeypatch.setattr(kind, "rows", lambda *asked: placed(rows, Clock("time_hour")))
    monkeypatch.setattr(kind, "snapshot", lambda *asked: rows)
    compute = asset.op.compute_fn.decorated_fn  # type: ignore[union-attr]
    resources = SimpleNamespace(workspace=Workspace.of_environment())
    run = SimpleNamespace(tags={})
    output = compute(
        SimpleNamespace(retry_number=0, partition_keys=[day], run=run, resources=resources)
    )
    return output.validated.rows.drop(columns=DAY)
