"""How a disturbed project differs from an undisturbed one, and whether recorded inputs explain it."""

from collections.abc import Collection, Mapping, Sequence

from ml_assets.ledger.entries import Entry, Status

Node = tuple[str, str]
"""A table and a day."""

Histories = Mapping[Node, Sequence[Entry]]
"""All entries of each day, oldest first, with what they read."""


def state(histories: Histories, node: Node) -> tuple[str, str]:
    """Status and content hash of a day; a day that was never stored is absent."""
    entries = histories.get(node)
    if not entries:
        return "absent", ""
    last = entries[-1]
    return last.status.value, last.content_hash if last.status is Status.STORED else ""


def differing(disturbed: Histories, undisturbed: Histories) -> list[Node]:
    """Days whose state is not the same in both, in order."""
    nodes = {*disturbed, *undisturbed}
    return sorted(node for node in nodes if state(disturbed, node) != state(undisturbed, node))


def causes(
    node: Node, disturbed: Histories, undisturbed: Histories, faulted: Collection[Node]
) -> set[Node]:
    """The faulted days that the recorded inputs of a day lead to; a faulted day leads to itself.

    An input counts where its content was not what the undisturbed project holds. Of days that
    record what happened every entry counts, of others the latest: it replaced those before.

    Args:
        node: the day to explain.
        disturbed: the project that faults were done to.
        undisturbed: the same days without faults.
        faulted: the days that faults were done to.
    """
    if node in faulted:
        return {node}
    entries = disturbed.get(node, ())
    counted = entries if any(entry.is_final for entry in entries) else entries[-1:]
    waiting = _foreign_inputs(counted, undisturbed)
    seen: set[Node] = set()
    while waiting:
        found = waiting.pop()
        if found not in seen:
            seen.add(found)
            if found not in faulted:
                waiting |= _foreign_inputs(disturbed.get(found, ()), undisturbed)
    return seen & {*faulted}


def _foreign_inputs(entries: Sequence[Entry], undisturbed: Histories) -> set[Node]:
    """Inputs that were read with other content than the undisturbed project holds."""
    return {
        (read.table, read.day)
        for entry in entries
        for read in entry.reads
        if read.content_hash != state(undisturbed, (read.table, read.day))[1]
    }


def stale_reads(histories: Histories) -> list[tuple[Node, Node]]:
    """Days that were computed from other content of an input than it has now, and the input.

    Days that record what happened, and inputs that are used as they were known, are left out.
    """
    return sorted(
        (node, (read.table, read.day))
        for node, entries in histories.items()
        if entries and not any(entry.is_final for entry in entries)
        for read in entries[-1].reads
        if not read.is_pinned and read.content_hash != state(histories, (read.table, read.day))[1]
    )
