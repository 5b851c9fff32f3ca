"""Model cards: purpose, metrics, release and data of a model version, as Markdown and HTML.

The assets collect the values. ``model_card.md.jinja`` is the template of the Markdown; every value
is escaped unless it is ``_Markdown``. The HTML is rendered from the Markdown. ``skops.card.Card``
is not used: without a model object it only adds headings and tables, and does not escape pipes or
HTML.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ml_assets.learning.evaluation import OVERALL
from ml_assets.learning.metrics import METRICS
from ml_assets.learning.specification import Classes, Task
from ml_assets.registry.serving import ServingRecord
from ml_assets.release.evidence.fairness import GAP

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent

MEANINGS = {
    **{name: metric.meaning for name, metric in METRICS.items()},
    "true_positive_rate": "Share of the positive rows of a group that are flagged.",
    "false_positive_rate": "Share of the negative rows of a group that are flagged.",
    "relative_error": "Mean absolute error of a group, relative to that of all rows.",
}
"""Metric → description."""


@dataclass(frozen=True)
class Feature:
    """An input column, with the description of its contract."""

    name: str
    description: str
    unit: str = ""


@dataclass(frozen=True)
class TableVersion:
    """A table that the model was trained on: number of days, and one hash of their rows."""

    table: str
    days: int
    content_hash: str


@dataclass(frozen=True)
class Check:
    """A gate or an integration test, with its result."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class Data:
    """Training and test rows of a version, with their first and last days."""

    training_first: str
    training_last: str
    training_rows: int
    test_first: str
    test_last: str
    test_rows: int
    tables: Sequence[TableVersion]


@dataclass(frozen=True)
class CardContents:
    """The contents of a card.

    Attributes:
        pipeline: name of the pipeline.
        version: version of the model in the registry.
        fingerprint: fingerprint of the model.
        as_of: as-of day.
        purpose: purpose of the model, in whole sentences.
        owners: teams or persons.
        verdict: promoted, blocked, waiting for approval, ….
        decided_by: the person who decided; empty for the gates.
        task: classification, multiclass or regression.
        estimator: import path.
        hyperparameters: arguments of the estimator.
        label: name of the label column.
        classes: classes of a multiclass task; empty for other tasks.
        features: input columns.
        data: rows and tables.
        main_metric: the metric that releases are decided on.
        metrics: test rows of the ``Evaluation`` contract.
        comparison: rows of the ``Comparison`` contract, and ``is_judged``.
        champion: as-of day of the champion in the comparison; empty if it is with the base rate.
        fairness: rows of the ``Fairness`` contract; empty if no groups were compared.
        gates: the gates of the release.
        approvals: ``at``, ``by``, ``action``, ``reason`` of each record, maybe ``remark``.
        integration_tests: tests of the stored model; empty if they have not run.
        serving: what predicts for batches and services; None before it is known.
        limits: unsuitable uses and known weaknesses, a sentence each.
        code_version: version of the training code.
        library_versions: library → version.
        confidence: confidence of the intervals.
    """

    pipeline: str
    version: str
    fingerprint: str
    as_of: str
    purpose: str
    owners: Sequence[str]
    verdict: str
    decided_by: str
    task: Task
    estimator: str
    hyperparameters: Mapping[str, Any]
    label: str
    features: Sequence[Feature]
    data: Data
    main_metric: str
    metrics: pd.DataFrame
    comparison: pd.DataFrame
    champion: str
    fairness: pd.DataFrame
    gates: Sequence[Check]
    approvals: Sequence[Mapping[str, Any]]
    integration_tests: Sequence[Check]
    serving: ServingRecord | None
    limits: Sequence[str]
    code_version: str
    library_versions: Mapping[str, str]
    confidence: float = 0.95
    classes: Classes = ()


def markdown(card: CardContents) -> str:
    """The card as Markdown (CommonMark with tables); the same text for the same contents."""
    metrics, comparison = _records(card.metrics), _records(card.comparison)
    fairness = _records(card.fairness)
    template = _environment().get_template("model_card.md.jinja")
    return template.render(
        card=card,
        opponent=f"the champion (as of {card.champion})" if card.champion else "the base rate",
        other="Champion" if card.champion else "Base rate",
        failed=[gate for gate in card.gates if not gate.passed],
        overall=_overall(metrics, card.main_metric),
        segments=_by_segment(metrics, card.main_metric),
        compared=_overall(comparison, card.main_metric),
        compared_segments=[row for row in comparison if row["segment_column"] != OVERALL],
        gaps=[row for row in fairness if row["group"] == GAP],
        groups=[row for row in fairness if row["group"] != GAP],
        meanings=MEANINGS,
    )


def html(card: CardContents) -> str:
    """The card as a self-contained HTML document; the same text for the same contents."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    page = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    return page.get_template("model_card.html.jinja").render(
        title=f"Model card: {card.pipeline}, version {card.version}",
        body=renderer.render(markdown(card)),
    )


class _Markdown(str):
    """Markdown, which is not escaped."""

    __slots__ = ()


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701  Markdown is escaped by finalize
        loader=FileSystemLoader(HERE),
        finalize=_escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "signed": lambda value: _number(value, "+"),
        "bounds": _bounds,
        "count": lambda value: f"{value:,.0f}",
        "code": _code,
        "result": lambda passed: _Markdown("passed" if passed else "**failed**"),
    }
    return environment


_MARKUP = re.compile(r"[\\`*\[\]|~#]|(?<![^\W_])_|_(?![^\W_])")
"""Markup anywhere in a line; underscores only at the edge of a word."""

_BLOCK = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[+=-]+(?:\s|$)))")
"""Markup at the beginning of a line: lists, rules and underlines of headings."""

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def _escaped(value: Any) -> str:
    """A value as one line of escaped Markdown."""
    if isinstance(value, _Markdown):
        return value
    line = " ".join(str(value).split())
    line = _MARKUP.sub(lambda found: f"\\{found[0]}", line).translate(_ENTITIES)
    return _BLOCK.sub(r"\1\\", line)


def _code(text: str) -> str:
    """An identifier as code; anything else stays text, which is escaped later."""
    return _Markdown(f"`{text}`") if re.fullmatch(r"[\w.:/+=@-]+", text) else text


def _number(value: float | None, sign: str = "") -> str:
    """A number with digits by its size; a dash for none."""
    if value is None or math.isnan(value):
        return "–"
    size = abs(value)
    digits = ".4f" if size < 10 else ",.2f" if size < 1000 else ",.0f"
    return f"{value:{sign}z{digits}}"


def _bounds(row: Mapping[str, Any]) -> _Markdown:
    """The interval of a row, to append to its value; empty for none."""
    if pd.isna(row["low"]) or pd.isna(row["high"]):
        return _Markdown("")
    return _Markdown(f" [{_number(row['low'])}, {_number(row['high'])}]")


def _records(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return frame.to_dict("records")


def _overall(rows: Sequence[dict[Any, Any]], main: str) -> list[dict[Any, Any]]:
    """Rows of overall metrics, the main metric first."""
    overall = [row for row in rows if row["segment_column"] == OVERALL]
    return sorted(overall, key=lambda row: row["metric"] != main)


def _by_segment(rows: Sequence[dict[Any, Any]], main: str) -> list[dict[str, Any]]:
    """A table per segment column: its segments, the largest first, with a cell for each metric."""
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["segment_column"] != OVERALL:
            segments = tables.setdefault(row["segment_column"], {})
            segments.setdefault(row["segment"], {})[row["metric"]] = row
    return [_segment_table(column, segments, main) for column, segments in tables.items()]


def _segment_table(
    column: str, segments: Mapping[str, dict[str, Any]], main: str
) -> dict[str, Any]:
    names = dict.fromkeys(metric for cells in segments.values() for metric in cells)
    metrics = sorted(names, key=lambda metric: metric != main)
    none = {"value": None, "low": None, "high": None}
    listed = [
        {
            "name": name,
            "rows": max(row["rows"] for row in cells.values()),
            "cells": [cells.get(metric, none) for metric in metrics],
        }
        for name, cells in segments.items()
    ]
    listed.sort(key=lambda segment: (-segment["rows"], segment["name"]))
    return {"column": column, "metrics": metrics, "segments": listed}
