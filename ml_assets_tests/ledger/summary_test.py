"""What a run did to a table, counted from its ledger entries."""

import pytest

from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.summary import by_reason, table_summary

DAYS = [f"2013-01-{day:02}" for day in range(1, 8)]


def stored(day: str, dead_letters: int = 0) -> Entry:
    """A day that the run stored."""
    return Entry("a/b", day, Status.STORED, dead_letters=dead_letters)


def bad(day: str, status: Status = Status.QUARANTINED) -> Entry:
    """A day that it could not store."""
    return Entry("a/b", day, status, reason=f"no rows on {day}")


def test_days_are_counted_by_state() -> None:
    entries = [
        stored(DAYS[0], 3),
        stored(DAYS[1], 1),
        bad(DAYS[2]),
        bad(DAYS[3], Status.SKIPPED),
        Entry("a/other", DAYS[0], Status.STORED, dead_letters=9),
        Entry("a/b", DAYS[4], Status.WRITING),
    ]

    found = table_summary("a/b", entries, 2)

    assert (found.stored, found.unchanged, found.dead_letters) == (2, 2, 4)
    assert found.quarantined == {DAYS[2]: f"no rows on {DAYS[2]}"}
    assert found.skipped == {DAYS[3]: f"no rows on {DAYS[3]}"}


@pytest.mark.parametrize(
    ("entries", "unchanged", "verdict", "reason"),
    [
        pytest.param([stored(DAYS[0])], 0, "complete", "1 of 1 days are stored", id="stored"),
        pytest.param([], 3, "complete", "3 of 3 days are stored", id="unchanged"),
        pytest.param(
            [stored(DAYS[0]), bad(DAYS[1])],
            1,
            "incomplete",
            f"1 of 3 days are not stored. {DAYS[1]} is quarantined: no rows on {DAYS[1]}",
            id="quarantined",
        ),
        pytest.param(
            [bad(DAYS[0], Status.SKIPPED)],
            0,
            "incomplete",
            f"1 of 1 days are not stored. {DAYS[0]} is skipped: no rows on {DAYS[0]}",
            id="skipped",
        ),
    ],
)
def test_verdict_and_reason(
    entries: list[Entry], unchanged: int, verdict: str, reason: str
) -> None:
    found = table_summary("a/b", entries, unchanged)

    assert (found.verdict, found.reason) == (verdict, reason)


def test_a_reason_lists_some_days_and_counts_the_rest() -> None:
    reason = table_summary("a/b", [bad(day) for day in DAYS], 0).reason

    assert reason.startswith("7 of 7 days are not stored.")
    assert DAYS[2] in reason
    assert DAYS[3] not in reason
    assert reason.endswith("and 4 more")


@pytest.mark.parametrize(
    ("entries", "counted"),
    [
        pytest.param(
            [stored(DAYS[0])],
            "a/b: stored 1, unchanged 2, skipped 0, quarantined 0",
            id="all are stored",
        ),
        pytest.param(
            [
                Entry("a/b", DAYS[0], Status.SKIPPED, reason="no source"),
                bad(DAYS[1], Status.SKIPPED),
                bad(DAYS[2], Status.SKIPPED),
                stored(DAYS[3]),
                bad(DAYS[4]),
            ],
            "a/b: stored 1, unchanged 2, skipped 3, quarantined 1. Most frequent reason (3): no rows "
            f"on {DAYS[1]}",
            id="some are not",
        ),
    ],
)
def test_days_are_counted_in_a_line_with_the_most_frequent_reason(
    entries: list[Entry], counted: str
) -> None:
    assert table_summary("a/b", entries, 2).counted == counted


@pytest.mark.parametrize(
    ("reasons", "found"),
    [
        pytest.param({DAYS[0]: ["x"]}, [(DAYS[0], "x")], id="one day"),
        pytest.param({DAYS[0]: []}, [], id="no reason"),
        pytest.param(
            {day: [f"no champion on {day}, so none"] for day in reversed(DAYS)},
            [(f"{DAYS[0]} to {DAYS[-1]} (7 partitions)", f"no champion on {DAYS[0]}, so none")],
            id="reasons that differ in the day",
        ),
        pytest.param(
            {DAYS[0]: ["x"], DAYS[1]: ["y"], DAYS[2]: ["x"]},
            [(f"{DAYS[0]} to {DAYS[2]} (2 partitions)", "x"), (DAYS[1], "y")],
            id="two reasons",
        ),
        pytest.param(
            {day: [f"p {DAYS[0]}", f"q {day}", f"p {day}"] for day in DAYS[1:3]},
            [
                (
                    f"{DAYS[1]} to {DAYS[2]} (2 partitions)",
                    f"p {DAYS[0]}; q {DAYS[1]}, and 1 more of its kind",
                )
            ],
            id="several reasons of a day",
        ),
    ],
)
def test_days_with_the_same_reasons_are_told_at_once(
    reasons: dict[str, list[str]], found: list[tuple[str, str]]
) -> None:
    assert by_reason(reasons) == found
