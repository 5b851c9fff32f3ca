"""What a soak saw, day by day and at its end, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ml_assets.ledger.entries import Entry, Status
from ml_assets_tests.soak.comparison import Node


@dataclass
class Day:
    """What a day of the soak came to.

    Attributes:
        day: the day.
        fault: id of its fault; empty on a day without one.
        seconds: until nothing was left to do.
        runs: status → number of runs.
        seen: what the loop said of the fault.
    """

    day: str
    fault: str
    seconds: float
    runs: dict[str, int]
    seen: list[str] = field(default_factory=list)

    def row(self) -> str:
        """As a row of a Markdown table."""
        runs = ", ".join(f"{count} {status}" for status, count in sorted(self.runs.items()))
        seen = "; ".join(self.seen).replace("|", "/").replace("\n", " ")
        return f"| {self.day} | {self.fault} | {seen} | {runs} | {self.seconds:.0f} |"


HEADER = "| day | fault | what was seen | runs | s |\n| --- | --- | --- | --- | --- |"


@dataclass(frozen=True)
class Result:
    """What a soak came to.

    Attributes:
        days: day by day.
        open: days without a terminal state, with the reason.
        stale: days that were computed from other inputs than there are.
        differing: day that differs from the undisturbed project → faults that its recorded
            inputs lead to.
        unseen: lasting faults that left no trace.
        equal: day that is the same as in the undisturbed project → its direct inputs that differ.
        not_reproduced: days of ``equal`` that became others when they were computed again.
    """

    days: Sequence[Day]
    open: Sequence[str]
    stale: Sequence[tuple[Node, Node]]
    differing: Mapping[Node, Sequence[str]]
    unseen: Sequence[str]
    equal: Mapping[Node, Sequence[Node]]
    not_reproduced: Sequence[Node]

    def differences(self) -> list[str]:
        """Each day that differs, with the faults that explain it."""
        return [
            f"{table} {day}: {', '.join(faults) or 'no fault'}"
            for (table, day), faults in self.differing.items()
        ]

    def equalities(self) -> list[str]:
        """Each day that is equal though inputs differ, with the reason."""
        return [
            f"{table} {day}: {_named(inputs)} differ; it uses none of the rows that differ, as it is "
            "the same when it is computed again"
            for (table, day), inputs in self.equal.items()
            if (table, day) not in self.not_reproduced
        ]

    def problems(self) -> list[str]:
        """What is not as it has to be, in words."""
        return [
            *(f"not terminal: {one}" for one in self.open),
            *(
                f"stale: {' '.join(node)} read an older {' '.join(read)}"
                for node, read in self.stale
            ),
            *(
                f"differs without a fault in its inputs: {' '.join(node)}"
                for node, faults in self.differing.items()
                if not faults
            ),
            *(f"left no trace: {one}" for one in self.unseen),
            *(
                f"does not follow from its inputs: {' '.join(node)} becomes another when it is "
                f"computed again, though {_named(self.equal[node])} differ"
                for node in self.not_reproduced
            ),
        ]


def _named(inputs: Sequence[Node]) -> str:
    return ", ".join(" ".join(node) for node in inputs)


def words(entry: Entry) -> str:
    """What the ledger says of a day; empty for no dead letters."""
    if entry.table.endswith("_dead_letters"):
        return f"{entry.rows} dead letters {entry.day}" if entry.rows else ""
    reason = f": {entry.reason[:120]}" if entry.status is not Status.STORED else ""
    letters = f", {entry.dead_letters} dead letters" if entry.dead_letters else ""
    return f"{entry.table} {entry.day} {entry.status.value}, {entry.rows} rows{letters}{reason}"
