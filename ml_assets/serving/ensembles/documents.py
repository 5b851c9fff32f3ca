"""The part of an answer about an ensemble, and its description in the OpenAPI document."""

import math
from collections.abc import Mapping
from typing import Any

from ml_assets.learning.ensembles.answers import (
    LIMITS,
    Answer,
    Applied,
    MemberAnswer,
    Outcome,
)
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.serving.documents import PREDICTION
from ml_assets.serving.served import ServedPipeline

JSON = "application/json"

NUMBER = {"type": ["number", "null"]}

ENSEMBLE = {
    "type": "object",
    "description": "How the ensemble came to the prediction.",
    "required": ["route", "members", "combined", "rules", "outcome"],
    "properties": {
        "route": {
            "type": "string",
            "description": "Route by which members were asked; empty for none.",
        },
        "members": {
            "type": "object",
            "description": "The members that were asked.",
            "additionalProperties": {
                "type": "object",
                "required": ["score", "failure"],
                "properties": {
                    "score": {**NUMBER, "description": "Its prediction; null for none."},
                    "failure": {
                        "type": "string",
                        "description": "Why it gave no answer of its own; a score is then its fallback. "
                        "Empty if it gave one.",
                    },
                },
            },
        },
        "combined": {**NUMBER, "description": "Combined prediction, before the rules."},
        "rules": {
            "type": "array",
            "description": "Rules that applied, in order.",
            "items": {
                "type": "object",
                "required": ["rule", "reason"],
                "properties": {"rule": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
        "outcome": {
            "description": "Of a refused row there is no prediction; one for a person is looked at before it "
            "is used.",
            "enum": [Outcome.ANSWERED, Outcome.PERSON, Outcome.REFUSED],
        },
    },
}
"""Schema of the part of an answer about an ensemble."""

EXAMPLE = {
    "event_id": "4b97c9d971654af187c535d17bea1ce2",
    "prediction_id": "2013-06-01-54e9f4ac813d29c6",
    "prediction": 0.4,
    "model_as_of": "2013-05-27",
    "model_version": "2cc0769a2fb66943b6a7e32443d7a4a0",
    "at": "2013-06-01T04:00:00+00:00",
    "ages_seconds": {},
    "stale": [],
    "missing": [],
    "logged": True,
}
"""An answer without the part about an ensemble."""


def ensemble_record(answer: Answer | None) -> dict[str, Any]:
    """The part of an answer about an ensemble as JSON, which has no infinite numbers; empty for other models."""
    if answer is None:
        return {}
    record = answer.record()
    members = {
        name: {**one, "score": _finite(one["score"])} for name, one in record["members"].items()
    }
    return {"ensemble": {**record, "members": members, "combined": _finite(answer.combined)}}


def answers_document(pipeline: ServedPipeline) -> dict[int | str, dict[str, Any]]:
    """The part of the OpenAPI document about the predictions of a pipeline, without examples."""
    one = _prediction() if pipeline.specification.members else PREDICTION
    schema = {"oneOf": [one, {"type": "array", "items": one}]}
    return {
        200: {
            "description": "The prediction of the row, or of each row in their order.",
            "content": {JSON: {"schema": schema}},
        }
    }


def with_examples(
    document: dict[str, Any], pipelines: Mapping[str, ServedPipeline]
) -> dict[str, Any]:
    """An OpenAPI document with examples of what ensembles answer; FastAPI would leave out their nulls."""
    for name, pipeline in pipelines.items():
        if pipeline.specification.members:
            rules = EnsembleRules.model_validate(pipeline.specification.hyperparameters["ensemble"])
            answers = document["paths"][f"/v1/{name}/predict"]["post"]["responses"]["200"]
            answers["content"][JSON]["examples"] = _examples(rules)
    return document


def _prediction() -> dict[str, Any]:
    """Schema of one answer of an ensemble."""
    prediction = {**NUMBER, "description": "A number; null if the row was refused."}
    properties = {**PREDICTION["properties"], "prediction": prediction, "ensemble": ENSEMBLE}
    return {**PREDICTION, "properties": properties}


def _examples(rules: EnsembleRules) -> dict[str, Any]:
    """An answered row, and a refused one."""
    members = {name: MemberAnswer(0.4) for name in rules.answering}
    refusing = [Applied(rule.name, rule.reason) for rule in rules.rules if rule.refuse]
    refused = [*refusing, Applied(LIMITS, "The prediction is not at most 0.3.")][0]
    return {
        "answered": _example(Answer("", members, 0.4, (), Outcome.ANSWERED), 0.4),
        "refused": _example(Answer("", members, 0.4, (refused,), Outcome.REFUSED), None),
    }


def _example(answer: Answer, prediction: float | None) -> Mapping[str, Any]:
    return {"value": {**EXAMPLE, "prediction": prediction, **ensemble_record(answer)}}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
