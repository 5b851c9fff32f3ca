"""The OpenAPI document: schemas and examples of requests, made from the contracts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from ml_assets.contracts.contract import dtype
from ml_assets.serving.problems import MEDIA_TYPE, TITLES
from ml_assets.serving.served import ServedPipeline

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, and what was expected."},
        "errors": {
            "type": "array",
            "description": "What was wrong with single rows.",
            "items": {
                "type": "object",
                "required": ["row", "rule"],
                "properties": {
                    "row": {"type": "integer", "description": "Number of the row, from 0."},
                    "column": {
                        "type": "string",
                        "description": "None where the rule is about several columns.",
                    },
                    "rule": {"type": "string", "description": "As a dead letter says it."},
                    "value": {},
                },
            },
        },
    },
}
"""Schema of a problem."""

PREDICTION: dict[str, Any] = {
    "type": "object",
    "required": [
        "event_id",
        "prediction_id",
        "prediction",
        "model_as_of",
        "model_version",
        "at",
        "ages_seconds",
        "stale",
        "missing",
        "logged",
    ],
    "properties": {
        "event_id": {
            "type": "string",
            "description": "Identifies the event in the prediction log.",
        },
        "prediction_id": {"type": "string", "description": "Identifies the row, as in batches."},
        "prediction": {"description": "A number, or a class.", "type": ["number", "string"]},
        "score": {"type": "number", "description": "Probability of the predicted class."},
        "model_as_of": {"type": "string"},
        "model_version": {"type": "string", "description": "Fingerprint of the model."},
        "at": {"type": "string", "format": "date-time", "description": "Time of the features."},
        "ages_seconds": {
            "type": "object",
            "description": "Age of the values of each table; null if it has none of the row.",
            "additionalProperties": {"type": ["number", "null"]},
        },
        "stale": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Tables whose values are older than their ttl.",
        },
        "missing": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Features without a value.",
        },
        "logged": {"type": "boolean", "description": "Whether it is in the prediction log."},
    },
}
"""Schema of one answer."""

PREDICT_PARAMETERS = [
    {
        "name": name,
        "in": place,
        "required": False,
        "schema": {"type": "string"},
        "description": description,
    }
    for name, place, description in (
        (
            "Idempotency-Key",
            "header",
            "The same key is answered with the same prediction, and logged once.",
        ),
        ("at", "query", "Time of the features; only of a service that replays the past."),
    )
]
"""Headers and query of a request for predictions. ``app`` reads them itself: as arguments of a function,
FastAPI would spend a quarter of its time with a request on them."""


API_KEY = "ApiKey"
"""Name of the security scheme."""


def with_api_keys(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document with the security scheme of API keys.

    Args:
        document: the document.
    """
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "description": "A key that 'ml-assets keys create' made.",
    }
    components = {**document.get("components", {}), "securitySchemes": {API_KEY: scheme}}
    return {**document, "components": components}


def security(*, is_required: bool) -> dict[str, Any]:
    """The part of the document about the API keys of an address.

    Args:
        is_required: whether requests without a key are refused.
    """
    return {"security": [{API_KEY: []}] if is_required else [{}, {API_KEY: []}]}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented problems of an address."""
    content = {MEDIA_TYPE: {"schema": PROBLEM}}
    return {status: {"description": TITLES[status], "content": content} for status in statuses}


def predict_document(pipeline: ServedPipeline, max_rows: int) -> dict[str, Any]:
    """The part of the OpenAPI document about requests for predictions of a pipeline.

    Args:
        pipeline: the pipeline.
        max_rows: greatest number of rows of a request.
    """
    row = row_schema(pipeline)
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": max_rows}
    return {
        "parameters": PREDICT_PARAMETERS,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"oneOf": [row, rows]},
                    "example": example(pipeline),
                }
            },
        },
    }


def row_schema(pipeline: ServedPipeline) -> dict[str, Any]:
    """The JSON schema of a row of a request."""
    rules = {**pipeline.required_rules, **pipeline.optional_rules}
    required = [name for name, rule in pipeline.required_rules.items() if not rule.nullable]
    properties = {name: _column(pipeline, name) for name in rules}
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


def example(pipeline: ServedPipeline) -> Mapping[str, Any]:
    """A row that keeps all rules: of each column its metadata's ``example``, or a value of its type."""
    return {
        name: _example(pipeline.column(name))
        for name in pipeline.required_rules
        if not pipeline.required_rules[name].nullable or "example" in _metadata(pipeline, name)
    }


def _metadata(pipeline: ServedPipeline, name: str) -> Mapping[str, Any]:
    return pipeline.column(name).metadata or {}


def _column(pipeline: ServedPipeline, name: str) -> dict[str, Any]:
    column = pipeline.column(name)
    kind, limits = _type(column)
    found: dict[str, Any] = {"description": pipeline.described(name), **limits}
    found["type"] = [kind, "null"] if column.nullable else kind
    for check in column.checks:
        found |= _limit(str(check.name), check.statistics or {})
    if column.nullable and "enum" in found:
        found["enum"] = [*found["enum"], None]
    return found


def _type(column: pa.Column) -> tuple[str, dict[str, Any]]:
    kind = dtype(column)
    if isinstance(kind, pd.DatetimeTZDtype) or getattr(kind, "kind", "") == "M":
        return "string", {"format": "date-time"}
    if isinstance(kind, np.dtype) and kind.kind in "iuf":
        return ("integer" if kind.kind in "iu" else "number"), {}
    return ("boolean" if getattr(kind, "kind", "") == "b" else "string"), {}


def _limit(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "greater_than_or_equal_to": "minimum",
        "less_than_or_equal_to": "maximum",
        "greater_than": "exclusiveMinimum",
        "less_than": "exclusiveMaximum",
    }
    if name in names:
        [limit] = found.values()
        return {names[name]: limit} if isinstance(limit, int | float) else {}
    if name == "isin":
        return {"enum": list(found["allowed_values"])}
    return {"pattern": found["pattern"]} if name == "str_matches" and "pattern" in found else {}


def _example(column: pa.Column) -> Any:
    if "example" in (column.metadata or {}):
        return (column.metadata or {})["example"]
    kind, limits = _type(column)
    for check in column.checks:
        limits |= _limit(str(check.name), check.statistics or {})
    if "enum" in limits:
        return limits["enum"][0]
    if limits.get("format") == "date-time":
        return "2013-05-31T21:00:00Z"
    if kind == "string":
        return "a text"
    if kind == "boolean":
        return True
    return limits.get("minimum", limits.get("maximum", 1))
