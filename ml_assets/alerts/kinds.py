"""Kinds of alerts: their level and what each means. The runbook of a kind is the section of docs/runbooks.md with its name."""

from dataclasses import dataclass

from ml_assets.alerts.finding import Level

RUNBOOKS = "docs/runbooks.md"


def runbook(name: str) -> str:
    """Page and section that say what to do about a check or a kind of alert.

    Args:
        name: its name.
    """
    return f"{RUNBOOKS}#{name}"


@dataclass(frozen=True)
class Kind:
    """A kind of alert.

    Attributes:
        name: the name, as in ``Finding.kind``.
        level: its level.
        meaning: what it means, one sentence.
    """

    name: str
    level: Level
    meaning: str

    @property
    def runbook(self) -> str:
        """Page and section that say what to do."""
        return runbook(self.name)


_ALL = (
    Kind("run_failed", Level.WARNING, "A run failed and is not retried any more."),
    Kind("check_failed", Level.WARNING, "A check of severity ERROR fails on stored partitions."),
    Kind("day_quarantined", Level.WARNING, "Partitions of a table are quarantined and not used."),
    Kind("many_dead_letters", Level.WARNING, "More rows than usual of a table were rejected."),
    Kind("feature_drifted", Level.INFO, "Features are further from their reference than usual."),
    Kind(
        "performance_dropped", Level.CRITICAL, "A metric of the champion is worse than its limit."
    ),
    Kind(
        "table_stale",
        Level.WARNING,
        "A table has no partition that is as new as its 'fresh_within' demands.",
    ),
    Kind(
        "features_degraded", Level.WARNING, "Predictions were made with stale or missing features."
    ),
    Kind(
        "decision_waits",
        Level.WARNING,
        "A release or a prediction waits for the approval of a person.",
    ),
    Kind("champion_rolled_back", Level.CRITICAL, "The champion was replaced by an earlier model."),
    Kind("not_delivered", Level.WARNING, "Notifications of alerts did not reach a route."),
    Kind(
        "not_evaluated",
        Level.WARNING,
        "Alerts are not up to date, because one of their sources failed.",
    ),
    Kind("high_risk_prediction", Level.WARNING, "Predictions match a rule for high-risk cases."),
)

KINDS = {kind.name: kind for kind in _ALL}
"""Name → kind."""
