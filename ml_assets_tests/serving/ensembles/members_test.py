"""Members in threads of their own: in time, late, broken, and back again."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from ml_assets.errors import ContractViolation
from ml_assets.learning.ensembles.combining import MemberFailed
from ml_assets.learning.ensembles.rules import Member
from ml_assets.serving.ensembles.members import Failure, Members

ONE = np.array([0.5])
PATIENT, HASTY = Member(pipeline="p", timeout_ms=60_000), Member(pipeline="p", timeout_ms=1)


class Counted:
    """The failures that are told."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, str, Failure]] = []

    def __call__(self, pipeline: str, member: str, reason: Failure) -> None:
        self.failures.append((pipeline, member, reason))


@pytest.fixture
def counted() -> Counted:
    """Counts failures."""
    return Counted()


@pytest.fixture
def members(counted: Counted) -> Iterator[Members]:
    """Members that are closed after the test."""
    found = Members(counted)
    yield found
    found.close()


def test_an_answer_in_time_is_given_by_a_thread_of_the_member(members: Members) -> None:
    names = []

    def work() -> np.ndarray:
        names.append(threading.current_thread().name)
        return ONE

    for name in ("one", "other", "one"):
        assert members.of("shop", "v1")(name, PATIENT, work) is ONE

    assert names == ["shop/one", "shop/other", "shop/one"]


@pytest.mark.parametrize("error", [ValueError("secret"), TimeoutError("secret"), SystemExit(1)])
def test_an_error_fails_the_member_without_its_text(
    members: Members, counted: Counted, error: BaseException
) -> None:
    def work() -> np.ndarray:
        raise error

    with pytest.raises(MemberFailed, match=rf"^It failed with {type(error).__name__}\.$"):
        members.of("shop", "v1")("one", PATIENT, work)

    assert counted.failures == [("shop", "one", Failure.ERROR)]
    assert members.of("shop", "v1")("one", PATIENT, lambda: ONE) is ONE


def test_a_late_member_fails_at_once_until_it_returns(members: Members, counted: Counted) -> None:
    may_return, has_returned, through = (
        threading.Event(),
        threading.Event(),
        members.of("late", "v1"),
    )

    def hang() -> np.ndarray:
        may_return.wait()
        has_returned.set()
        return ONE

    with pytest.raises(MemberFailed, match=r"^It did not answer within 1 ms\.$"):
        through("one", HASTY, hang)
    for _ in range(10):
        with pytest.raises(MemberFailed, match=r"^It has not returned from an earlier request yet"):
            through("one", PATIENT, hang)

    assert [each.name for each in threading.enumerate()].count("late/one") == 1
    assert through("other", PATIENT, lambda: ONE) is ONE
    assert members.of("bakery", "v1")("one", PATIENT, lambda: ONE) is ONE
    may_return.set()
    assert has_returned.wait(10)
    while True:
        try:
            assert through("one", PATIENT, lambda: ONE) is ONE
            break
        except MemberFailed:
            continue
    reasons = [reason for *_, reason in counted.failures]
    assert reasons[:11] == [Failure.TIMEOUT, *[Failure.BUSY] * 10]


def test_a_row_that_cannot_be_predicted_is_no_failure_of_the_member(
    members: Members, counted: Counted
) -> None:
    def work() -> np.ndarray:
        raise ContractViolation("A row cannot be predicted: x is missing")

    with pytest.raises(ContractViolation, match="x is missing"):
        members.of("shop", "v1")("one", PATIENT, work)

    assert counted.failures == []


def test_another_version_does_not_wait_for_a_member_that_hangs(members: Members) -> None:
    released = threading.Event()

    def hangs() -> np.ndarray:
        released.wait(60)
        return ONE

    with pytest.raises(MemberFailed, match="within 1 ms"):
        members.of("shop", "v1")("one", HASTY, hangs)

    assert members.of("shop", "v2")("one", PATIENT, lambda: ONE) is ONE
    released.set()
