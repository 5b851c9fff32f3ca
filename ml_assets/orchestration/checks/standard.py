"""The standard checks of every table with a contract."""

from collections.abc import Sequence

import dagster as dg

from ml_assets.content import DAY, columns_of
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.day import day_contract
from ml_assets.contracts.validation import validate
from ml_assets.lake.remedy import partition_option
from ml_assets.ledger.entries import LOST, Entry
from ml_assets.orchestration.assets.table_storing import CONTRACT_CHECK
from ml_assets.orchestration.assets.usual_days import describe_unusual
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck

VERSION_CHECK = "rows_match_data_version"
DEAD_LETTER_CHECK = "no_dead_letters"
DAY_CHECK = "day_is_usual"

OLDER_CONTRACT = "older contract"
"""Start of the reason if a day was stored before columns were added to its contract."""


def standard_checks(
    contract: type[Contract], *, keeps_dead_letters: bool = True
) -> list[TableCheck]:
    """The checks of any table with a contract."""
    checks = [
        TableCheck(
            CONTRACT_CHECK,
            f"The day is stored, and each of its rows meets the contract {contract.__name__}.",
            lambda stored: _meets_contract(stored, contract),
        ),
        TableCheck(
            VERSION_CHECK,
            "The stored rows match the recorded data version, so they are unaltered.",
            _rows_match_data_version,
        ),
    ]
    if keeps_dead_letters:
        checks.append(
            TableCheck(
                DEAD_LETTER_CHECK,
                "No row of the day was rejected. Rejected rows are in the dead-letter table.",
                _no_dead_letters,
                dg.AssetCheckSeverity.WARN,
            )
        )
    if day := day_contract(contract):
        checks.append(
            TableCheck(
                DAY_CHECK,
                f"The day as a whole meets the day contract {day.__name__}: its row count, shares "
                "and rates are within the usual range.",
                lambda stored: {
                    name: DayVerdict(not problem, problem)
                    for name, problem in describe_unusual(
                        stored.lake, stored.table, stored.stored, stored.rows, day
                    ).items()
                },
                dg.AssetCheckSeverity.WARN,
            )
        )
    return checks


def _meets_contract(stored: StoredDays, contract: type[Contract]) -> dict[str, DayVerdict]:
    """Days that meet the contract; rows that this run wrote were validated before writing."""
    if stored.is_just_written:
        return dict.fromkeys(stored.stored, DayVerdict(True))
    older = {
        day: missing
        for day in stored.stored
        if (missing := missing_columns(stored.entries[day].schema, contract))
    }
    lost = {day: why for day, why in stored.damage.items() if why.startswith(LOST)}
    judged = [day for day in stored.stored if day not in older and day not in lost]
    reasons = dict(lost)
    for part in stored.parts:
        of_part = sorted({*judged} & {*part[DAY]})
        checked = validate(part[part[DAY].isin(of_part)], contract, of_part)
        broken = checked.dead_letters.drop_duplicates(DAY)
        reasons |= dict(zip(broken[DAY], broken["rule"], strict=True))
        reasons |= checked.quarantined
    return {
        day: DayVerdict(False, _older_contract(stored.entries[day], older[day]), is_warning=True)
        if day in older
        else DayVerdict(day not in reasons, reasons.get(day, ""))
        for day in stored.stored
    }


def missing_columns(schema: str, contract: type[Contract]) -> list[str]:
    """Columns of a contract that the schema of a stored day does not have."""
    stored = columns_of(schema) if schema else columns(contract)
    return [name for name in columns(contract) if name not in stored]


def _older_contract(entry: Entry, missing: Sequence[str]) -> str:
    message = (
        f"{OLDER_CONTRACT}: the day was stored before its contract had {', '.join(missing)}, and can "
        "be used. "
    )
    if entry.is_final:
        return message + "It is never computed again, because its rows record what was done."
    option = partition_option(entry.day)
    return message + f"To compute it again, run 'ml-assets recompute {entry.table}{option}'"


def _rows_match_data_version(stored: StoredDays) -> dict[str, DayVerdict]:
    """Also quarantines altered and lost days, so that they are not used until they are rewritten."""
    damaged = [stored.entries[day] for day in stored.damage]
    stored.lake.ledger.quarantine(damaged, stored.damage)
    return {
        day: DayVerdict(day not in stored.damage, stored.damage.get(day, ""))
        for day in stored.stored
    }


def _no_dead_letters(stored: StoredDays) -> dict[str, DayVerdict]:
    return {
        day: DayVerdict(not count, f"{count} rows were rejected" if count else "")
        for day in stored.stored
        for count in [stored.entries[day].dead_letters]
    }
