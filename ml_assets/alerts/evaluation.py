"""Evaluates sources: what all of them find, and what they looked at. One that fails stops no other."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ml_assets.alerts.finding import Finding
from ml_assets.alerts.project import PROJECT
from ml_assets.alerts.state import Evaluation
from ml_assets.errors import MLAssetsError

log = logging.getLogger(__name__)

NOT_EVALUATED = "not_evaluated"
"""Kind of the alert that a source failed."""


@dataclass(frozen=True)
class Source:
    """A function that finds alerts of one kind.

    Attributes:
        kind: their kind.
        find: returns all that is wrong now.
        pipeline: the pipeline that it looks at; None for all.
    """

    kind: str
    find: Callable[[], Iterable[Finding]]
    pipeline: str | None = None


def evaluate(sources: Sequence[Source]) -> Evaluation:
    """The findings of some sources; a source that fails is a finding itself.

    Args:
        sources: sources; those of one kind look at different things.
    """
    findings: list[Finding] = []
    failed: list[Source] = []
    for source in sources:
        try:
            findings += source.find()
        except Exception as error:  # whatever a source reads may be broken
            failed.append(source)
            failure = _failure(source, error)
            if failure not in findings:
                log.warning(failure.message, exc_info=_unexpected(error))
                findings.append(failure)
    return Evaluation(findings, {**_judged(sources, failed), NOT_EVALUATED: None})


def _judged(sources: Sequence[Source], failed: Sequence[Source]) -> dict[str, set[str] | None]:
    """Kind → pipelines that all sources of the kind looked at."""
    of_kind: dict[str, set[str | None]] = defaultdict(set)
    for source in sources:
        of_kind[source.kind].add(source.pipeline)
    for source in failed:
        of_kind[source.kind].discard(source.pipeline)
        if source.pipeline is None:
            of_kind[source.kind].clear()
    return {
        kind: None if None in pipelines else {name for name in pipelines if name}
        for kind, pipelines in of_kind.items()
    }


def _failure(source: Source, error: Exception) -> Finding:
    return Finding(
        kind=NOT_EVALUATED,
        pipeline=source.pipeline or PROJECT,
        subject=source.kind,
        message=f"{_what(source.kind)}: {type(error).__name__}: {error}",
    )


def _unexpected(error: Exception) -> Exception | None:
    """An error whose message does not say what to do, so that its traceback is needed."""
    return None if isinstance(error, MLAssetsError) else error


def _what(kind: str) -> str:
    if kind == NOT_EVALUATED:
        return "the configuration is not usable, so its alerts cannot be evaluated"
    return f"{kind} cannot be evaluated"
