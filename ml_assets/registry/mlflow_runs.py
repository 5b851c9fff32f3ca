"""Direct access to MLflow's tables of experiments and runs.

MLflow's client gives a run a new ID whenever it is asked, and its import takes seconds. A run here
has an ID that follows from its model, so that it is written once, however often it is recorded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from ml_assets.content import digest
from ml_assets.registry.versions import AS_OF, FINGERPRINT

CONTENT = "ml_assets.content"
"""Tag with the hash of what a run contains."""

TEXT_LENGTH = 8000
"""Largest number of characters of a parameter or a tag."""

_experiments = sa.table(
    "experiments",
    *map(
        sa.column,
        (
            "experiment_id",
            "name",
            "artifact_location",
            "lifecycle_stage",
            "creation_time",
            "last_update_time",
        ),
    ),
)
_runs = sa.table(
    "runs",
    *map(
        sa.column,
        (
            "run_uuid",
            "name",
            "source_type",
            "source_name",
            "entry_point_name",
            "user_id",
            "status",
            "start_time",
            "end_time",
            "source_version",
            "lifecycle_stage",
            "artifact_uri",
            "experiment_id",
        ),
    ),
)
_params = sa.table("params", *map(sa.column, ("key", "value", "run_uuid")))
_tags = sa.table("tags", *map(sa.column, ("key", "value", "run_uuid")))
_MEASURED = ("key", "value", "timestamp", "step", "is_nan", "run_uuid")
_metrics = sa.table("metrics", *map(sa.column, _MEASURED))
_latest = sa.table("latest_metrics", *map(sa.column, _MEASURED))
_versions = sa.table("model_versions", *map(sa.column, ("name", "version", "run_id")))
_version_tags = sa.table("model_version_tags", *map(sa.column, ("name", "version", "key", "value")))


@dataclass(frozen=True)
class TrainingRun:
    """A training as MLflow shows it.

    Attributes:
        pipeline: name of the pipeline, which is that of the experiment.
        as_of: as-of day.
        fingerprint: fingerprint of the model.
        parameters: name → value.
        metrics: name → value.
        tags: name → value; those that identify the run are added.
        started: beginning of the training, UTC.
        ended: time at which its evaluation was stored, UTC.
    """

    pipeline: str
    as_of: str
    fingerprint: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    started: datetime
    ended: datetime

    @property
    def name(self) -> str:
        """Name of the run."""
        return f"{self.pipeline} {self.as_of}"

    @property
    def all_tags(self) -> dict[str, str]:
        """Its tags with those that identify it."""
        own = {"pipeline": self.pipeline, AS_OF: self.as_of, FINGERPRINT: self.fingerprint}
        return {**self.tags, **own, "mlflow.runName": self.name, "mlflow.source.type": "JOB"}


def run_id(pipeline: str, as_of: str, fingerprint: str) -> str:
    """ID of the run that trained a model; 32 hexadecimal digits."""
    return digest("run", pipeline, as_of, fingerprint) + digest(fingerprint, as_of, pipeline)


def has_tables(connection: sa.Connection) -> bool:
    """Whether MLflow has created its tables."""
    return sa.inspect(connection).has_table(_runs.name)


def contents(connection: sa.Connection, pipeline: str) -> dict[str, str]:
    """ID → hash of the content, of all runs of a pipeline."""
    of_pipeline = sa.select(_tags.c.run_uuid).where(
        _tags.c.key == "pipeline", _tags.c.value == pipeline
    )
    query = sa.select(_tags.c.run_uuid, _tags.c.value).where(
        _tags.c.key == CONTENT, _tags.c.run_uuid.in_(of_pipeline)
    )
    return {row.run_uuid: row.value for row in connection.execute(query)}


def write(connection: sa.Connection, run: TrainingRun, content: str) -> None:
    """Write a run, or replace what was written of it; tags that others added stay.

    Args:
        connection: a transaction on MLflow's database.
        run: the run.
        content: hash of its content, see ``contents``.
    """
    identity = run_id(run.pipeline, run.as_of, run.fingerprint)
    experiment = _experiment(connection, run.pipeline)
    is_own = _runs.c.run_uuid == identity
    times = {"start_time": _milliseconds(run.started), "end_time": _milliseconds(run.ended)}
    if connection.scalar(sa.select(_runs.c.run_uuid).where(is_own)):
        connection.execute(sa.update(_runs).where(is_own).values(**times))
    else:
        row = {
            "run_uuid": identity,
            "name": run.name,
            "source_type": "JOB",
            "source_name": "dagster",
            "entry_point_name": "",
            "user_id": "",
            "status": "FINISHED",
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/{experiment}/{identity}/artifacts",
            "experiment_id": experiment,
            **times,
        }
        connection.execute(sa.insert(_runs), row)
    tags = {**run.all_tags, CONTENT: content}
    _replace(connection, _tags, identity, _texts(tags), tags)
    _replace(connection, _params, identity, _texts(run.parameters))
    measured = [
        {"key": name, "value": value, "timestamp": times["end_time"], "step": 0, "is_nan": False}
        for name, value in run.metrics.items()
    ]
    for table in (_metrics, _latest):
        _replace(connection, table, identity, measured)
    link(connection, run.pipeline, run.as_of, run.fingerprint)


def link(connection: sa.Connection, name: str, as_of: str, fingerprint: str) -> None:
    """Name the run of a model in its registered version, if there are both."""
    identity = run_id(name, as_of, fingerprint)
    if connection.scalar(sa.select(_runs.c.run_uuid).where(_runs.c.run_uuid == identity)):
        tagged = sa.select(_version_tags.c.version).where(
            _version_tags.c.name == name,
            _version_tags.c.key == FINGERPRINT,
            _version_tags.c.value == fingerprint,
        )
        of_model = sa.and_(_versions.c.name == name, _versions.c.version.in_(tagged))
        connection.execute(sa.update(_versions).where(of_model).values(run_id=identity))


def _experiment(connection: sa.Connection, name: str) -> int:
    """ID of the experiment of a pipeline, which is created if it is missing."""
    query = sa.select(_experiments.c.experiment_id).where(_experiments.c.name == name)
    if (found := connection.scalar(query)) is None:
        now = _milliseconds(datetime.now(UTC))
        row = {
            "name": name,
            "artifact_location": "",
            "lifecycle_stage": "active",
            "creation_time": now,
            "last_update_time": now,
        }
        connection.execute(sa.insert(_experiments), row)
        found = connection.scalar(query)
        location = f"mlflow-artifacts:/{found}"
        created = sa.update(_experiments).where(_experiments.c.experiment_id == found)
        connection.execute(created.values(artifact_location=location))
    return int(found or 0)


def _texts(values: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": value[:TEXT_LENGTH]} for key, value in values.items()]


def _replace(
    connection: sa.Connection,
    table: sa.TableClause,
    identity: str,
    rows: Sequence[Mapping[str, object]],
    keys: Iterable[str] | None = None,
) -> None:
    """Replace the rows of a run, or those with some keys."""
    is_own = table.c.run_uuid == identity
    if keys is not None:
        is_own = sa.and_(is_own, table.c.key.in_(list(keys)))
    connection.execute(sa.delete(table).where(is_own))
    if rows:
        connection.execute(sa.insert(table), [{**row, "run_uuid": identity} for row in rows])


def _milliseconds(time: datetime) -> int:
    return int(time.replace(tzinfo=UTC).timestamp() * 1000)
