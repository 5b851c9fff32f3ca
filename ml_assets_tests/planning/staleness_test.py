"""Stale days of random histories, compared with the definition of stale, written down plainly."""

import random
from unittest.mock import patch

import pytest

from ml_assets.content import SNAPSHOT
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.planning.staleness import stale_tables

TABLES = ("a/raw", "b/features", "c/scores", "d/report")
"""Each is computed from tables before it."""

DAYS = ("2013-07-08", "2013-07-09", "2013-07-10")
Node = tuple[str, str]


def history(seed: int) -> list[Entry]:
    """Entries of some days, computed again and again from what their inputs were then."""
    chance = random.Random(seed)
    content: dict[Node, str] = {}
    entries = []
    for number in range(chance.randint(5, 25)):
        index, day = chance.randrange(len(TABLES)), chance.choice(DAYS)
        status = chance.choices([Status.STORED, Status.QUARANTINED, Status.SKIPPED], [8, 1, 1])[0]
        inputs = [
            (table, chance.choice([*DAYS, SNAPSHOT] if table == TABLES[0] else DAYS))
            for table in TABLES[:index]
            if chance.random() < 0.7
        ]
        reads = [Read(*node, content.get(node, ""), 1, chance.random() < 0.2) for node in inputs]
        found = f"content {chance.randrange(3)}" if status is Status.STORED else ""
        content[TABLES[index], day] = found
        is_final = chance.random() < 0.2
        entries.append(
            Entry(TABLES[index], day, status, str(number), found, reads=reads, is_final=is_final)
        )
    return entries


def expected(entries: list[Entry]) -> set[Node]:
    """Days of which an input, direct or further up, has other content than when it was read."""
    latest = {(entry.table, entry.day): entry for entry in entries}

    def is_changed(read: Read) -> bool:
        entry = latest.get((read.table, read.day))
        if read.is_pinned and read.day == SNAPSHOT:
            return False
        now = entry.content_hash if entry and entry.status is Status.STORED else ""
        return now != read.content_hash or (not read.is_pinned and is_stale(read.table, read.day))

    def is_stale(table: str, day: str) -> bool:
        entry = latest.get((table, day))
        is_computed = entry and entry.status in (Status.STORED, Status.QUARANTINED)
        return bool(is_computed and not entry.is_final and any(map(is_changed, entry.reads)))

    return {node for node in latest if is_stale(*node)}


@pytest.mark.parametrize("seed", range(60))
def test_stale_days_of_a_random_history(ledger: Ledger, seed: int) -> None:
    entries = history(seed)
    ledger.append(entries)

    found = stale_tables(ledger, dict.fromkeys(TABLES, DAYS))

    days = {(table, day) for table, of_table in found.items() for day in of_table}
    assert days == {node for node in expected(entries) if node[1] in DAYS}


def test_the_random_histories_have_stale_and_current_days() -> None:
    counts = [len(expected(history(seed))) for seed in range(60)]

    assert 10 < counts.count(0) < 50


def test_each_upstream_day_is_read_once_and_nothing_beyond_a_pinned_one(ledger: Ledger) -> None:
    raw, features, scores, report = [(table, DAYS[0]) for table in TABLES]
    pinned, beyond = ("c/pinned", DAYS[0]), ("a/beyond", DAYS[0])
    reads_of = {
        raw: [],
        beyond: [],
        features: [Read(*raw, "old", 1)],
        scores: [Read(*raw, "new", 1)],
        pinned: [Read(*beyond, "new", 1)],
        report: [
            Read(*features, "new", 1),
            Read(*scores, "new", 1),
            Read(*pinned, "new", 1, is_pinned=True),
        ],
    }
    ledger.append(
        [
            Entry(*node, Status.STORED, content_hash="new", reads=reads)
            for node, reads in reads_of.items()
        ]
    )

    with patch.object(ledger, "reads", wraps=ledger.reads) as asked:
        found = stale_tables(ledger, {report[0]: [report[1]]})

    assert [*found[report[0]]] == [report[1]]
    assert sorted(call.args[0] for call in asked.call_args_list) == sorted(TABLES)
