"""Ensembles of couriers that are served: one of each combination, and some with a member that may fail."""

import shutil
import time
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import yaml
from sklearn.linear_model import LogisticRegression

from ml_assets.configuration.models import pipeline
from ml_assets.serving.served import ServedPipeline
from ml_assets.settings import settings
from ml_assets_tests.components.ensembles import couriers
from ml_assets_tests.components.shop import definitions, raw_table
from ml_assets_tests.prepared import opened
from ml_assets_tests.project import Project

SCORED = couriers.SCORED
SLOW, BROKEN = "member-is-slow", "member-is-broken"
"""Files in the data folder: while there is one, the member ``moody`` does not answer, or fails."""

MEMBERS = ("boosting", "forest", "linear", "moody")
BY_NAME = {name: {"pipeline": name} for name in MEMBERS}
HEAVY_ORDER = {
    "name": "heavy_order",
    "when": {"items": {"at_least": 18}, "region": {"in": ["south"]}},
    "refuse": True,
    "reason": "A lorry takes it.",
}
MOODY = {"pipeline": "moody", "timeout_ms": 200}

ENSEMBLES: dict[str, dict[str, Any]] = {
    "couriers": {},
    "voting": {"combine": {"vote": {"threshold": 0.4}}},
    "cascading": {
        "combine": {"cascade": {"order": ["linear", "boosting", "forest"], "margin": 0.3}},
        "routes": [],
    },
    "chained": {
        "members": {
            "forest": BY_NAME["forest"],
            "linear": {**BY_NAME["linear"], "columns": {"hour": "is_heavy_by_forest"}},
        },
        "combine": {
            "chain": {
                "links": [{"member": "forest", "gives": "is_heavy_by_forest"}],
                "answer": "linear",
            }
        },
        "routes": [],
    },
    "with_moody": {
        "members": {"boosting": BY_NAME["boosting"], "linear": BY_NAME["linear"], "moody": MOODY},
        "combine": {"average": {"boosting": 2, "linear": 1, "moody": 1}},
        "routes": [],
        "rules": [],
    },
    "with_fallback": {
        "members": {"linear": BY_NAME["linear"], "moody": {**MOODY, "fallback": 0.25}},
        "combine": {"average": {"linear": 3, "moody": 1}},
        "routes": [],
        "rules": [],
    },
    "moody_alone": {
        "members": {"moody": MOODY},
        "combine": {"average": {"moody": 1}},
        "routes": [],
        "rules": [],
    },
}
"""Pipeline → what its section ``ensemble`` says otherwise than that of couriers."""


class MoodyRegression(LogisticRegression):  # type: ignore[misc]
    """A regression that does not answer while there is one file, and fails while there is another."""

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """The probabilities, as soon as there is no such file."""
        while (settings().data / SLOW).exists():
            time.sleep(0.005)
        if (settings().data / BROKEN).exists():
            raise ZeroDivisionError("secret of the member")
        return np.asarray(super().predict_proba(rows))


def moody() -> MoodyRegression:
    """Factory of the member."""
    return MoodyRegression(random_state=0)


def text(**serving: object) -> str:
    """The ``defs.yaml``, with a section ``serving`` of each ensemble."""
    *others, linear, ensemble = yaml.safe_load_all(couriers.text())
    factory = {"factory": f"{__name__}.moody", "hyperparameters": {}}
    estimator = {key: linear["attributes"]["estimator"][key] for key in KEPT} | factory
    of_moody = {"pipeline": "moody", "estimator": estimator}
    models = [linear, {**linear, "attributes": {**linear["attributes"], **of_moody}}]
    rules = [HEAVY_ORDER, *ensemble["attributes"]["ensemble"]["rules"]]
    common = {"prediction_limits": {"max_refused_share": 1.0}, "serving": serving}
    ensembles = [
        {
            **ensemble,
            "attributes": {
                **ensemble["attributes"],
                **common,
                "pipeline": name,
                "ensemble": {**ensemble["attributes"]["ensemble"], "rules": rules, **changes},
            },
        }
        for name, changes in ENSEMBLES.items()
    ]
    return yaml.safe_dump_all([*others, *models, *ensembles], sort_keys=False)


KEPT = ("task", "numeric", "categorical")


def world_definitions(folder: Path, **serving: object) -> dg.Definitions:
    """The definitions of all of them, their members and their data."""
    return definitions(folder / "defs", text(**serving), raw_table())


def served(folder: Path, *names: str, **serving: object) -> list[ServedPipeline]:
    """Ensembles as a service sees them.

    Args:
        folder: where their ``defs.yaml`` is written to.
        names: their names.
        serving: keys of their section ``serving``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "defs.yaml"
    file.write_text(text(**serving), "utf-8")
    return [ServedPipeline.of_configuration(pipeline(name, file), file) for name in names]


def build(home: Path, members: Path) -> None:
    """A project with a champion of each ensemble, whose first four predicted a day.

    Args:
        home: its folder.
        members: a project with champions of the members of couriers.
    """
    shutil.copytree(members, home)
    ensembles = " or ".join(
        f"group:{name}__training or group:{name}__release" for name in ENSEMBLES
    )
    predictions = " or ".join(f'key:"{name}/predictions"' for name in BATCHES)
    with opened(home, world_definitions(home)) as project:
        for selection, days in (
            ("group:moody__training or group:moody__release", couriers.MEMBERS),
            (ensembles, couriers.ENSEMBLE),
            (predictions, SCORED),
        ):
            done = project.materialize(selection, days)
            assert done.succeeded, done.failed_steps


BATCHES = ("couriers", "voting", "cascading", "chained")
"""Ensembles with batch predictions."""


def requests(project: Project, day: str = SCORED) -> list[dict[str, Any]]:
    """Rows of requests about the orders of a day."""
    rows = project.lake.read("shop/parcels", [day])
    names = ["order", "region", "items", "hour"]
    return [
        {name: None if value != value else value for name, value in row.items()}
        for row in rows[names].astype(object).to_dict("records")
    ]
