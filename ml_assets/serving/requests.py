"""Reading of requests: JSON to typed rows, by the rules of the pipeline's contract."""

import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pydantic_core

from ml_assets.contracts.moments import moment as in_utc
from ml_assets.contracts.row_rules import ValueRules, broken_checks, typed_row
from ml_assets.errors import sentence
from ml_assets.names import shortened, suggestion
from ml_assets.online.values import Plain
from ml_assets.serving.problems import Problem
from ml_assets.serving.served import ServedPipeline

IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,190}")
"""Usable idempotency keys: with the number of a row they are ids of events in the prediction log."""

SHOWN_BITS = 64
"""Size of a whole number that an error shows."""

SHOWN_ERRORS = 100
"""Errors of rows in one answer."""


@dataclass(frozen=True)
class Row:
    """A row to predict.

    Attributes:
        number: its number in the request.
        event_id: identifies the event; the same id is answered with the same prediction.
        at: time as of which features are looked up, in UTC.
        values: column → typed value, of the request's contract.
        features: feature → typed value, for those that the request contains.
    """

    number: int
    event_id: str
    at: datetime
    values: Mapping[str, Plain]
    features: Mapping[str, Plain]

    @property
    def request(self) -> dict[str, Plain]:
        """All columns that the request contains."""
        return {**self.values, **self.features}


def parsed(body: bytes, max_rows: int) -> tuple[list[Mapping[str, Any]], bool]:
    """The rows of a body, and whether it is one row rather than a list of rows.

    Args:
        body: JSON, an object or a list of objects.
        max_rows: greatest number of rows.

    Raises:
        Problem: it is neither, or has no row or too many.
    """
    expected = "Expected a JSON object, column to value, or a list of such objects."
    try:
        content = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, f"The body is no JSON: {sentence(error)} {expected}") from None
    is_one = isinstance(content, dict)
    rows = [content] if is_one else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Problem(400, f"The body is JSON of another form. {expected}")
    if not rows:
        raise Problem(400, f"The list has no rows. {expected}")
    if len(rows) > max_rows:
        raise Problem(
            413, f"The list has {len(rows):,} rows, at most {max_rows:,} are answered at once."
        )
    return rows, is_one


def moment(text: str | None, *, is_replay: bool, now: datetime) -> datetime:
    """The time as of which features are looked up.

    Args:
        text: the time that the request names; None for none.
        is_replay: whether requests may name it.
        now: present time.

    Raises:
        Problem: it is no time, or must not be named.
    """
    if text is None:
        return now
    if not is_replay:
        raise Problem(
            400,
            "'at' is only accepted by a service that was started with 'ml-assets serve --replay'. "
            "Requests are answered as of now.",
        )
    found = in_utc(text)
    if found is None:
        raise Problem(
            400,
            f"at is '{text:.40}', which is no time, or one which no calendar has in UTC. Expected for "
            "example 2013-05-31T17:00-04:00, with '+' written as %2B.",
        )
    return found.replace(tzinfo=UTC)


def event_ids(key: str | None, count: int) -> list[str]:
    """Identifiers of the rows of one request.

    Args:
        key: the request's idempotency key; a random one when None.
        count: number of rows.

    Raises:
        Problem: the key is empty or too long.
    """
    if key is None:
        key = uuid.uuid4().hex
    elif not IDEMPOTENCY_KEY.fullmatch(key):
        raise Problem(
            400, "Idempotency-Key is not usable: expected 1 to 190 visible ASCII characters."
        )
    return [key] if count == 1 else [f"{key}-{number}" for number in range(count)]


def typed(
    pipeline: ServedPipeline, rows: Sequence[Mapping[str, Any]], ids: Sequence[str], at: datetime
) -> list[Row]:
    """The rows of a request with typed values.

    Args:
        pipeline: the pipeline.
        rows: (n,) rows, column → value of JSON.
        ids: (n,) their event ids.
        at: time as of which features are looked up.

    Raises:
        Problem: a row breaks a rule; the problem lists every rule that is broken.
    """
    found, errors = [], []
    for number, (row, event_id) in enumerate(zip(rows, ids, strict=True)):
        values, broken = typed_row(pipeline.required_rules, row)
        given = {name: row[name] for name in pipeline.optional_rules if name in row}
        features, wrong = typed_row(_of(pipeline.optional_rules, given), given)
        errors += row_errors(number, row, {**broken, **wrong})
        if pipeline.request is not None and not broken:
            rules = broken_checks(pipeline.request, values)
            errors += [{"row": number, "rule": rule} for rule in rules]
        if len(values) + len(given) < len({*values, *row}):
            errors += _unknown(pipeline, number, row)
        found.append(Row(number, event_id, at, values, features))
    if errors:
        raise Problem(422, _summary(errors, len(rows)), errors[:SHOWN_ERRORS])
    return found


def row_errors(
    number: int, row: Mapping[str, Any], broken: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """The errors of a row, for a problem document.

    Args:
        number: number of the row in its request.
        row: column → value.
        broken: column → rules that it breaks, as a dead letter has them.
    """
    return [
        {"row": number, "column": name, "rule": f"{name}: {rule}", "value": _shown(row.get(name))}
        for name, rules in broken.items()
        for rule in rules
    ]


def _of(rules: Mapping[str, ValueRules], given: Mapping[str, Any]) -> dict[str, ValueRules]:
    return {name: rules[name] for name in given}


def _unknown(pipeline: ServedPipeline, number: int, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = [*pipeline.required_rules, *pipeline.optional_rules]
    return [
        {
            "row": number,
            "column": shortened(name),
            "rule": f"{shortened(name)}: is no column of a request.{suggestion(name, known)}",
            "value": _shown(value),
        }
        for name, value in row.items()
        if name not in known
    ]


def _shown(value: Any) -> Any:
    """A value for an error; a long one is cut."""
    if isinstance(value, int) and value.bit_length() > SHOWN_BITS:
        return f"a whole number of more than {SHOWN_BITS} bits"
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return shortened(value if isinstance(value, str) else repr(value))


def _summary(errors: Sequence[Mapping[str, Any]], rows: int) -> str:
    wrong = len({error["row"] for error in errors})
    more = (
        f", {SHOWN_ERRORS} of {len(errors)} errors are listed" if len(errors) > SHOWN_ERRORS else ""
    )
    return (
        f"{wrong} of {rows} rows break the contract{more}. The first: {sentence(errors[0]['rule'])} Nothing "
        "was predicted."
    )
