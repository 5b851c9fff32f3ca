"""The service without HTTP: stores, champions, keys, and the way of a request from rows to entries."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial

from ml_assets.errors import LogBusy, MLAssetsError
from ml_assets.online.materializing import nothing_online
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.writer import LogWriter
from ml_assets.online.values import Plain
from ml_assets.serving.champions import Champions, ServedModel
from ml_assets.serving.ensembles.members import Members
from ml_assets.serving.keys import ApiKeys, matching
from ml_assets.serving.known_keys import KnownKeys
from ml_assets.serving.lane import Answered, Lane, Work
from ml_assets.serving.metrics import Metrics
from ml_assets.serving.problems import Problem, unavailable
from ml_assets.serving.requests import Row
from ml_assets.serving.scoring import Asked, Predicted, score_requests
from ml_assets.serving.served import ServedPipeline
from ml_assets.settings import ServingLimits
from ml_assets.workspace import Workspace

SMALL_ROWS = 64
"""Rows of a request up to which it is scored with others; larger ones have a thread of their own, so
that single rows do not wait for them."""


class Service:
    """Answers requests for some pipelines.

    Args:
        workspace: the stores.
        pipelines: the pipelines.
        limits: limits of requests.
        requires_key: whether requests need an API key.
        is_replay: whether requests may name the time as of which they are answered.
    """

    def __init__(
        self,
        workspace: Workspace,
        pipelines: Sequence[ServedPipeline],
        limits: ServingLimits,
        *,
        requires_key: bool,
        is_replay: bool = False,
    ) -> None:
        self.pipelines = {pipeline.name: pipeline for pipeline in pipelines}
        self.limits, self.requires_key, self.is_replay = limits, requires_key, is_replay
        self.champions = Champions(workspace, pipelines)
        self.store = workspace.online
        self.log = workspace.prediction_log
        self._writer = LogWriter(self.log, limits.max_waiting_rows)
        self._keys = KnownKeys(ApiKeys(workspace.settings.ledger_url))
        self.metrics = Metrics(lambda: sum(lane.waiting for lane in self._lanes.values()))
        self._members = [Members(self.metrics.member_failed) for _ in range(2)]
        small, large = self._members
        self._lanes = {
            "small": self._lane("small requests", small, limits.max_waiting, SMALL_ROWS),
            "large": self._lane("large requests", large, limits.max_waiting_large, 1),
        }

    def start(self) -> None:
        """Load the champions and start the threads."""
        self.champions.start()
        for lane in self._lanes.values():
            lane.start()

    def close(self) -> None:
        """Answer what waits, write what is to be logged, and end the threads."""
        for lane in self._lanes.values():
            lane.close()
        for members in self._members:
            members.close()
        self._writer.close()
        self.champions.stop()

    def authorize(self, pipeline: str | None, key: str | None) -> None:
        """Refuse a request without a valid key for the pipeline.

        Args:
            pipeline: the pipeline that is asked; None for figures about the service.
            key: the key that was sent; None for none.

        Raises:
            Problem: there is no valid key, or it is for other pipelines.
        """
        if not self.requires_key:
            return
        found = None if key is None else matching(self._keys.known(), key)
        expected = (
            "Expected the header 'Authorization: Bearer KEY'; 'ml-assets keys create' creates one."
        )
        if found is None:
            sent = "No API key was sent." if key is None else "The API key is unknown."
            raise Problem(401, f"{sent} {expected}")
        if (state := found.state(datetime.now(UTC))) != "valid":
            raise Problem(401, f"The API key {found.id} is {state}. {expected}")
        if pipeline is not None and not found.allows(pipeline):
            raise Problem(
                403,
                f"The API key {found.id} is for {', '.join(found.pipelines)}, not for {pipeline}.",
            )

    def submit(
        self,
        pipeline: ServedPipeline,
        rows: Sequence[Row],
        arrived: float,
        *,
        is_repeatable: bool = False,
    ) -> Future[Answered]:
        """Score rows and log their predictions.

        Args:
            pipeline: the pipeline.
            rows: rows of one request.
            arrived: monotonic time at which it arrived.
            is_repeatable: whether the client sent an idempotency key, so that they may be logged
                already.

        Returns:
            Their predictions, once they are logged.

        Raises:
            Problem: too many requests wait.
        """
        asked = Asked(pipeline, rows, arrived, is_repeatable)
        work = Work(asked, arrived + self.limits.seconds)
        self._lanes["small" if len(rows) <= SMALL_ROWS else "large"].submit(work)
        return work.result

    def freshness(self, pipeline: ServedPipeline) -> list[tuple[str, datetime | None, float]]:
        """Table that a pipeline looks up, its newest event time, and its ttl in seconds.

        Raises:
            Problem: the online store does not answer.
        """
        try:
            newest = self.store.newest([online.table for online in pipeline.lookups.lookups])
        except MLAssetsError as error:
            raise unavailable(str(error)) from error
        return [
            (online.table, newest.get(online.table), online.ttl.total_seconds())
            for online in pipeline.lookups.lookups
        ]

    def problems(self) -> list[str]:
        """Why the service cannot answer everything; empty if it can."""
        states = {name: self.champions.state(name) for name in self.pipelines}
        of_champions = [
            f"{name}: {state.problem}" for name, state in states.items() if not state.served
        ]
        return [*of_champions, *filter(None, [self._problem_of_log(), self._problem_of_store()])]

    def _problem_of_log(self) -> str:
        sections = [pipeline.section for pipeline in self.pipelines.values()]
        needs_log = any(section.on_log_failure == "refuse" for section in sections)
        return self._writer.problem() if needs_log else ""

    def _problem_of_store(self) -> str:
        """Why tables that are looked up cannot be read, or which have no row; empty if all have."""
        lookups = [one for pipeline in self.pipelines.values() for one in pipeline.lookups.lookups]
        try:
            empty = [one.table for one in lookups if not self.store.entities(one.table, 1)]
        except MLAssetsError as error:
            return str(error)
        return nothing_online(empty) if empty else ""

    def _lane(self, name: str, members: Members, capacity: int, rows_at_once: int) -> Lane:
        return Lane(
            name,
            partial(self._score, members),
            self._logged,
            self._connected,
            capacity=capacity,
            rows_at_once=rows_at_once,
        )

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Keep a connection to the online store open.

        If there is none, each request with a lookup gets an error.
        """
        with ExitStack() as stack:
            with suppress(Exception):
                stack.enter_context(self.store.one_connection())
            yield

    def _score(self, members: Members, asked: Sequence[Asked]) -> Sequence[Predicted]:
        logged = [self._answered_before(one) for one in asked]
        new = [one for one, found in zip(asked, logged, strict=True) if found is None]
        scored = iter(score_requests(new, self._models(), self.store, members))
        return [next(scored) if found is None else found for found in logged]

    def _answered_before(self, asked: Asked) -> Predicted | None:
        """The logged answer of a request that is sent again, or the problem of a key that is used for two requests."""
        if not asked.is_repeatable:
            return None
        try:
            logged = self.log.entries([row.event_id for row in asked.rows])
        except MLAssetsError as error:
            return unavailable(str(error))
        known = [logged.get(row.event_id) for row in asked.rows]
        for row, entry in zip(asked.rows, known, strict=True):
            if entry and not _is_of(entry, asked.pipeline.name, row.request):
                return _used_before(row.event_id)
        entries = [entry for entry in known if entry]
        return entries if len(entries) == len(asked.rows) else None

    def _models(self) -> Mapping[str, ServedModel]:
        found = {name: self.champions.state(name).served for name in self.pipelines}
        return {name: model for name, model in found.items() if model is not None}

    def _logged(self, work: Work, entries: Sequence[LoggedPrediction]) -> None:
        """Hand the entries of a request to the log, and answer the request when they are in it."""
        try:
            written = self._writer.submit(entries)
        except LogBusy as error:
            self._unlogged(work, entries, error)
            return

        def answer(done: Future[dict[str, LoggedPrediction]]) -> None:
            if error := done.exception():
                self._unlogged(work, entries, error)
                return
            before = done.result()
            if clash := _other_request(entries, before):
                work.result.set_exception(clash)
                return
            new = [entry for entry in entries if entry.event_id not in before]
            self.metrics.predicted(new, is_logged=True)
            answered = [before.get(entry.event_id, entry) for entry in entries]
            work.result.set_result(Answered(answered, is_logged=True))

        written.add_done_callback(answer)

    def _unlogged(
        self, work: Work, entries: Sequence[LoggedPrediction], error: BaseException
    ) -> None:
        if work.asked.pipeline.section.on_log_failure == "answer":
            self.metrics.predicted(entries, is_logged=False)
            work.result.set_result(Answered(entries, is_logged=False))
            return
        reason = str(error) if isinstance(error, MLAssetsError) else type(error).__name__
        work.result.set_exception(
            unavailable(f"The prediction could not be logged, so it is not answered. {reason}")
        )


def _other_request(
    entries: Sequence[LoggedPrediction], before: Mapping[str, LoggedPrediction]
) -> Problem | None:
    """The problem of a key that two requests used at the same time; None if it was not."""
    for entry in entries:
        logged = before.get(entry.event_id)
        if logged and not _is_of(logged, entry.pipeline, entry.request):
            return _used_before(entry.event_id)
    return None


def _is_of(logged: LoggedPrediction, pipeline: str, request: Mapping[str, Plain]) -> bool:
    """Whether an entry is of a request."""
    return (logged.pipeline, {**logged.request}) == (pipeline, {**request})


def _used_before(event_id: str) -> Problem:
    return Problem(
        422,
        f"The Idempotency-Key of event '{event_id}' was used for another request. Expected a new key for "
        "each request, and the same key only when it is sent again.",
    )
