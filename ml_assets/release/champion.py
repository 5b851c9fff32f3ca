"""Which model is in production on a day: read from the stored releases, never from an alias."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, made

BY_GATES = "gates"
"""Who released a model that passed every gate."""


APPROVED = [
    "release_decision.verdict",
    "release_decision.evidence",
    *(f"approvals.{column}" for column in ("number", "action", "evidence", "at", "expires_at")),
]
"""What a contract's ``from`` says of whether a model is released."""


class ChampionModel(Contract):
    """A model that became champion; an as-of day without a row has none that did."""

    fingerprint: str = made(
        "What identifies the model.", ["release_decision.challenger", *APPROVED]
    )
    version: int = made("Its version in the registry; 0 in a backtest.", ["{registered}"], ge=0)
    serves_from: str = made(
        "First day it serves: the as-of day, or a later one.",
        ["release_decision.verdict", "approvals.serves_from"],
    )
    released_by: str = made(
        "'gates', or who approved it.",
        ["release_decision.verdict", "approvals.by", "approvals.number"],
    )
    evidence: str = made("Hash of the evidence it was released on.", ["release_decision.evidence"])
    metric: str = made("The main metric.", ["release_decision.metric"])
    value: float = made(
        "That metric on the test rows.", ["release_decision.challenger_value"], nullable=True
    )
    training_days: int = made("Days it was fitted on.", ["release_decision.training_days"], ge=0)
    training_last: str = made("Last of these days.", ["release_decision.training_last"])
    replaces: str = made(
        "As-of day of the champion before; empty for none.", ["release_decision.champion_as_of"]
    )

    class Config:
        """One model per as-of day, or none."""

        unique: ClassVar = ["fingerprint"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


@dataclass(frozen=True)
class Champion:
    """A model that was released.

    Attributes:
        as_of: its as-of day.
        fingerprint: what identifies it.
        value: its main metric on the test rows of its release.
        training_days: days it was fitted on.
        training_last: last of these days.
        metric: the main metric.
        serves_from: first day it serves.
    """

    as_of: str
    fingerprint: str
    value: float
    training_days: int
    training_last: str
    metric: str
    serves_from: str


def champions_of(releases: pd.DataFrame, days: Sequence[str]) -> dict[str, Champion]:
    """The champion of each day: of the models that serve by then, the one with the newest as-of day.

    Args:
        releases: rows of the ``ChampionModel`` contract, ``ds`` is the as-of day.
        days: days wanted.

    Returns:
        day → champion, for the days that have one.
    """
    found = _newest_first(releases)
    serving = {
        day: next((champion for champion in found if champion.serves_from <= day), None)
        for day in days
    }
    return {day: champion for day, champion in serving.items() if champion is not None}


def newest(releases: pd.DataFrame) -> Champion | None:
    """The released model with the newest as-of day, also while it does not serve yet.

    Args:
        releases: rows of the ``ChampionModel`` contract.
    """
    return next(iter(_newest_first(releases)), None)


def _newest_first(releases: pd.DataFrame) -> list[Champion]:
    return [
        Champion(
            as_of=row[DAY],
            fingerprint=row["fingerprint"],
            value=float(row["value"]),
            training_days=int(row["training_days"]),
            training_last=row["training_last"],
            metric=row["metric"],
            serves_from=row["serves_from"],
        )
        for row in releases.sort_values(DAY, ascending=False).to_dict("records")
    ]
