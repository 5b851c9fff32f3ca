"""The commands about the online store: what a service would get, and writing stored rows to it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ml_assets.commands.shared import (
    AsJson,
    asked_lake,
    column_and_text,
    console,
    plain_table,
    print_json,
    working,
)
from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.online.definition import OnlineTable
    from ml_assets.online.store import Features

app = typer.Typer(help="The online store, which services read.", no_args_is_help=True)

TableName = Annotated[str, typer.Argument(help="Table name: flight_delays/origin_rates.")]

LISTED = 1000
"""Entities among which an unknown one is compared with the known."""


@app.command("materialize")
def online_materialize(
    table: TableName,
    *,
    until: Annotated[str, typer.Option(help="Last day, 2013-05-31, or last hour.")],
) -> None:
    """Write the newest stored rows of each entity online; newer rows that are there stay."""
    from ml_assets.cadence import as_key
    from ml_assets.configuration.serving.online_tables import online_table
    from ml_assets.online.materializing import materialize
    from ml_assets.workspace import Workspace

    last = as_key(until)
    if last is None:
        raise ConfigurationError(
            f"'{until}' is not a day or an hour, expected for example '2013-05-31' or "
            "'2013-05-31-13:00'."
        )
    online, lake, out = online_table(table).online, asked_lake(), console()
    with working(out, f"{table} until {last}"):
        done = materialize(lake, Workspace.of_environment().online, online, last)
    out.print(
        f"[green]{done.entities:,} entities of {table} are online[/green], with their newest rows of "
        f"{len(done.days):,} partitions, {done.days[0]} to {done.days[-1]}.",
        highlight=False,
        soft_wrap=True,
    )


@app.command("get")
def online_get(
    table: TableName,
    entity: Annotated[list[str], typer.Argument(help="Each column of the entity: origin=JFK.")],
    *,
    at: Annotated[
        str | None,
        typer.Option(help="Time of the request, 2013-05-01T12:00-04:00; now if omitted."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a service would get for an entity: its features, their age, and whether they are stale."""
    from ml_assets.configuration.serving.online_tables import online_table
    from ml_assets.online.definition import entity_of
    from ml_assets.online.values import entity_key
    from ml_assets.workspace import Workspace

    found, moment = online_table(table), _moment(at)
    online, texts = found.online, dict(column_and_text(text) for text in entity)
    values = entity_of(online, found.contract, texts)
    lake, store = asked_lake(), Workspace.of_environment().online
    [features] = store.get(online, [values], moment)
    if features is None:
        key = entity_key(values)
        if later := store.rows(table, [key]).get(key):
            raise ConfigurationError(
                f"The online store has no features of {_named(online, key)} as of {_shown(moment)}: its "
                f"newest were known at {_shown(later.event_time)}, and the store keeps no older "
                "ones. Give a later --at."
            )
        raise _unknown(online, key, store.entities(table, LISTED), lake.days_stored(table))
    if as_json:
        print_json(_as_json(online, features))
    else:
        _print(online, features, moment, console())


def _moment(text: str | None) -> datetime:
    from ml_assets.contracts.moments import moment

    if text is None:
        return datetime.now(UTC)
    found = moment(text)
    if found is None:
        raise ConfigurationError(
            f"'{text}' is no time, expected for example '2013-05-01T12:00-04:00' or "
            "'2013-05-01 16:00', which is in UTC."
        )
    return found.replace(tzinfo=UTC)


def _unknown(
    online: "OnlineTable", key: str, known: Sequence[str], stored: Sequence[str]
) -> ConfigurationError:
    """The error for an entity that is not online."""
    from ml_assets.names import unknown
    from ml_assets.online.materializing import materialize_online_command

    if known:
        names = [_named(online, other) for other in known]
        return unknown(f"entity of {online.table} online", _named(online, key), names)
    if not stored:
        return ConfigurationError(
            f"No row of {online.table} is online, as no partition of it is stored. 'ml-assets status' "
            "names the command that computes the next one."
        )
    return ConfigurationError(
        f"No row of {online.table} is online. To write those that are stored, run: "
        f"{materialize_online_command(online.table, stored[-1])}"
    )


def _named(online: "OnlineTable", key: str) -> str:
    from ml_assets.online.values import entity_values

    values = entity_values(key)
    return " ".join(f"{name}={value}" for name, value in zip(online.entity, values, strict=True))


def _as_json(online: "OnlineTable", features: "Features") -> dict[str, object]:
    return {
        "table": online.table,
        "entity": features.entity,
        "event_time": features.event_time,
        "age_seconds": features.age.total_seconds(),
        "ttl_seconds": online.ttl.total_seconds(),
        "is_stale": features.is_stale,
        "partition": features.day,
        "written_at": features.written_at,
        "values": features.values,
    }


def _print(online: "OnlineTable", features: "Features", at: datetime, out: Console) -> None:
    table = plain_table("feature", "value", right=1)
    for name, value in features.values.items():
        table.add_row(name, _text(value))
    out.print(table)
    age, ttl = _duration(features.age), _duration(online.ttl)
    state = "[yellow]stale[/yellow]" if features.is_stale else "[green]not stale[/green]"
    out.print(
        f"Known at {_shown(features.event_time)}, {age} before {_shown(at)}: {state}, the ttl is {ttl}.",
        highlight=False,
    )
    out.print(
        f"From partition {features.day}, written online at {_shown(features.written_at)}.",
        highlight=False,
    )


def _text(value: object) -> str:
    if value is None:
        return "null"
    return _shown(value) if isinstance(value, datetime) else escape(str(value))


def _shown(moment: datetime) -> str:
    return moment.isoformat(" ", "minutes").replace("+00:00", " UTC")


def _duration(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    for unit, size in (("days", 24 * 60), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes / size:,.1f} {unit}".replace(".0 ", " ")
    return f"{minutes} minutes"
