"""Parts of a model card that are derived from stored tables: verdict, features, inputs."""

from collections.abc import Sequence

import pandas as pd

from ml_assets import nouns
from ml_assets.content import digest
from ml_assets.contracts.contract import Contract, columns, unit
from ml_assets.ledger.entries import Read, Status, grouped
from ml_assets.planning.plan import Plan
from ml_assets.registry.latency import IntegrationOutcome
from ml_assets.release.champion import BY_GATES
from ml_assets.reports.card import Feature, TableVersion


def card_is_known(planned: Plan, noun: str, day: str) -> bool:
    """Whether a table is stored; a skipped champion is known too."""
    window = planned.windows[noun]
    if day in window.hashes or noun != nouns.CHAMPION:
        return day in window.hashes
    entry = window.lake.ledger.latest(window.table, [day]).get(day)
    return entry is not None and entry.status is Status.SKIPPED


def card_verdict(champion: pd.DataFrame, fingerprint: str, tests: pd.DataFrame) -> tuple[str, str]:
    """Verdict on a version, and who released it; empty if it passed the gates."""
    released = champion[champion["fingerprint"] == fingerprint]
    if len(released):
        by = str(released["released_by"].iloc[0])
        return "released", "" if by == BY_GATES else by
    problems = {
        IntegrationOutcome.FAILED: "failed",
        IntegrationOutcome.NOT_MEASURED: "could not be measured",
    }
    outcomes = [
        f"{', '.join(names)} {problem}"
        for outcome, problem in problems.items()
        if len(names := tests.loc[tests["outcome"] == outcome, "test"])
    ]
    return f"not released: {'; '.join(outcomes)}" if outcomes else "not released", ""


def card_features(contract: type[Contract], names: Sequence[str]) -> list[Feature]:
    """Input columns with the descriptions of their contract."""
    known = columns(contract)
    return [Feature(name, known[name].description or "", unit(known[name]) or "") for name in names]


def card_tables(reads: Sequence[Read]) -> list[TableVersion]:
    """Each table that was read, with one hash over its days."""
    tables = grouped((read.table, read) for read in reads if read.content_hash)
    return [
        TableVersion(
            table=table,
            days=len(of_table),
            content_hash=digest(*(f"{read.day} {read.content_hash}" for read in of_table)),
        )
        for table, of_table in tables.items()
    ]
