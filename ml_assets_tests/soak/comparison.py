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
    node: Node,
    disturbed: Histories,
    undisturbed: Histories,
    lasting: Collection[Node],
    healed: Collection[Node] = (),
) -> set[Node]:
    """The faulted days that the recorded inputs of a day lead to; a faulted day leads to itself.

    An input counts where its content was not what the undisturbed project holds. Of a day that
    records what happened every entry counts, and every entry of what it was made of; of other days
    the latest, which replaced those before. A fault that healed left no difference but in days that
    record what happened, so it is a cause only of them and of what reads them.

    Args:
        node: the day to explain.
        disturbed: the project that faults were done to.
        undisturbed: the same days without faults.
        lasting: the days that faults were done to that last.
        healed: the days that faults were done to that healed.
    """
    waiting, seen = [(node, False)], set[tuple[Node, bool]]()
    found: set[Node] = set()
    while waiting:
        one, follows_a_fact = step = waiting.pop()
        if step in seen:
            continue
        seen.add(step)
        entries = disturbed.get(one, ())
        is_of_the_past = follows_a_fact or is_fact(entries)
        if one in lasting or (is_of_the_past and one in healed):
            found.add(one)
        else:
            counted = entries if is_of_the_past else entries[-1:]
            inputs = _foreign_inputs(counted, undisturbed)
            waiting += [(read, is_of_the_past) for read in inputs]
    return found


def is_fact(entries: Sequence[Entry]) -> bool:
    """Whether a day records what happened, so that it is never computed again."""
    return any(entry.is_final for entry in entries)


def equal_though_inputs_differ(
    disturbed: Histories, undisturbed: Histories
) -> dict[Node, list[Node]]:
    """Stored days that are the same in both, and were computed from other content of direct inputs.

    Days that record what happened are left out: they are not computed again.

    Returns:
        Day → its direct inputs whose content differs, in order.
    """
    found = {
        node: _differing_inputs(entries[-1], undisturbed[node][-1])
        for node, entries in disturbed.items()
        if entries
        and not is_fact(entries)
        and entries[-1].status is Status.STORED
        and state(disturbed, node) == state(undisturbed, node)
    }
    return {node: inputs for node, inputs in sorted(found.items()) if inputs}


def _differing_inputs(one: Entry, other: Entry) -> list[Node]:
    """Inputs that two entries read with different content; an input that was not read is absent."""
    contents = [
        {(read.table, read.day): read.content_hash for read in entry.reads}
        for entry in (one, other)
    ]
    inputs = {*contents[0], *contents[1]}
    return sorted(node for node in inputs if len({c.get(node, "") for c in contents}) > 1)


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
