"""The commands of the service: serving predictions, and the API keys of those who ask for them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.commands.shared import AsJson, console, plain_table, print_json
from ml_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from ml_assets.serving.keys import ApiKeys

app = typer.Typer()
MAX_DAYS = 3650
MAX_NAME = 200
"""Longest validity, and longest name, of an API key."""

keys = typer.Typer(help="API keys of the service.", no_args_is_help=True)


@app.command()
def serve(
    pipelines: Annotated[
        list[str] | None, typer.Argument(help="Pipelines to serve; all with a champion if omitted.")
    ] = None,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")
    ] = 8000,
    require_keys: Annotated[
        bool, typer.Option("--require-keys", help="Expect API keys on a loopback address too.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Let requests name their time, with ?at=…")
    ] = False,
) -> None:
    """Answer requests for predictions over HTTP, with the champion of each pipeline."""
    try:
        from ml_assets.serving.server import run
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{error.name} is not installed. To install the packages of the service, run: "
            "pip install 'ml-assets[serving]'"
        ) from None
    run(
        pipelines or [],
        host=host,
        port=port,
        requires_key=require_keys,
        is_replay=replay,
        started=_print_address,
    )


def _print_address(address: str, pipelines: Sequence[str]) -> None:
    console().print(
        f"Answering requests for {', '.join(pipelines)} on {address}. Documentation of the requests: {address}/openapi.json. Ctrl-C "
        "ends it.",
        highlight=False,
        soft_wrap=True,
    )


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Purpose of the key, such as gate-planning.")],
    *,
    pipeline: Annotated[
        list[str] | None, typer.Option(help="A pipeline it may ask; all if omitted.")
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=MAX_DAYS, help="Days after which it expires.")
    ] = 90,
) -> None:
    """Create an API key. It is printed once and stored nowhere."""
    from ml_assets.configuration.models import pipelines as known_pipelines
    from ml_assets.names import unknown

    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise ConfigurationError(
            f"The name of a key has 1 to {MAX_NAME} printable characters, as in: ml-assets keys create "
            "gate-planning"
        )
    known = known_pipelines()
    for one in pipeline or []:
        if one not in known:
            raise unknown("pipeline", one, known)
    expires_at = datetime.now(UTC) + timedelta(days=days)
    key, text = _keys().create(name, pipeline or [], expires_at)
    console().print(
        f"Key {key.id} for {', '.join(key.pipelines) or 'all pipelines'}, valid until "
        f"{expires_at:%Y-%m-%d}. It is not shown again:",
        highlight=False,
        soft_wrap=True,
    )
    typer.echo(text)


@keys.command("list")
def keys_list(*, as_json: AsJson = False) -> None:
    """List the API keys, without their secrets."""
    found, now = _keys().all(), datetime.now(UTC)
    if as_json:
        print_json(
            [
                {
                    "id": key.id,
                    "name": key.name,
                    "pipelines": key.pipelines,
                    "created_at": key.created_at,
                    "expires_at": key.expires_at,
                    "revoked_at": key.revoked_at,
                    "state": key.state(now),
                }
                for key in found
            ]
        )
        return
    if not found:
        console().print("There are no API keys. To create one, run: ml-assets keys create NAME")
        return
    table = plain_table("id", "name", "pipelines", "expires", "state")
    for key in found:
        expires = f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "never"
        table.add_row(key.id, key.name, ", ".join(key.pipelines) or "all", expires, key.state(now))
    console().print(table)


@keys.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(help="Its id, the second part of the key.")],
) -> None:
    """Revoke an API key; services refuse it within two seconds."""
    key = _keys().revoke(key_id)
    console().print(f"Key {key.id} ({key.name}) is revoked.", highlight=False, soft_wrap=True)


def _keys() -> "ApiKeys":
    from ml_assets.serving.keys import ApiKeys
    from ml_assets.settings import settings

    return ApiKeys(settings().ledger_url)
