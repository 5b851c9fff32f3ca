"""What ``range_run`` measures of ours: a chain of tables with empty days and one check each."""

import dagster as dg
import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.lake.store import Window
from ml_assets.orchestration.assets.table_io import CONTRACT_KEY
from ml_assets.orchestration.checks.checks import table_checks
from ml_assets.orchestration.checks.standard import standard_checks
from ml_assets.orchestration.resources import resources

ASSETS = 6
YEAR = dg.DailyPartitionsDefinition("2013-01-01", end_date="2014-01-01")


class Numbers(Contract):
    """A table whose days may be empty."""

    number: int

    class Config:
        """Every day of the benchmark is empty."""

        metadata = {"may_be_empty": True}


def table(number: int) -> dg.AssetsDefinition:
    """One link of the chain; its input arrives unread."""

    @dg.asset(
        key=["bench", f"table_{number}"],
        ins={"before": dg.AssetIn(["bench", f"table_{number - 1}"], dagster_type=Window)}
        if number
        else {},
        partitions_def=YEAR,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version="1",
        metadata={CONTRACT_KEY: f"{__name__}.{Numbers.__name__}"},
    )
    def empty(**before: Window) -> pd.DataFrame:
        del before
        return pd.DataFrame({DAY: pd.Series([], dtype="str"), "number": pd.Series([], dtype="int")})

    return empty


tables = [table(number) for number in range(ASSETS)]

defs = dg.Definitions(
    assets=tables,
    asset_checks=[table_checks(asset.key, YEAR, standard_checks(Numbers)[:1]) for asset in tables],
    resources=resources(),
    executor=dg.in_process_executor,
)
