"""Replay of history: step by step, with real runs and the real sensor function.

Each step scores and measures several days, then makes the retraining decision on the last of them.
Runs that the retraining sensor requests are executed before the next step; those that it requests
at the end are left to the daemon. Performance, which no decision reads, is measured once a month.
"""

from collections.abc import Callable, Collection, Iterator

import dagster as dg

from ml_assets import nouns
from ml_assets.cadence import Span, shifted
from ml_assets.orchestration.resources import sensor_context
from ml_assets.orchestration.runs.runs import RunOutcome, materialize

SCORING = (
    nouns.PREDICTIONS,
    nouns.LABELS,
    nouns.FEATURE_PROFILE,
    nouns.DRIFT_REPORT,
    nouns.PERFORMANCE_REPORT,
    nouns.LIKELY_CAUSES,
)


def replay(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pipeline: str,
    spans: list[Span],
    progress: Callable[[str], None],
    *,
    left_out: Collection[str] = (),
) -> list[RunOutcome]:
    """Replay steps of a pipeline.

    Args:
        definitions: the project's definitions.
        instance: the instance that records the runs.
        pipeline: first part of the asset keys.
        spans: the steps, in order; a champion is requested on the day before the first.
        progress: called before each step with a description of it.
        left_out: nouns of assets that are not materialized, as no decision reads them.

    Returns:
        The outcome of every run.
    """
    loop = _Loop(definitions, instance, pipeline, spans[0].first, left_out=left_out)
    day_before = shifted(spans[0].first, -1)
    progress("the first model")
    outcomes = [
        loop.run([nouns.RETRAINING_DECISION], Span(day_before, day_before)),
        *loop.retrain(),
    ]
    unmeasured = spans[0].first
    for span in spans:
        progress(f"{span.first}…{span.last}")
        outcomes.append(loop.run(SCORING, span))
        outcomes.append(loop.run([nouns.RETRAINING_DECISION], Span(span.last, span.last)))
        if span != spans[-1]:
            outcomes += loop.retrain()
        if nouns.PERFORMANCE in left_out:
            continue
        if unmeasured[:7] != span.last[:7] or span == spans[-1]:
            outcomes.append(
                loop.run([nouns.PERFORMANCE], loop.to_measure(Span(unmeasured, span.last)))
            )
            unmeasured = span.last
    return outcomes


class _Loop:
    """Runs of one pipeline."""

    def __init__(
        self,
        definitions: dg.Definitions,
        instance: dg.DagsterInstance,
        pipeline: str,
        start: str,
        *,
        left_out: Collection[str],
    ) -> None:
        self._start = start
        self._left_out = {dg.AssetKey([pipeline, noun]) for noun in left_out}
        self._definitions = definitions
        self._instance = instance
        self._pipeline = pipeline
        self._graph = definitions.resolve_asset_graph()
        self._sensor = definitions.resolve_sensor_def(f"{pipeline}__retraining")

    def run(self, nouns: list[str] | tuple[str, ...], span: Span) -> RunOutcome:
        return self._materialize({self._key(noun) for noun in nouns} - self._left_out, span, {})

    def to_measure(self, span: Span) -> Span:
        """The days whose performance may change with labels of these days."""
        mapping = self._graph.get(self._key(nouns.PERFORMANCE)).partition_mappings[
            self._key(nouns.LABELS)
        ]
        assert isinstance(mapping, dg.TimeWindowPartitionMapping)
        first = shifted(span.first, -mapping.end_offset)
        return Span(max(self._start, first), span.last)

    def retrain(self) -> Iterator[RunOutcome]:
        """Execute the runs that the retraining sensor requests in one tick."""
        context = sensor_context(self._definitions, self._instance)
        for request in self._sensor.evaluate_tick(context).run_requests or []:
            days = request.tags["dagster/partition"]
            keys = set(request.asset_selection or []) - self._left_out
            yield self._materialize(keys, Span(days, days), dict(request.tags))

    def _materialize(self, keys: set[dg.AssetKey], span: Span, tags: dict[str, str]) -> RunOutcome:
        return materialize(self._definitions, self._instance, keys, span, tags)

    def _key(self, noun: str) -> dg.AssetKey:
        return dg.AssetKey([self._pipeline, noun])
