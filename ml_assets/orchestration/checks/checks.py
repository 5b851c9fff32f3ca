"""The checks every table has, run on what is stored: after materializing it, or alone.

They are a step of their own per table, so that a failing day ends the run as failed, naming the
day, without stopping anything downstream of the good days.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg
import pandas as pd

from ml_assets.content import DAY, SNAPSHOT, columns_of
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.day import day_contract
from ml_assets.contracts.validation import validate
from ml_assets.lake.remedy import partition_option
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import LOST, Entry, Status
from ml_assets.orchestration.assets.table_io import CONTRACT_CHECK, table_name
from ml_assets.orchestration.assets.usual_days import unusual
from ml_assets.orchestration.partitions import days_of_run
from ml_assets.orchestration.runs.retries import retried
from ml_assets.orchestration.storage.range_events import log_check_evaluations

VERSION_CHECK = "rows_match_data_version"
DEAD_LETTER_CHECK = "no_dead_letters"
DAY_CHECK = "day_is_usual"

OLDER_CONTRACT = "older contract"
"""How the reason begins where a day was stored before its contract gained columns."""

CHECKS_STEP = "__checks"
"""How the key of a table's check step ends."""


@dataclass(frozen=True)
class Verdict:
    """Result of one check for one day."""

    passed: bool
    reason: str = ""
    is_warning: bool = False
    """Whether not passing is a warning, whatever the check's severity."""


@dataclass(frozen=True)
class StoredDays:
    """What a check looks at: the stored state of some days of one table."""

    table: str
    days: Sequence[str]
    entries: Mapping[str, Entry]
    rows: pd.DataFrame
    """Rows of the stored days, with ``ds``."""
    damage: Mapping[str, str] = field(default_factory=dict)
    """Stored day → why its rows are not those that were recorded, where they are not."""
    parts: Sequence[pd.DataFrame] = ()
    """The same rows, those that were stored with one schema together and typed by it."""
    is_just_written: bool = False
    """Whether the run that checks them also wrote them."""

    @property
    def stored(self) -> list[str]:
        """Days that have rows that may be read."""
        return [day for day in self.days if self._status(day) is Status.STORED]

    @property
    def skipped(self) -> set[str]:
        """Days that have no rows because of what they are made from."""
        return {day for day in self.days if self._status(day) is Status.SKIPPED}

    def absence(self, day: str) -> Verdict:
        """The verdict on a day that is not stored."""
        status = self._status(day)
        if status is None:
            return Verdict(False, "not materialized")
        if status is Status.WRITING:
            return Verdict(False, "a run died while writing it: materialize it again")
        return Verdict(False, f"{status.value}: {self.entries[day].reason}")

    def _status(self, day: str) -> Status | None:
        return self.entries[day].status if day in self.entries else None


_NO_ROWS = pd.DataFrame({DAY: pd.Series([], dtype="str")})

CheckFunction = Callable[[StoredDays], Mapping[str, Verdict]]


@dataclass(frozen=True)
class TableCheck:
    """A promise about a table and the function that judges it for stored days."""

    name: str
    description: str
    judge: CheckFunction
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    reads_rows: bool = True
    fails_run: bool = True
    """Whether a day that does not pass ends the run as failed. A gate that blocks has done its work."""


def standard_checks(
    contract: type[Contract], *, keeps_dead_letters: bool = True
) -> list[TableCheck]:
    """The checks of any table with a contract."""
    checks = [
        TableCheck(
            CONTRACT_CHECK,
            f"The day is stored, and each of its rows keeps the contract {contract.__name__}.",
            lambda stored: _meets_contract(stored, contract),
        ),
        TableCheck(
            VERSION_CHECK,
            "The stored rows are those whose data version was recorded: nobody changed them since.",
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
                f"The day as a whole keeps the day contract {day.__name__}: its row count, shares "
                "and rates are as on other days.",
                lambda stored: {
                    name: Verdict(not told, told)
                    for name, told in unusual(
                        Lake.of_project(), stored.table, stored.stored, stored.rows, day
                    ).items()
                },
                dg.AssetCheckSeverity.WARN,
            )
        )
    return checks


def table_checks(
    key: dg.AssetKey,
    partitions_def: dg.PartitionsDefinition | None,
    checks: Sequence[TableCheck],
    *,
    is_sparse: bool = False,
    skipped_fails: bool = True,
) -> dg.AssetChecksDefinition:
    """One step that runs a table's checks, each executable by itself, with a result per day.

    Args:
        key: the table's asset key.
        partitions_def: its partitions; None for a snapshot.
        checks: what to check.
        is_sparse: the table has only the days that were asked for; others are not judged.
        skipped_fails: whether a skipped day fails its checks; otherwise it is a warning, as the
            table that caused it fails its own.
    """
    by_name = {check.name: check for check in checks}
    with warnings.catch_warnings():
        # partitions_def on a check is a preview of the pinned Dagster; range_events_test guards it.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        specs = [
            dg.AssetCheckSpec(
                check.name,
                asset=key,
                description=check.description,
                partitions_def=partitions_def,
                metadata={"severity": check.severity.value},
            )
            for check in checks
        ]

    @dg.multi_asset_check(specs=specs, can_subset=True, name=f"{'__'.join(key.path)}{CHECKS_STEP}")
    def run_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.Output[None]]:
        selected = [spec for spec in specs if spec.key in context.selected_asset_check_keys]
        with retried(context.retry_number):
            stored = read_stored(
                table_name(key),
                _days_to_check(context, key, partitions_def, is_sparse=is_sparse),
                with_rows=any(by_name[spec.name].reads_rows for spec in selected),
            )
            stored = replace(stored, is_just_written=_is_written_by(context.run, key))
            evaluations = [
                evaluation
                for spec in selected
                for evaluation in _evaluations(
                    by_name[spec.name], key, stored, skipped_fails=skipped_fails
                )
            ]
        if not _names_days(context, partitions_def):
            evaluations += [_summary(by_name[spec.name], key, evaluations) for spec in selected]
        log_check_evaluations(context, evaluations)
        _fail_on_errors(
            stored,
            [
                item
                for item in evaluations
                if by_name[item.check_name].fails_run and (item.partition or not partitions_def)
            ],
        )
        for spec in selected:
            yield dg.Output(None, output_name=spec.get_python_identifier())

    return run_checks


def _is_written_by(run: dg.DagsterRun, key: dg.AssetKey) -> bool:
    """Whether the run executes the asset's own step as well, before this one."""
    return "__".join(key.path) in (run.step_keys_to_execute or ())


def _names_days(
    context: dg.AssetCheckExecutionContext, partitions_def: dg.PartitionsDefinition | None
) -> bool:
    """Whether the run says which days it covers. "Execute all" in Dagster's UI does not."""
    return partitions_def is None or context.has_partition_key or context.has_partition_key_range


def _days_to_check(
    context: dg.AssetCheckExecutionContext,
    key: dg.AssetKey,
    partitions_def: dg.PartitionsDefinition | None,
    *,
    is_sparse: bool,
) -> list[str]:
    """The days of the run; every day that was ever asked for when the run names none."""
    named = days_of_run(context, partitions_def) if _names_days(context, partitions_def) else None
    if named is not None and not is_sparse:
        return named
    asked_for = sorted(Lake.of_project().ledger.latest(table_name(key), named))
    return asked_for if named is None else [day for day in named if day in asked_for]


def _summary(
    check: TableCheck, key: dg.AssetKey, evaluations: Sequence[dg.AssetCheckEvaluation]
) -> dg.AssetCheckEvaluation:
    """One result for all days: what a run without days was planned to give."""
    of_check = [item for item in evaluations if item.check_name == check.name]
    bad = [item for item in of_check if not item.passed]
    listed = "; ".join(f"{item.partition}: {_reason(item)}" for item in bad[:5])
    reason = f"{len(bad)} of {len(of_check)} days did not pass. {listed}"
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=check.name,
        passed=bool(of_check) and not bad,
        severity=check.severity,
        metadata={
            "days": dg.MetadataValue.int(len(of_check)),
            **({"reason": dg.MetadataValue.text(reason)} if bad else {}),
        },
        blocking=False,
    )


def read_stored(table: str, days: Sequence[str], *, with_rows: bool = True) -> StoredDays:
    """The stored state of some days of a table, with their rows when a check needs them."""
    lake = Lake.of_project()
    entries = lake.ledger.latest(table, days)
    while True:
        usable = {day: entry for day, entry in entries.items() if entry.status is Status.STORED}
        if not usable or not with_rows:
            return StoredDays(table, days, entries, _NO_ROWS)
        parts, damage = lake.recorded_rows(table, usable)
        again = lake.ledger.latest(table, days)
        if again == entries:
            break
        entries = again
    rows = parts[0] if len(parts) == 1 else pd.concat([_NO_ROWS, *parts], ignore_index=True)
    return StoredDays(table, days, entries, rows, damage, parts)


def _evaluations(
    check: TableCheck, key: dg.AssetKey, stored: StoredDays, *, skipped_fails: bool
) -> list[dg.AssetCheckEvaluation]:
    judged = check.judge(stored) if stored.stored else {}
    verdicts = {day: judged[day] if day in judged else stored.absence(day) for day in stored.days}
    warned = set() if skipped_fails else stored.skipped
    return [
        dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=check.name,
            passed=verdict.passed,
            severity=dg.AssetCheckSeverity.WARN
            if day in warned or verdict.is_warning
            else check.severity,
            metadata={"reason": dg.MetadataValue.text(verdict.reason)} if verdict.reason else {},
            partition=None if day == SNAPSHOT else day,
            blocking=False,
        )
        for day, verdict in verdicts.items()
    ]


def _fail_on_errors(stored: StoredDays, evaluations: Sequence[dg.AssetCheckEvaluation]) -> None:
    failed: dict[str, dg.AssetCheckEvaluation] = {}
    for evaluation in evaluations:
        if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
            failed.setdefault(evaluation.partition or SNAPSHOT, evaluation)
    if not failed:
        return
    listed = "; ".join(
        f"{day}: {evaluation.check_name}: {_reason(evaluation)}"
        for day, evaluation in sorted(failed.items())[:10]
    )
    raise dg.Failure(
        f"{stored.table}: {len(failed)} of {len(stored.days)} days failed a check. {listed}. The other days went on. "
        "Repair what is named and materialize these days again.",
        allow_retries=False,
    )


def _reason(evaluation: dg.AssetCheckEvaluation) -> object:
    reason = evaluation.metadata.get("reason")
    return reason.value if reason else "failed"


def _meets_contract(stored: StoredDays, contract: type[Contract]) -> dict[str, Verdict]:
    """What this run wrote was validated before, and ``_rows_match_data_version`` says it is that."""
    if stored.is_just_written:
        return dict.fromkeys(stored.stored, Verdict(True))
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
        day: Verdict(False, _older_contract(stored.entries[day], older[day]), is_warning=True)
        if day in older
        else Verdict(day not in reasons, reasons.get(day, ""))
        for day in stored.stored
    }


def missing_columns(schema: str, contract: type[Contract]) -> list[str]:
    """Columns of a contract that a day does not have, which was stored with a schema."""
    stored = columns_of(schema) if schema else columns(contract)
    return [name for name in columns(contract) if name not in stored]


def _older_contract(entry: Entry, missing: Sequence[str]) -> str:
    told = (
        f"{OLDER_CONTRACT}: the day was stored before its contract had {', '.join(missing)}, and can "
        "be used. "
    )
    if entry.is_final:
        return told + "It stays as it is, because its rows record what was done."
    option = partition_option(entry.day)
    return told + f"To renew it, run 'ml-assets recompute {entry.table}{option}'"


def _rows_match_data_version(stored: StoredDays) -> dict[str, Verdict]:
    """Altered and lost days are quarantined as well, so that nothing uses them until they are rewritten."""
    damaged = [stored.entries[day] for day in stored.damage]
    Lake.of_project().ledger.quarantine(damaged, stored.damage)
    return {
        day: Verdict(day not in stored.damage, stored.damage.get(day, "")) for day in stored.stored
    }


def _no_dead_letters(stored: StoredDays) -> dict[str, Verdict]:
    return {
        day: Verdict(not count, f"{count} rows were rejected" if count else "")
        for day in stored.stored
        for count in [stored.entries[day].dead_letters]
    }
