"""Pipelines and tables of the project, so that alerts about removed ones end."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ml_assets.cadence import Calendar

PROJECT = "project"
"""Pipeline of alerts that are about none."""


@dataclass(frozen=True)
class Project:
    """Everything that alerts may be about.

    Attributes:
        pipelines: names of pipelines and of folders of source tables.
        tables: asset key → its partitions; None without any.
    """

    pipelines: Collection[str]
    tables: Mapping[str, Calendar | None]

    def absence(self, pipeline: str, subject: str) -> str:
        """Why an alert cannot be about anything; empty if what it is about is in the project.

        Args:
            pipeline: its pipeline, or folder of source tables.
            subject: its subject; that of a table begins with the asset key.
        """
        if pipeline != PROJECT and pipeline not in self.pipelines:
            return f"the pipeline {pipeline} is no longer in the project"
        table = subject.partition(" ")[0]
        if "/" in table and table not in self.tables:
            return f"the table {table} is no longer in the project"
        return ""
