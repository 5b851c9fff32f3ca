"""The commands about the source systems: load the reference data, and add further days to them."""

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ml_assets.commands.renamed import add_renamed
from ml_assets.commands.shared import console
from ml_assets.errors import ConfigurationError

app = typer.Typer(help="The source systems of the reference data.", no_args_is_help=True)


@app.command("load")
def source_load(
    last_day: Annotated[str | None, typer.Option(help="Last day of flights and weather.")] = None,
) -> None:
    """Load the reference data into the source systems; existing tables stay unchanged."""
    from ml_assets.defs.sources.load import SourceSystems, last_loaded_days, load, remove
    from ml_assets.settings import settings

    wanted = None if last_day is None else _reference_day(last_day)
    systems = SourceSystems.of(settings())
    columns = [
        TextColumn("{task.description:10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    output = console()
    with Progress(*columns, console=output) as bars:
        tasks = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(table, total=total)
            bars.update(tasks[table], completed=done)

        loaded = load(systems, show, wanted)
    for sentence in load_report(loaded, last_loaded_days(systems), wanted, remove(systems)):
        output.print(sentence, highlight=False, soft_wrap=True, markup=False)


@app.command("advance")
def source_advance(
    days: Annotated[int | None, typer.Option(min=1, help="Days to add; 1 by default.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day to add, 2013-05-01.")] = None,
) -> None:
    """Add the next days of the reference data to the source systems, as if time went on."""
    from ml_assets.defs.sources.load import SourceSystems, advance, last_loaded_days
    from ml_assets.settings import settings

    if days is not None and until is not None:
        raise ConfigurationError("Give --days or --until, not both.")
    systems = SourceSystems.of(settings())
    day = (
        day_after(last_loaded_days(systems), days or 1) if until is None else _reference_day(until)
    )
    added = advance(systems, day)
    console().print(
        f"Added {', '.join(f'{rows:,} rows of {table}' for table, rows in added.items())}: the "
        f"source has the days until {day} now."
        if any(added.values())
        else f"The source has the days until {day} already.",
        highlight=False,
        soft_wrap=True,
    )


add_renamed(app, "reveal", "advance", group="source")


def day_after(held: Mapping[str, str], days: int) -> str:
    """The day that lies some days after the last one that both daily tables have.

    Args:
        held: table with days → its last day; empty where it has no rows.
        days: number of days.

    Returns:
        A day of the reference data, its last one at most.
    """
    from ml_assets.cadence import shifted
    from ml_assets.defs.sources.load import FIRST_DAY, LAST_DAY

    last = min(held.values(), default="")
    return min(shifted(last, days) if last else shifted(FIRST_DAY, days - 1), LAST_DAY)


def load_report(
    loaded: Mapping[str, int], held: Mapping[str, str], wanted: str | None, emptying: str
) -> list[str]:
    """Sentences that report what a load changed, what the source systems contain, and how to get the rest.

    Args:
        loaded: table → rows loaded; empty when every table was there.
        held: table with days → its last day; empty where it has no rows.
        wanted: requested last day; None for everything.
        emptying: how the source systems are emptied, for a person.
    """
    from ml_assets.defs.sources.load import LAST_DAY, LAST_DAYS

    sentences = [f"Loaded {sum(loaded.values()):,} rows into the source systems."] if loaded else []
    others = {table: day for table, day in held.items() if table not in loaded}
    if not others:
        return sentences
    holds = ", ".join(f"{table} until {day or 'no day'}" for table, day in others.items())
    until = wanted or LAST_DAY
    if all(day == min(until, LAST_DAYS[table]) for table, day in others.items()):
        return [*sentences, f"The source is complete already: it holds {holds}."]
    if wanted is None:
        sentences.append(
            f"The tables of the source are complete already: it holds {holds}. To add the "
            f"days until {until}: ml-assets source advance --until {until}"
        )
        return sentences
    sentences.append(
        f"Nothing was changed in tables that are loaded already: the source holds {holds}, "
        f"not until {until}."
    )
    if max(others.values()) > until:
        sentences.append(
            f"To load it until {until}, {emptying}, then: ml-assets source load --last-day {until}"
        )
    else:
        sentences.append(f"To add the days until {until}: ml-assets source advance --until {until}")
    return sentences


def _reference_day(text: str) -> str:
    from ml_assets.cadence import as_day
    from ml_assets.defs.sources.load import FIRST_DAY, LAST_DAY

    day = as_day(text)
    if day is None:
        raise ConfigurationError(f"'{text}' is not a day. Expected for example '2013-05-01'.")
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ConfigurationError(
            f"The reference data has no {day}: it has the days {FIRST_DAY} to {LAST_DAY}. Give one of "
            "these."
        )
    return day
