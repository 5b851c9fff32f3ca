"""The ``.env`` of a checkout, or of one of its environments.

``python -m ml_assets.environment [SETTINGS] > .env`` writes it for the working directory. Dagster's
commands read it to find the instance and to batch its events. ``SETTINGS`` is a committed file with
the variables of an environment, as in ``environments/``.
"""

import os
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from dotenv import dotenv_values

from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion

CHECKOUT = Path(__file__).parents[1]
EVENT_BATCH_SIZE = 500
ENVIRONMENTS = "environments"
"""Folder of the checkout with a folder for each environment."""

OMP_WAIT_POLICY = "passive"
"""Active waiting of threads makes a fit many times slower on a busy machine."""

PASSWORD = re.compile(r"://[^/@\s]*:(?!\$\{\w+\}@)[^/\s]*@")
"""A URL with a password that is written out; ``${VARIABLE}`` in its place is none."""

PREFIX = "ML_ASSETS_"
"""Start of the names of all variables of this project."""

SERVICE_LINK = re.compile(r"ML_ASSETS(_\w+)?_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")
"""A variable that Kubernetes sets for a service whose name begins with ``ml-assets``."""

COMPUTE_LOGS = "ML_ASSETS_COMPUTE_LOGS"
"""Folder of compute logs, which ``dagster.yaml`` reads."""

ALERT_URLS = "ML_ASSETS_ALERTS__"
"""Start of the variables whose URLs are secrets as a whole: the token may be anywhere in them."""

WRITTEN_OUT = re.compile(r"://(?![^\s,]*\$\{\w+\})")
"""A URL without a ``${VARIABLE}``."""


def lines(root: Path, settings_file: Path | None = None) -> list[str]:
    """The variables for an environment.

    Args:
        root: its folder. ``DAGSTER_HOME`` is this folder if it has a ``dagster.yaml``, otherwise the checkout.
        settings_file: variables that replace or complete the defaults.

    Raises:
        ConfigurationError: the settings file holds a password.
    """
    chosen = dotenv_values(settings_file, interpolate=False) if settings_file else {}
    for name, value in chosen.items():
        if PASSWORD.search(value or ""):
            raise ConfigurationError(
                f"{settings_file} holds a password in {name}, and such files are committed. Expected a URL "
                "without one: keep the password in ~/.pgpass or PGPASSWORD, or write '${VARIABLE}' in its "
                "place and export that variable."
            )
        if name.startswith(ALERT_URLS) and WRITTEN_OUT.search(value or ""):
            raise ConfigurationError(
                f"{settings_file} holds a URL in {name} without a variable, and such files are committed: the "
                "URL of a route contains its token. Expected '${VARIABLE}' in place of the token or of the URL: "
                "export that variable."
            )
    data = root / Path(chosen.get("ML_ASSETS_DATA") or "data").expanduser()
    defaults = {
        "DAGSTER_HOME": root if (root / "dagster.yaml").exists() else CHECKOUT,
        "DAGSTER_EVENT_BATCH_SIZE": EVENT_BATCH_SIZE,
        "OMP_WAIT_POLICY": OMP_WAIT_POLICY,
        "ML_ASSETS_DATA": data,
        COMPUTE_LOGS: data / "dagster" / "compute_logs",
    }
    return [
        *(settings_file.read_text("utf-8").splitlines() if settings_file else []),
        *(
            f"{name}={value}"
            for name, value in defaults.items()
            if name not in chosen or name == "ML_ASSETS_DATA"
        ),
    ]


def remedy(variable: str = "") -> str:
    """The command that writes the ``.env`` of the working directory, as a sentence for an error message.

    Args:
        variable: a variable with a wrong value. When the shell exports it, ``.env`` does not count.
    """
    file, here = Path(".env"), Path.cwd()
    written = dotenv_values(file).get(variable) if file.exists() else None
    exported = os.environ.get(variable)
    if exported is not None and exported != written:
        return f"The shell exports it: run 'unset {variable}'."
    command = "make setup"
    if here.parent.name == ENVIRONMENTS:
        command = f"make -C ../.. environment ENV={here.name}"
    if not file.exists():
        return f"Run '{command}', which writes it to .env."
    return (
        f"Run 'mv .env .env.old' and then '{command}', which writes .env again; copy settings of your "
        "own from .env.old."
    )


def refuse_unknown_names(file: Path, settings: Mapping[str, Collection[str] | None]) -> None:
    """Refuse variables of this project that no setting has: they would be ignored.

    Args:
        file: a ``.env``, which is read besides the environment; it may be missing.
        settings: setting → its keys with a variable each; none if they are free, None for a single value.

    Raises:
        ConfigurationError: there is one; the message contains no value.
    """
    written = dotenv_values(file, interpolate=False) if file.exists() else {}
    exported = [name for name in os.environ if not SERVICE_LINK.fullmatch(name)]
    ours = sorted({name for name in (*exported, *written) if name.upper().startswith(PREFIX)})
    for name in ours:
        setting, separator, _ = name.upper().removeprefix(PREFIX).lower().partition("__")
        is_known = setting in settings and not (separator and settings[setting] is None)
        if not is_known and name.upper() != COMPUTE_LOGS:
            known = [
                f"{PREFIX}{one}{f'__{key}' if key else ''}".upper()
                for one, keys in settings.items()
                for key in keys or ("",)
            ]
            raise ConfigurationError(
                f"Settings are not usable: {name} is unknown.{suggestion(name, [*known, COMPUTE_LOGS])} "
                "Correct or unset it; docs/architecture.md has the table of variables."
            )


if __name__ == "__main__":
    try:
        print("\n".join(lines(Path.cwd(), Path(sys.argv[1]) if sys.argv[1:] else None)))
    except ConfigurationError as error:
        sys.exit(f"ConfigurationError: {error}")
