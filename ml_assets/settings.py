"""Settings: paths, URLs and limits that differ between machines, read from the environment.

Variables start with ``ML_ASSETS_``; a ``.env`` file in the working directory is read too. The
configuration of a pipeline (windows, thresholds, hyperparameters) is in its ``defs.yaml``; a
backtest changes parts of it with ``ML_ASSETS_PIPELINES``.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from ml_assets.alert_urls import AlertUrls, refuse_unset_variables
from ml_assets.database_url import is_database, parsed
from ml_assets.environment import ALERT_URLS, PREFIX, refuse_unknown_names
from ml_assets.errors import ConfigurationError, sentence
from ml_assets.names import suggestion

SOURCE_DATABASE, SOURCE_FILES = "source_database", "source_files"
"""Connections to source systems that have a default: a database and a folder."""

CONNECTION_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class SharedTables(BaseModel, extra="forbid"):
    """Tables of another lake that this project reads and never writes; set by backtests."""

    lake: str
    ledger_url: SecretStr
    tables: list[str]


class ServingLimits(BaseModel, extra="forbid", frozen=True):
    """Limits of requests to ``ml-assets serve``; see docs/serving.md for the reasons of the defaults."""

    max_rows: int = Field(10_000, ge=1, description="Rows of one request.")
    max_body_bytes: int = Field(8 * 2**20, ge=1, description="Size of a request.")
    seconds: float = Field(10, gt=0, description="Time for one request.")
    max_waiting: int = Field(200, ge=1, description="Requests that may wait.")
    max_waiting_large: int = Field(8, ge=1, description="Requests of many rows that may wait.")
    max_waiting_rows: int = Field(50_000, ge=1, description="Rows that may wait to be logged.")


class Settings(BaseSettings):
    """The project's settings; see ``docs/architecture.md`` for the table of variables."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_nested_delimiter="__",
        env_nested_max_split=1,
        extra="ignore",
    )

    data: Path = Field(Path("data"), description="Folder for everything local.")
    lake: str | None = Field(None, description="Delta root: a folder or an object-store URL.")
    source_url: SecretStr | None = Field(None, description="SQLAlchemy URL of the source database.")
    connections: dict[str, SecretStr] = Field(
        {}, description="Name → URL of a further source system: a database, or a folder of files."
    )
    postgres_url: SecretStr | None = Field(None, description="Postgres for Dagster and the ledger.")
    registry_url: SecretStr | None = Field(
        None, description="Database of the model registry: SQLite, or a Postgres schema of its own."
    )
    retry_waits: list[int] = Field(
        [30, 120, 600, 3600], description="Seconds before each retry of a transient failure."
    )
    executor: Literal["in_process", "multiprocess"] = Field(
        "in_process", description="Where steps run: this process, or a process for each."
    )

    commit: str = Field(
        "", description="Git commit of the code where there is no checkout, as in a container."
    )
    sensors: Literal["running", "stopped"] = Field(
        "running", description="Whether sensors and schedules run as soon as a daemon does."
    )
    sensor_seconds: int = Field(30, ge=1, description="Seconds between two ticks of a sensor.")
    shared: SharedTables | None = Field(
        None, description="Tables read from another lake, as JSON; set by backtests."
    )
    serving: ServingLimits = Field(
        ServingLimits(), description="Limits of requests to the service."
    )
    alerts: AlertUrls = Field(
        AlertUrls(), description="Where notifications of alerts are sent to, by level."
    )
    pipelines: dict[str, dict[str, Any]] = Field(
        {}, description="Pipeline → the keys of its defs.yaml that differ, as JSON."
    )

    @field_validator("data", mode="before")
    @classmethod
    def _is_named(cls, value: object) -> object:
        if not str(value).strip():
            raise ValueError("it is empty; set it to a folder, or unset it to use ./data")
        return value

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("lake", "source_url", "postgres_url", "registry_url", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("connections")
    @classmethod
    def _are_named(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name in value:
            if not CONNECTION_NAME.fullmatch(name):
                raise ValueError(f"'{name}' is not a name of lower-case letters, digits and '_'")
            if name == SOURCE_DATABASE:
                raise ValueError(f"'{name}' is set by {variable_of(name)}")
        return {name: url for name, url in value.items() if url.get_secret_value()}

    @field_validator("retry_waits")
    @classmethod
    def _not_negative(cls, value: list[int]) -> list[int]:
        if any(wait < 0 for wait in value):
            raise ValueError("waits are seconds and cannot be negative")
        return value

    @property
    def lake_uri(self) -> str:
        """Root of the Delta tables."""
        return self.lake or str(self.data / "lake")

    @property
    def source_database_url(self) -> str:
        """SQLAlchemy URL of the source database (SQLite under ``data/`` by default)."""
        if self.source_url is None:
            return f"sqlite:///{self.data / 'source.db'}"
        return with_driver(self.source_url.get_secret_value(), "ML_ASSETS_SOURCE_URL")

    @property
    def connection_urls(self) -> dict[str, str]:
        """Name → URL or folder of each source system."""
        found = {
            SOURCE_DATABASE: self.source_database_url,
            SOURCE_FILES: str(self.data / SOURCE_FILES),
        }
        for name, secret in self.connections.items():
            url = secret.get_secret_value()
            found[name] = with_driver(url, variable_of(name)) if is_database(url) else url
        return found

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger (Postgres when it is configured)."""
        if self.postgres_url is None:
            return f"sqlite:///{self.data / 'ledger.db'}"
        return with_driver(self.postgres_url.get_secret_value(), "ML_ASSETS_POSTGRES_URL")

    @property
    def online_url(self) -> str:
        """SQLAlchemy URL of the online store: that of the ledger on Postgres, else a file of its own."""
        return self.ledger_url if self.postgres_url else f"sqlite:///{self.data / 'online.db'}"

    @property
    def prediction_log_url(self) -> str:
        """SQLAlchemy URL of the prediction log: that of the ledger on Postgres, else a file of its own."""
        file = f"sqlite:///{self.data / 'prediction_log.db'}"
        return self.ledger_url if self.postgres_url else file

    @property
    def registry_database_url(self) -> str:
        """SQLAlchemy URL of the model registry's database.

        With Postgres it is a separate schema, as some tables of MLflow and Dagster have equal
        names.
        """
        if self.registry_url is not None:
            return with_driver(self.registry_url.get_secret_value(), "ML_ASSETS_REGISTRY_URL")
        if self.postgres_url is None:
            return f"sqlite:///{self.data / 'mlflow.db'}"
        return with_schema(
            with_driver(self.postgres_url.get_secret_value(), "ML_ASSETS_POSTGRES_URL"), "mlflow"
        )


def variable_of(connection: str) -> str:
    """The environment variable of a connection's URL."""
    if connection == SOURCE_DATABASE:
        return "ML_ASSETS_SOURCE_URL"
    return f"ML_ASSETS_CONNECTIONS__{connection.upper()}"


def with_schema(url: str, schema: str) -> str:
    """A Postgres URL with an option that selects the schema."""
    found = parsed(url)
    options = f"{found.query.get('options', '')} -csearch_path={schema}".strip()
    return found.update_query_dict({"options": options}).render_as_string(hide_password=False)


def with_driver(url: str, variable: str = "") -> str:
    """A URL with driver psycopg2 if it is a Postgres URL without one: Dagster's NOTIFY needs it.

    Args:
        url: SQLAlchemy URL.
        variable: its environment variable, for the message.

    Raises:
        ConfigurationError: the URL is invalid; the message contains no part of it.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgres", "postgresql"):
        url = f"postgresql+psycopg2://{rest}"
    parsed(url, variable)
    return url


@cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        ConfigurationError: the value of a variable is not allowed.
    """
    refuse_unset_variables(Path(".env"), ALERT_URLS)
    refuse_unknown_names(Path(".env"), {name: _keys(name) for name in Settings.model_fields})
    found, problem = _read()
    if found is None:
        raise ConfigurationError(f"Settings are not usable: {sentence(problem)}")
    for field in ("source_url", "postgres_url", "registry_url"):
        secret: SecretStr | None = getattr(found, field)
        if secret is not None:
            with_driver(secret.get_secret_value(), f"ML_ASSETS_{field.upper()}")
    for name, url in found.connections.items():
        if is_database(url.get_secret_value()):
            with_driver(url.get_secret_value(), variable_of(name))
    if found.shared:
        parsed(found.shared.ledger_url.get_secret_value(), "ML_ASSETS_SHARED")
    _refuse_credentials(found.lake or "", "ML_ASSETS_LAKE")
    return found


def _keys(setting: str) -> list[str] | None:
    """Known keys of a setting that has a variable for each of them; None for a single value."""
    annotation = Settings.model_fields[setting].annotation
    kinds = [one for one in (annotation, *get_args(annotation)) if isinstance(one, type)]
    models = [one for one in kinds if issubclass(one, BaseModel)]
    if models or get_origin(annotation) is dict:
        return [field for one in models for field in one.model_fields]
    return None


def _read() -> tuple[Settings | None, str]:
    """The settings, or a problem. Errors are not propagated, as they would contain secrets."""
    try:
        return Settings(), ""
    except ValidationError as error:
        return None, "; ".join(map(_problem, error.errors(include_input=False)))
    except SettingsError as error:
        name = re.search(r'field "(\w+)"', str(error))
        variable = f"ML_ASSETS_{name[1].upper()}" if name else "a variable"
        return None, f"{variable} is not valid JSON; docs/architecture.md describes its format"


def _problem(error: ErrorDetails) -> str:
    """The problem of a variable, without its value."""
    *group, name = (str(part) for part in error["loc"])
    start = f"ML_ASSETS_{''.join(f'{part}__' for part in group)}".upper()
    if error["type"] != "extra_forbidden":
        reason = error.get("ctx", {}).get("error", error["msg"])
        return f"{start}{name.upper()}: {reason}"
    known = [f"{start}{one.upper()}" for one in _keys(group[0]) or ()]
    near = suggestion(f"{start}{name.upper()}", known)
    return f"{start}{name.upper()} is unknown.{near} Expected are {', '.join(known)}"


def _refuse_credentials(lake: str, variable: str) -> None:
    """Refuse a lake's URL with a password or token, as messages contain the URL."""
    scheme, separator, rest = lake.partition("://")
    if not separator:
        return
    authority = rest.partition("/")[0]
    allowed = 1 if scheme in ("abfs", "abfss") else 0
    if rest.count("@") > allowed or ":" in authority or "?" in rest:
        raise ConfigurationError(
            f"{variable} contains more than a bucket and a path: messages would show credentials. "
            "Expected for example 's3://bucket/path', with credentials in the variables of the "
            "store, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3."
        )
