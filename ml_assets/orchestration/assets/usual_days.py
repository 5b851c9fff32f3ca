"""Compares days of a table with its earlier days, whose row counts are in the ledger."""

from collections.abc import Sequence
from itertools import chain

import pandas as pd

from ml_assets.contracts.contract import Contract
from ml_assets.contracts.day import DayContract, day_contract
from ml_assets.contracts.day_verdicts import judge, measure, with_days_judged
from ml_assets.contracts.usual import history_of
from ml_assets.contracts.validation import Validated
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import row_counts


def quarantine_unusual(
    lake: Lake, table: str, validated: Validated, contract: type[Contract] | None
) -> Validated:
    """Quarantine the computed days of a run that break their day contract.

    Args:
        lake: lake whose ledger records the earlier days.
        table: table name.
        validated: result of the row contract.
        contract: the row contract; without one, or without a day contract, nothing is judged.
    """
    if contract is None or day_contract(contract) is None:
        return validated
    return with_days_judged(validated, contract, _counts(lake, table, list(validated.row_counts)))


def describe_unusual(
    lake: Lake, table: str, days: Sequence[str], rows: pd.DataFrame, contract: type[DayContract]
) -> dict[str, str]:
    """Day → violated bounds of the day contract as text; empty if there are none.

    Args:
        lake: lake whose ledger records the earlier days.
        table: table name.
        days: stored days.
        rows: their rows, with ``ds``.
        contract: the day contract.
    """
    measures = measure(rows, days, _counts(lake, table, days), contract)
    quarantined, warnings = judge(measures, contract)
    return {
        day: "; ".join(chain(filter(None, [quarantined.get(day)]), warnings.get(day, ())))
        for day in days
    }


def _counts(lake: Lake, table: str, days: Sequence[str]) -> dict[str, int]:
    history = history_of(days)
    return row_counts(lake.ledger.latest(table, history)) if history else {}
