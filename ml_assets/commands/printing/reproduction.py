"""A model that was made again, and two models side by side, as people read them."""

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.markup import escape

from ml_assets.commands.shared import COMMIT_LENGTH, plain_table
from ml_assets.lineage.changes import NONE, Change
from ml_assets.lineage.difference import Difference, Side
from ml_assets.lineage.recorded import format_days
from ml_assets.lineage.reproduction.reproduce import Reproduction

SHOWN_FEATURES = 10
"""Features printed; JSON has all."""

HASH_LENGTH = 12
"""Characters of a module's hash that are shown."""


def print_reproduction(made: Reproduction, commands: Sequence[str], console: Console) -> None:
    """How making a model again ended, what differs from when it was made, and how to get back there."""
    color = {"identical": "green", "different": "red"}.get(made.verdict, "yellow")
    _print_line(console, f"{_named(made)}: [{color}]{made.verdict}[/{color}]")
    _print_line(console, f"  {escape(made.reason)}")
    fingerprints = f"recorded {made.recorded}" + (
        f", rebuilt {made.rebuilt}" if made.rebuilt else ""
    )
    _print_line(console, f"  fingerprint: {fingerprints}")
    if made.commit:
        _print_line(console, f"  made with: commit {made.commit[:COMMIT_LENGTH]}{_dirty(made)}")
    for changed in made.since.inputs:
        _print_line(
            console,
            f"  since then: {changed.table} holds other rows of {format_days(changed.days)}",
        )
    for what, changes in [
        ("defs.yaml", made.since.parameters),
        ("library", made.since.libraries),
    ]:
        for change in changes:
            _print_line(console, f"  since then: {what} {escape(change.described)}")
    for number, command in enumerate(commands):
        _print_line(
            console, f"  {'to get there:' if not number else '             '} {escape(command)}"
        )


def _named(made: Reproduction) -> str:
    return f"{f'Version {made.version}' if made.version else 'The model'} as of {made.as_of}"


def _dirty(made: Reproduction) -> str:
    return (
        ", and code that was not committed: that commit alone may not give it again"
        if made.is_dirty
        else ""
    )


def counted(found: Sequence[Reproduction]) -> str:
    """How many ended how."""
    verdicts = [made.verdict for made in found]
    counts = ", ".join(f"{verdicts.count(each)} {each}" for each in dict.fromkeys(verdicts))
    return f"{len(found)} versions: {counts}."


def print_difference(found: Difference, console: Console) -> None:
    """Two models side by side."""
    older, newer = found.older, found.newer
    _print_line(console, f"older: {_title(older)}\nnewer: {_title(newer)}\n")
    table = plain_table("", "older", "newer")
    for label, then, now in zip(
        ("fingerprint", "commit", "decision", "released by", "serves from"),
        _made(older),
        _made(newer),
        strict=True,
    ):
        table.add_row(label, then, now)
    table.add_row()
    for split in dict.fromkeys(each.split for side in (older, newer) for each in side.volumes):
        table.add_row(split, _volume(older, split), _volume(newer, split))
    table.add_row()
    for metric in dict.fromkeys(each.metric for side in (older, newer) for each in side.metrics):
        table.add_row(f"{metric} (own test)", _metric(older, metric), _metric(newer, metric))
    console.print(table)
    _print_gains(console, found)
    _print_shifts(console, found)
    for member in found.members:
        _print_line(console, f"member {member.described}")
    for what, changes in [
        ("parameter", found.parameters),
        ("module", found.modules),
        ("library", found.libraries),
    ]:
        _print_changes(console, what, changes)


def _print_gains(console: Console, found: Difference) -> None:
    if not found.comparison:
        _print_line(console, "They were never compared on the same rows.")
        return
    table = plain_table("on the same rows", "older", "newer", "gain", "from", "to", "rows", right=6)
    for gain in found.comparison:
        figures = (gain.older, gain.newer, gain.improvement, gain.low, gain.high)
        table.add_row(gain.metric, *map(_figure, figures), f"{gain.rows:,}")
    console.print(table)


def _print_shifts(console: Console, found: Difference) -> None:
    if found.shifts is None:
        _print_line(console, "features: the reference of one of them is gone")
        return
    headers = ["feature", "distance", "threshold", "ratio", "missing", "now", "ratio"]
    table = plain_table(*headers, title="features of the training rows", right=6)
    for shift in found.shifts[:SHOWN_FEATURES]:
        table.add_row(
            shift.feature,
            _figure(shift.distance),
            _figure(shift.threshold),
            NONE if shift.ratio is None else f"{shift.ratio:.2f}",
            f"{shift.missing_then:.1%}",
            f"{shift.missing_now:.1%}",
            f"{shift.missing_ratio:.2f}",
        )
    console.print(table)
    if (more := len(found.shifts) - SHOWN_FEATURES) > 0:
        _print_line(console, f"… and {more} features that changed less; --json has all.")


def _print_changes(console: Console, what: str, changes: Sequence[Change] | None) -> None:
    if changes is None:
        _print_line(console, f"{what}: not recorded of one of them")
    elif not changes:
        _print_line(console, f"{what}: no difference")
    for change in changes or ():
        shown = (
            replace(change, then=change.then[:HASH_LENGTH], now=change.now[:HASH_LENGTH])
            if what == "module"
            else change
        )
        _print_line(console, escape(f"{what} {shown.described}"))


def _title(side: Side) -> str:
    return f"version {side.version} as of {side.as_of}"


def _made(side: Side) -> list[str]:
    decision = f"{side.verdict}: {side.reason}" if side.verdict else NONE
    return [
        side.fingerprint,
        _commit(side),
        escape(decision),
        escape(side.released_by or NONE),
        side.serves_from or NONE,
    ]


def _commit(side: Side) -> str:
    dirty = " and more" if side.is_dirty else ""
    return f"{side.commit[:12]}{dirty}" if side.commit else "not recorded"


def _volume(side: Side, split: str) -> str:
    found = next((each for each in side.volumes if each.split == split), None)
    if found is None:
        return NONE
    mean = "" if found.mean_label is None else f", mean label {found.mean_label:.3f}"
    return f"{found.first} to {found.last}: {found.days} days, {found.rows:,} rows{mean}"


def _metric(side: Side, name: str) -> str:
    found = next((each for each in side.metrics if each.metric == name), None)
    if found is None:
        return NONE
    return f"{_figure(found.value)} ({_figure(found.low)} to {_figure(found.high)})"


def _figure(value: float | None) -> str:
    return NONE if value is None else f"{value:.4f}"


def _print_line(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
