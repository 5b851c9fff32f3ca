"""Old names of commands: errors that name the new ones."""

import shlex

import typer

from ml_assets.errors import ConfigurationError

ANY_ARGUMENTS = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}
"""Context settings of a command that refuses whatever follows its name."""


def renamed(old: str, new: str, command: str) -> ConfigurationError:
    """The error for an old name.

    Args:
        old: a command or an option, as it was.
        new: its name now.
        command: the whole command as it is now, without ``ml-assets``.
    """
    return ConfigurationError(f"'{old}' is now '{new}': ml-assets {command}")


def add_renamed(app: typer.Typer, old: str, new: str, group: str = "") -> None:
    """Let the old name of a command fail with the new one.

    Args:
        app: where the command was.
        old: its name there.
        new: its name now.
        group: name of the group that ``app`` is, if it is one.
    """
    prefix = f"{group} " if group else ""

    def refuse(context: typer.Context) -> None:
        arguments = f" {shlex.join(context.args)}" if context.args else ""
        raise renamed(f"{prefix}{old}", f"{prefix}{new}", f"{prefix}{new}{arguments}")

    app.command(old, hidden=True, context_settings=ANY_ARGUMENTS)(refuse)
