"""What a rerun of an old day reads that was not known when the day was first made."""

import pytest

from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.since import change_message, changed_since_first_made

AS_OF = "2013-02-01"


def read(day: str, content: str, table: str = "a/features") -> Read:
    """An input day."""
    return Read(table, day, content, 1)


def entry(status: Status, *reads: Read) -> Entry:
    """An entry of the as-of day."""
    return Entry("a/training_dataset", AS_OF, status, reads=reads)


FIRST = (read("2013-01-01", "aa"), read("2013-01-02", "bb"), read("2013-01-03", ""))


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        pytest.param(FIRST, [], id="the same"),
        pytest.param(
            (read("2013-01-01", "xx"), *FIRST[1:]), ["a/features 2013-01-01"], id="corrected"
        ),
        pytest.param(
            (*FIRST[:2], read("2013-01-03", "cc")), ["a/features 2013-01-03"], id="came later"
        ),
        pytest.param(FIRST[1:], ["a/features 2013-01-01"], id="gone"),
        pytest.param(
            (*FIRST, read("2013-01-01", "dd", "a/labels")), ["a/labels 2013-01-01"], id="new table"
        ),
    ],
)
def test_inputs_whose_content_changed_are_listed(now: tuple[Read, ...], changed: list[str]) -> None:
    history = [
        entry(Status.SKIPPED, read("2013-01-01", "zz")),
        entry(Status.WRITING),
        entry(Status.STORED, *FIRST),
        entry(Status.STORED, read("2013-01-01", "yy")),
    ]

    assert changed_since_first_made(history, now) == changed


def test_a_day_that_was_never_stored_has_no_first_version() -> None:
    assert changed_since_first_made([entry(Status.SKIPPED, *FIRST)], FIRST[1:]) == []


def test_a_message_lists_some_inputs_and_counts_the_rest() -> None:
    text = change_message([f"a/features {number}" for number in range(8)])

    assert text.endswith(
        "a/features 0, a/features 1, a/features 2, a/features 3, a/features 4 and 3 more"
    )
