"""Where the page of a pipeline is while ``ml-assets dashboard`` runs."""

from ml_assets import nouns

HOST, PORT = "127.0.0.1", 3001
"""This machine only; the port beside that of Dagster's UI."""

SECTION_OF = {
    nouns.PERFORMANCE: "performance",
    nouns.PERFORMANCE_REPORT: "performance",
    nouns.DRIFT_REPORT: "drift",
    nouns.RETRAINING_DECISION: "decisions",
    nouns.RELEASE_DECISION: "decisions",
    nouns.CHAMPION: "health",
    nouns.MODEL_CARD: "card",
}
"""Noun of an asset → the section of the page that shows it."""


def address_of(pipeline: str, noun: str) -> str:
    """URL of the section that shows an asset of a pipeline; empty for one that no section shows."""
    section = SECTION_OF.get(noun)
    return f"http://{HOST}:{PORT}/{pipeline}.html#{section}" if section else ""
