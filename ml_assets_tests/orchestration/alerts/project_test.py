"""What is in the project is known only while nothing in it is broken."""

import dagster as dg

from ml_assets.alerts.project import Project
from ml_assets.cadence import DAYS
from ml_assets.components.broken import broken_asset, broken_folder
from ml_assets.orchestration.alerts.project import project_of


@dg.asset(key_prefix="shop")
def orders() -> None:
    """A table of the project."""


@dg.asset(key_prefix="shop", partitions_def=dg.DailyPartitionsDefinition("2013-01-01"))
def returns() -> None:
    """A table with partitions."""


@dg.asset(key_prefix="shop", partitions_def=dg.StaticPartitionsDefinition(["north", "south"]))
def regions() -> None:
    """A table with partitions that are no time."""


DEFINED = dg.Definitions([orders, returns, regions])


def test_the_project_has_the_tables_of_its_definitions_and_their_folders() -> None:
    tables = {"shop/orders": None, "shop/returns": DAYS, "shop/regions": None}
    assert project_of(DEFINED.resolve_asset_graph()) == Project({"shop"}, tables)


def test_while_a_pipeline_or_a_folder_is_broken_the_project_is_not_known() -> None:
    for broken in (broken_asset("trains/rides", "no file"), broken_folder("trains", "no file")):
        graph = dg.Definitions.merge(DEFINED, broken).resolve_asset_graph()

        assert project_of(graph) is None
