"""The check that the online store has what a feature table has."""

from collections.abc import Mapping

from ml_assets.online.comparison import Comparison, compare
from ml_assets.online.definition import OnlineTable
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck

ONLINE_CHECK = "online_equals_offline"


def online_check(online: OnlineTable) -> TableCheck:
    """The check of a table that is in the online store."""
    return TableCheck(
        ONLINE_CHECK,
        "Each entity of the partition is in the online store with the partition's values, bit for bit, "
        "or with those of a later partition.",
        lambda stored: _equal_online(stored, online),
    )


def _equal_online(stored: StoredDays, online: OnlineTable) -> Mapping[str, DayVerdict]:
    found: dict[str, Comparison] = {}
    for part in stored.parts:
        found |= compare(stored.workspace.online, online, part)
    return {
        day: _verdict(found.get(day) or Comparison(), online.table, day) for day in stored.stored
    }


def _verdict(found: Comparison, table: str, day: str) -> DayVerdict:
    is_warning = bool(found.left) and not found.problems
    is_equal = not (found.left or found.problems)
    return DayVerdict(is_equal, found.sentence(table, day), is_warning)
