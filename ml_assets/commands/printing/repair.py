"""What a repair will do and what it leaves as it is, on a console and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ml_assets.lake.remedy import partition_option
from ml_assets.ledger.entries import grouped
from ml_assets.lineage.graph import Node
from ml_assets.lineage.impact import Impact, TouchedModel

if TYPE_CHECKING:
    from ml_assets.orchestration.runs.repairs import Repair


def print_repair(
    found: Impact, repair: "Repair", console: Console, *, shows_commands: bool
) -> None:
    """The steps of a repair, and what it leaves unchanged and why.

    Args:
        found: what the day touched.
        repair: its repair.
        console: where to print.
        shows_commands: whether to print the command of each run.
    """
    if shows_commands and repair.steps:
        console.print("To repair it, in this order:", highlight=False)
        for step in repair.steps:
            console.print(step.command, highlight=False, soft_wrap=True, markup=False)
    if not repair.steps:
        console.print("There is nothing for this repair to make again.")
    for sentence in left_sentences(found, repair):
        console.print(sentence, highlight=False, soft_wrap=True, markup=False)
    if shows_commands and repair.steps:
        _print_command(console, f"Next, run all of them: {_command(found)} --apply")


def print_next(found: Impact, console: Console) -> None:
    """The command that shows the repair of a day."""
    _print_command(console, f"Next, see the repair: {_command(found)} --plan")


def _print_command(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def left_sentences(found: Impact, repair: "Repair") -> list[str]:
    """What a repair leaves as it is, in words, with the command that would make it again."""
    sentences = []
    if repair.left_as_of:
        models = ", ".join(_named(model) for model in found.models)
        subject = (
            f"models trained on this day ({models})" if models else _counted(repair.left_as_of)
        )
        sentences.append(
            f"Left as they are: {subject}. To train and judge them again: {with_models(found)}"
        )
    if repair.left_facts:
        sentences.append(
            f"Left as they are: {_counted(repair.left_facts)}. They record what was predicted and "
            "decided at the time and are never made again."
        )
    return sentences


def with_models(found: Impact) -> str:
    """The command that repairs the day and what was trained on it."""
    return f"{_command(found)} --apply --with-models"


def _command(found: Impact) -> str:
    column = f" --column {found.column}" if found.column else ""
    return f"ml-assets impact {found.table}{partition_option(found.day)}{column}"


def repair_as_json(found: Impact, repair: "Repair") -> dict[str, Any]:
    """The same as plain values."""
    return {
        "repair": [step.command for step in repair.steps],
        "left": {
            "as_of": grouped(repair.left_as_of),
            "facts": grouped(repair.left_facts),
            "command": with_models(found) if repair.left_as_of else None,
        },
    }


def _named(model: TouchedModel) -> str:
    return f"{model.as_of}, {f'version {model.version}' if model.version else 'not released'}"


def _counted(nodes: Sequence[Node]) -> str:
    return ", ".join(
        f"{len(days)} {'day' if len(days) == 1 else 'days'} of {table}"
        for table, days in grouped(nodes).items()
    )
