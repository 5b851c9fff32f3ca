"""A small project for the tests of this folder: two tables by day, an observed source, checks.

``Source`` is what the outside world holds; a test changes it between runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import yaml
from dagster._core.instance import DagsterInstance

from ml_assets.cadence import Span
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.orchestration.assets.table_io import CONTRACT_KEY
from ml_assets.orchestration.checks.checks import table_checks
from ml_assets.orchestration.checks.standard import standard_checks
from ml_assets.orchestration.resources import resources

SPAN = Span("2024-01-01", "2024-01-10")
DAYS = SPAN.days()
BAD_DAY = "2024-01-05"
GOOD_DAYS = [day for day in DAYS if day != BAD_DAY]
LETTER_DAY = "2024-01-07"
"""A good day that has one rejected row."""

RAW = dg.AssetKey(["shop", "raw"])
DOUBLED = dg.AssetKey(["shop", "doubled"])
SIGHTING = dg.AssetKey(["shop", "sighting"])
PLAIN = dg.AssetKey(["shop", "plain"])
BROKEN = dg.AssetKey(["shop", "broken"])
TABLES = {RAW, DOUBLED}

DAILY = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-11")


class Numbers(Contract):
    """Numbers of a day; at most half of them may be rejected."""

    id: int = pa.Field(description="Which number.")
    value: float = pa.Field(ge=0, description="The number.")

    class Config:
        """One row for each id and day; a day has rows."""

        unique = ["id"]
        metadata = {"max_dead_letter_share": 0.5}


CONTRACT = f"{Numbers.__module__}.{Numbers.__name__}"


@dataclass
class Source:
    """Day → values of that day's rows; negative ones break the contract."""

    values: dict[str, list[float]] = field(
        default_factory=lambda: {
            **{day: [float(number), 2.0, 3.0] for number, day in enumerate(DAYS)},
            BAD_DAY: [-1.0, -2.0, -3.0],
            LETTER_DAY: [-1.0, 2.0, 3.0],
        }
    )

    def rows(self, days: list[str]) -> pd.DataFrame:
        """The rows of some days, with ``ds``."""
        return pd.DataFrame(
            [
                {DAY: day, "id": DAYS.index(day) * 100 + number, "value": value}
                for day in days
                for number, value in enumerate(self.values[day])
            ],
            columns=[DAY, "id", "value"],
        )


def definitions(source: Source) -> dg.Definitions:
    """The project over a source."""
    common = {
        "partitions_def": DAILY,
        "backfill_policy": dg.BackfillPolicy.single_run(),
    }

    @dg.asset(key=RAW, code_version="7", metadata={CONTRACT_KEY: CONTRACT}, **common)
    def raw(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return source.rows(list(context.partition_keys))

    @dg.asset(
        key=DOUBLED,
        code_version="8",
        metadata={CONTRACT_KEY: CONTRACT},
        ins={"raw": dg.AssetIn(RAW)},
        **common,
    )
    def doubled(raw: pd.DataFrame) -> pd.DataFrame:
        return raw.assign(value=raw["value"] * 2)

    @dg.observable_source_asset(key=SIGHTING, partitions_def=DAILY)
    def sighting() -> dg.DataVersionsByPartition:
        return dg.DataVersionsByPartition({day: f"seen-{day}" for day in DAYS})

    @dg.asset(key=PLAIN, code_version="1", **common)
    def plain() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"kind": "stock"}, tags={"team": "a"})

    @dg.asset(key=BROKEN, **common)
    def broken() -> None:
        raise RuntimeError("broken on purpose")

    return dg.Definitions(
        assets=[raw, doubled, sighting, plain, broken],
        asset_checks=[table_checks(key, DAILY, standard_checks(Numbers)) for key in (RAW, DOUBLED)],
        resources=resources(),
        executor=dg.in_process_executor,
    )


def instance(folder: Path, storage: Mapping[str, object] | None) -> DagsterInstance:
    """A Dagster instance at home in ``folder``; stock SQLite storage when None is given."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"telemetry": {"enabled": False}, **({"storage": storage} if storage else {})}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return DagsterInstance.from_config(str(folder))


OURS: Mapping[str, object] = {
    "custom": {
        "module": "ml_assets.orchestration.storage.instance",
        "class": "InstanceStorage",
        "config": {},
    }
}
"""The storage that the project's ``dagster.yaml`` names."""


def materializations(
    of: DagsterInstance, key: dg.AssetKey, run_id: str | None = None
) -> Iterator[tuple[str | None, dg.AssetMaterialization]]:
    """Partition and materialization of each event of an asset, oldest first."""
    records = of.fetch_materializations(key, limit=10_000, ascending=True).records
    for record in records:
        if run_id in (None, record.run_id):
            assert record.asset_materialization is not None
            yield record.partition_key, record.asset_materialization
