"""The champion, the model in production on a day: from the stored releases, never from an alias."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, computed

BY_GATES = "gates"
"""Value of ``released_by`` for a model that passed every gate."""


APPROVED = [
    "release_decision.verdict",
    "release_decision.evidence",
    *(f"approvals.{column}" for column in ("number", "action", "evidence", "at", "expires_at")),
]
"""Source columns of the fact that a model is released, for the ``from`` of contracts."""


class ChampionModel(Contract):
    """A model that became champion; no row if the model of the as-of day did not."""

    fingerprint: str = computed(
        "Fingerprint of the model.", ["release_decision.challenger", *APPROVED]
    )
    version: int = computed("Version in the registry; 0 in a backtest.", ["{registered}"], ge=0)
    serves_from: str = computed(
        "First day that the model serves: the as-of day or later.",
        ["release_decision.verdict", "approvals.serves_from"],
    )
    released_by: str = computed(
        "'gates', or the person who approved the release.",
        ["release_decision.verdict", "approvals.by", "approvals.number"],
    )
    evidence: str = computed("Hash of the evidence of the release.", ["release_decision.evidence"])
    metric: str = computed("The main metric.", ["release_decision.metric"])
    value: float = computed(
        "Main metric on the test rows.", ["release_decision.challenger_value"], nullable=True
    )
    training_days: int = computed(
        "Number of training days.", ["release_decision.training_days"], ge=0
    )
    training_last: str = computed("Last training day.", ["release_decision.training_last"])
    replaces: str = computed(
        "As-of day of the previous champion; empty for none.", ["release_decision.champion_as_of"]
    )

    class Config:
        """One model per as-of day, or none."""

        unique: ClassVar = ["fingerprint"]
        metadata: ClassVar = {"may_be_empty": True, "max_dead_letter_share": 0.0}


@dataclass(frozen=True)
class Champion:
    """A released model.

    Attributes:
        as_of: as-of day.
        fingerprint: hash that identifies the model.
        value: main metric on the test rows of the release.
        training_days: number of training days.
        training_last: last training day.
        metric: name of the main metric.
        serves_from: first day that the model serves.
    """

    as_of: str
    fingerprint: str
    value: float
    training_days: int
    training_last: str
    metric: str
    serves_from: str


def champion_by_day(
    releases: pd.DataFrame, days: Sequence[str], made_by: Mapping[str, str] | None = None
) -> dict[str, Champion]:
    """The champion of each day: the model with the newest as-of day that serves on it.

    Args:
        releases: rows of the ``ChampionModel`` contract; ``ds`` is the as-of day.
        days: days to find the champion of.
        made_by: day → the last as-of day of a model that can predict it; the day itself when omitted.

    Returns:
        Day → champion, for the days that have one.
    """
    found = _newest_first(releases)
    serving = {
        day: next(
            (
                champion
                for champion in found
                if champion.as_of <= (made_by or {}).get(day, day) and champion.serves_from <= day
            ),
            None,
        )
        for day in days
    }
    return {day: champion for day, champion in serving.items() if champion is not None}


def newest(releases: pd.DataFrame) -> Champion | None:
    """The released model with the newest as-of day, even if it does not serve yet.

    Args:
        releases: rows of the ``ChampionModel`` contract.
    """
    return next(iter(_newest_first(releases)), None)


def champion_advice(as_of: str) -> str:
    """The advice before files of the champion are deleted.

    Args:
        as_of: its as-of day.
    """
    return (
        f"It is the champion, the model as of {as_of}: restore its folder from a backup if there is "
        "one. Materialized again it is the same model only if its data and code are the same; nothing "
        "is predicted until it is, or until another model is released."
    )


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
