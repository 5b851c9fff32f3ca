"""From rows of requests to entries of the prediction log: lookup, features, score.

Requests that wait at the same time are scored together: the costs of a query and of a data frame
are then shared. A row has the same prediction alone and among others.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ml_assets.contracts.row_rules import typed_row
from ml_assets.errors import ContractViolation, TransientError
from ml_assets.learning.ensembles.answers import Answer, Answers, Outcome
from ml_assets.learning.predictions import PREDICTION, SCORE, probability_column
from ml_assets.learning.scorer.ensembles import EnsembleScorer
from ml_assets.learning.scoring import identified
from ml_assets.learning.specification import Classes
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.request_features import Completed
from ml_assets.online.store import OnlineStore
from ml_assets.online.values import Plain
from ml_assets.serving.champions import ServedModel
from ml_assets.serving.ensembles.members import Members
from ml_assets.serving.problems import Problem, unavailable
from ml_assets.serving.requests import Row, row_errors
from ml_assets.serving.served import ServedPipeline


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        pipeline: the pipeline that it asks.
        rows: its rows.
        arrived: monotonic time at which it arrived.
        is_repeatable: whether the client sent an idempotency key.
    """

    pipeline: ServedPipeline
    rows: Sequence[Row]
    arrived: float
    is_repeatable: bool = False


Predicted = Sequence[LoggedPrediction] | Problem
"""The entries of one request, or why it has none."""


def score_requests(
    asked: Sequence[Asked],
    models: Mapping[str, ServedModel],
    store: OnlineStore,
    members: Members,
) -> list[Predicted]:
    """The predictions of requests.

    Args:
        asked: (n,) requests.
        models: pipeline → the model that answers; one without is not in it.
        store: the online store.
        members: asks the members of ensembles.

    Returns:
        (n,) their entries or problems.
    """
    found: dict[int, Predicted] = {}
    for name in dict.fromkeys(one.pipeline.name for one in asked):
        numbers = [number for number, one in enumerate(asked) if one.pipeline.name == name]
        of_pipeline = [asked[number] for number in numbers]
        results = _of_pipeline(of_pipeline, models.get(name), store, members)
        found |= dict(zip(numbers, results, strict=True))
    return [found[number] for number in range(len(asked))]


def _of_pipeline(
    asked: Sequence[Asked], model: ServedModel | None, store: OnlineStore, members: Members
) -> list[Predicted]:
    if model is None:
        name = asked[0].pipeline.name
        problem = unavailable(
            f"No model of {name} answers. GET /v1/{name} says why; 'ml-assets status {name}' names the "
            "command that comes next.",
            retry_after=5,
        )
        return [problem] * len(asked)
    try:
        return [*_scored(asked, model, store, members)]
    except TransientError as error:
        return [unavailable(str(error))] * len(asked)
    except (Problem, ContractViolation) as error:
        if len(asked) > 1:  # one request must not fail the others
            return [part for one in asked for part in _of_pipeline([one], model, store, members)]
        return [error if isinstance(error, Problem) else Problem(422, str(error))]


def _scored(
    asked: Sequence[Asked], served: ServedModel, store: OnlineStore, members: Members
) -> Iterator[Predicted]:
    pipeline = asked[0].pipeline
    rows = [row for one in asked for row in one.rows]
    given = [row.request for row in rows]
    completed = pipeline.lookups.of(store, given, [row.at for row in rows])
    features = _checked(pipeline, rows, completed)
    predictions, ensemble = _predicted(served, features, members, pipeline.name)
    days = [pipeline.day_of(row.values, row.at) for row in rows]
    keys = ([row.values[name] for name in pipeline.key] for row in rows)
    ids = identified(days, keys)
    now, answered_at = time.monotonic(), datetime.now(UTC)
    number = 0
    for one in asked:
        entries = []
        for row in one.rows:
            of_row = completed[number]
            entries.append(
                LoggedPrediction(
                    event_id=row.event_id,
                    pipeline=pipeline.name,
                    day=days[number],
                    prediction_id=ids[number],
                    at=row.at,
                    answered_at=answered_at,
                    request=given[number],
                    features=features[number],
                    ages=of_row.ages,
                    missing=of_row.missing,
                    stale=of_row.stale,
                    prediction=predictions[number],
                    model_version=served.champion.fingerprint,
                    model_as_of=served.champion.as_of,
                    latency_ms=round((now - one.arrived) * 1000, 3),
                    ensemble=ensemble[number],
                )
            )
            number += 1
        yield _unanswered(entries) or entries


def _checked(
    pipeline: ServedPipeline, rows: Sequence[Row], completed: Sequence[Completed]
) -> list[dict[str, Plain]]:
    """The features of each row, by the rules of their contract.

    Raises:
        Problem: a feature is missing that may not be, or breaks a rule, or values are stale and that
            is refused.
    """
    found = []
    for row, of_row in zip(rows, completed, strict=True):
        if of_row.stale and pipeline.section.on_stale == "refuse":
            raise unavailable(_stale(of_row), retry_after=60)
        features, broken = typed_row(pipeline.feature_rules, of_row.features)
        if broken:
            raise Problem(422, _broken(of_row, broken), row_errors(row.number, features, broken))
        found.append(features)
    return found


def _broken(completed: Completed, broken: Mapping[str, Sequence[str]]) -> str:
    name, [rule, *_] = next(iter(broken.items()))
    unknown = [table for table, age in completed.ages.items() if age is None]
    where = ""
    if unknown and completed.features[name] is None:
        where = f" Nothing is online for the row in {', '.join(unknown)}."
    return (
        f"Features break the contract: {name}: {rule}.{where} Nothing was predicted. A request may "
        f"contain '{name}' itself."
    )


def _stale(completed: Completed) -> str:
    ages = ", ".join(
        f"{table} ({completed.ages[table] or 0:,.0f} s old)" for table in completed.stale
    )
    return (
        f"Features are older than their ttl: {ages}. The pipeline refuses them ('on_stale: refuse'). "
        "Materialize the newest partitions of these tables."
    )


def _predicted(
    served: ServedModel, features: Sequence[Mapping[str, Plain]], members: Members, pipeline: str
) -> tuple[list[dict[str, Plain]], Sequence[Answer | None]]:
    """The predictions of rows, and how they came about if the model is an ensemble."""
    scorer, version = served.model.scorer, served.champion.fingerprint
    if isinstance(scorer, EnsembleScorer):
        answers = scorer.answers_of_rows(features, members.of(pipeline, version))
        return _ensemble_predictions(answers), answers.rows
    found = _plain_predictions(scorer.of_rows(features), served.model.specification.classes)
    return found, [None] * len(features)


def _ensemble_predictions(answers: Answers) -> list[dict[str, Plain]]:
    """The predictions of an ensemble; a refused row has none."""
    return [
        {PREDICTION: None if row.outcome == Outcome.REFUSED else prediction}
        for prediction, row in zip(answers.predictions.tolist(), answers.rows, strict=True)
    ]


def _unanswered(entries: Sequence[LoggedPrediction]) -> Problem | None:
    """The problem of a request with a row that no member of the ensemble answered."""
    for entry in entries:
        if entry.ensemble and entry.ensemble.outcome == Outcome.FAILED:
            members = entry.ensemble.members.items()
            why = " ".join(f"{name}: {one.failure}" for name, one in members if one.failure)
            return unavailable(
                f"No member of the ensemble {entry.pipeline} answered, so nothing was predicted. {why} "
                "Send the request again later."
            )
    return None


def _plain_predictions(predictions: np.ndarray, classes: Classes) -> list[dict[str, Plain]]:
    """Each prediction as columns of the table of predictions, see ``learning.predictions``."""
    if not classes:
        return [{PREDICTION: value} for value in predictions.tolist()]
    columns = [probability_column(name) for name in classes]
    best = predictions.argmax(axis=1).tolist()
    return [
        {PREDICTION: classes[number], SCORE: max(values), **dict(zip(columns, values, strict=True))}
        for number, values in zip(best, predictions.tolist(), strict=True)
    ]
