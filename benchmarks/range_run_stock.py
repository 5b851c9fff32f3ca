"""What ``range_run`` measures of stock Dagster: a chain of assets that do nothing but a check."""

from collections.abc import Iterator

import dagster as dg

ASSETS = 6
CHECK = "meets_contract"
YEAR = dg.DailyPartitionsDefinition("2013-01-01", end_date="2014-01-01")


def asset(number: int) -> dg.AssetsDefinition:
    """One link of the chain, with one check result for the whole range (it can give no more)."""
    key = dg.AssetKey(["bench", f"table_{number}"])

    @dg.asset(
        key=key,
        deps=[["bench", f"table_{number - 1}"]] if number else [],
        partitions_def=YEAR,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version="1",
        check_specs=[dg.AssetCheckSpec(CHECK, asset=key)],
    )
    def empty() -> Iterator[dg.MaterializeResult[None]]:
        yield dg.MaterializeResult(
            data_version=dg.DataVersion("1"),
            check_results=[dg.AssetCheckResult(check_name=CHECK, passed=True)],
        )

    return empty


defs = dg.Definitions(
    assets=[asset(number) for number in range(ASSETS)], executor=dg.in_process_executor
)
