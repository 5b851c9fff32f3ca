"""The queue of requests: bounded, scored together, and answered also when scoring fails."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime

import pytest

from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.serving.lane import Answered, Lane, Work
from ml_assets.serving.problems import Problem
from ml_assets.serving.requests import Row, event_ids
from ml_assets.serving.scoring import Asked, Predicted
from ml_assets.serving.served import ServedPipeline
from ml_assets_tests.serving import parcels

WAIT = 10
NOW = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> ServedPipeline:
    """A pipeline whose requests wait."""
    return parcels.served(tmp_path_factory.mktemp("served"))


@contextmanager
def opened(
    score: Callable[[Sequence[Asked]], Sequence[Predicted]],
    capacity: int = 10,
    session: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[Lane]:
    """A lane that logs nothing."""

    def log(work: Work, entries: Sequence[LoggedPrediction]) -> None:
        work.result.set_result(Answered(entries, is_logged=False))

    lane = Lane("test", score, log, session, capacity=capacity, rows_at_once=10)
    lane.start()
    try:
        yield lane
    finally:
        lane.close()


def work(pipeline: ServedPipeline, rows: int = 1, seconds: float = WAIT) -> Work:
    """A request with a number of rows."""
    given = [Row(n, event, NOW, {}, {}) for n, event in enumerate(event_ids(None, rows))]
    return Work(Asked(pipeline, given, time.monotonic()), time.monotonic() + seconds)


class Scoring:
    """Scoring that waits until it may go on, and remembers the rows that were scored together."""

    def __init__(self) -> None:
        self.may_go_on, self.has_begun = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, asked: Sequence[Asked]) -> Sequence[Predicted]:
        self.batches.append([len(one.rows) for one in asked])
        self.has_begun.set()
        assert self.may_go_on.wait(WAIT)
        return [[] for _ in asked]


def test_what_waits_is_scored_together_up_to_a_number_of_rows(pipeline: ServedPipeline) -> None:
    scoring = Scoring()
    with opened(scoring) as lane:
        first = work(pipeline)
        lane.submit(first)
        assert scoring.has_begun.wait(WAIT)
        waiting = [work(pipeline, rows) for rows in (4, 4, 4, 1)]
        for one in waiting:
            lane.submit(one)
        scoring.may_go_on.set()
        for one in [first, *waiting]:
            one.result.result(WAIT)

    assert scoring.batches == [[1], [4, 4, 4], [1]]


def test_a_full_queue_refuses_at_once(pipeline: ServedPipeline) -> None:
    scoring = Scoring()
    with opened(scoring, capacity=2) as lane:
        lane.submit(work(pipeline))
        assert scoring.has_begun.wait(WAIT)
        lane.submit(work(pipeline))
        lane.submit(work(pipeline))
        with pytest.raises(Problem, match="2 requests wait already") as refused:
            lane.submit(work(pipeline))
        scoring.may_go_on.set()

    assert (refused.value.status, refused.value.retry_after) == (429, 1)


def test_a_request_that_waited_too_long_or_that_nobody_waits_for_is_not_scored(
    pipeline: ServedPipeline,
) -> None:
    scoring = Scoring()
    with opened(scoring) as lane:
        lane.submit(work(pipeline))
        assert scoring.has_begun.wait(WAIT)
        late, cancelled = work(pipeline, seconds=-1), work(pipeline)
        lane.submit(late)
        lane.submit(cancelled)
        cancelled.result.cancel()
        scoring.may_go_on.set()
        with pytest.raises(Problem, match="longer than its time limit"):
            late.result.result(WAIT)

    assert scoring.batches == [[1]]


def test_an_error_of_scoring_is_told_and_the_next_request_answered(
    pipeline: ServedPipeline,
) -> None:
    failures = [ZeroDivisionError("a defect")]

    def score(asked: Sequence[Asked]) -> Sequence[Predicted]:
        if failures:
            raise failures.pop()
        return [[] for _ in asked]

    with opened(score) as lane:
        failing, next_one = work(pipeline), work(pipeline)
        lane.submit(failing)
        with pytest.raises(ZeroDivisionError):
            failing.result.result(WAIT)
        lane.submit(next_one)
        assert next_one.result.result(WAIT).entries == []


@pytest.mark.parametrize(
    ("seconds", "sessions"), [pytest.param(WAIT, 1, id="within"), pytest.param(0, 3, id="after")]
)
def test_requests_share_a_session_for_some_time(
    pipeline: ServedPipeline, monkeypatch: pytest.MonkeyPatch, seconds: float, sessions: int
) -> None:
    monkeypatch.setattr("ml_assets.serving.lane.SESSION_SECONDS", seconds)
    happened: list[str] = []

    @contextmanager
    def session() -> Iterator[None]:
        happened.append("opened")
        yield
        happened.append("closed")

    def score(asked: Sequence[Asked]) -> Sequence[Predicted]:
        happened.append("scored")
        return [[] for _ in asked]

    with opened(score, session=session) as lane:
        for _ in range(3):
            one = work(pipeline)
            lane.submit(one)
            one.result.result(WAIT)

    shared = ["opened", *["scored"] * (3 // sessions), "closed"]
    assert happened == shared * sessions


def test_what_waits_is_scored_before_the_lane_closes(pipeline: ServedPipeline) -> None:
    works = [work(pipeline) for _ in range(5)]
    with opened(lambda asked: [[] for _ in asked]) as lane:
        for one in works:
            lane.submit(one)

    assert all(one.result.done() for one in works)
