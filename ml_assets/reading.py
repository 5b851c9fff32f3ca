"""Validation of YAML values: errors contain the file, the key, the reason and a suggestion."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ml_assets.errors import ConfigurationError
from ml_assets.names import suggestion

M = TypeVar("M", bound=BaseModel)

RENAMED = {
    "key": "join_keys",
    "groups": "structural",
    "gated_attribute": "sensitive_feature",
    "min_improvement": "min_relative_improvement",
    "window_days": "window",
    "validation_days": "validation_window",
    "test_days": "test_window",
    "drift_days": "drift_window",
    "max_missing_days_share": "max_missing_share",
    "delay_days": "delay",
    "arrive_within_days": "arrive_within",
    "days_before": "look_back",
    "max_age_hours": "max_age",
    "revisit_days": "revisit",
    "retention_days": "retention",
    "evaluation_days": "evaluation_window",
    "window_step_days": "window_step",
    "min_training_days": "min_training_window",
    "cooldown_days": "cooldown",
    "budget_days": "budget_window",
}
"""Old name of a key → the new one, which its error names."""


Line = Callable[[Sequence[str | int]], int | None]
"""From keys and numbers that lead to a value, to its line in the file."""


def without_line(_: Sequence[str | int]) -> None:
    """Values that are in no file have no line."""


def read(model: type[M], values: Any, where: str, line: Line = without_line) -> M:
    """Validate values of a file as a model.

    Args:
        model: the model.
        values: values of the file.
        where: file and name of the values, for the beginning of messages.
        line: the line of a value.

    Raises:
        ConfigurationError: a key is missing or unknown, or a value is outside its limits.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        items: list[Mapping[str, Any]] = [dict(item) for item in error.errors()]
        found = [
            (_problem(model, item), line(item["loc"]))
            for item in items
            if not any(_is_within(other["loc"], item["loc"]) for other in items)
        ]
        raise not_usable(where, found) from None


def not_usable(where: str, problems: Sequence[tuple[str, int | None]]) -> ConfigurationError:
    """The error for values that cannot be used.

    Args:
        where: file and name of the values, for the beginning of the message.
        problems: what is wrong, and its line.
    """
    shown = "; ".join(
        text.removesuffix(".") + (f" (line {line})" if line else "") for text, line in problems
    )
    return ConfigurationError(f"{where} is not usable: {shown}{'' if shown.endswith('?') else '.'}")


def _is_within(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether a location is inside another one, so that its error implies that of the other."""
    return len(one) > len(other) and one[: len(other)] == other


def _problem(model: type[BaseModel], error: Mapping[str, Any]) -> str:
    path = [str(part) for part in error["loc"]]
    key, value = ".".join(path), error["input"]
    match error["type"]:
        case "extra_forbidden":
            known = _fields(model, path[:-1])
            if (new := RENAMED.get(path[-1])) in known:
                return f"'{key}' is now '{'.'.join([*path[:-1], str(new)])}'"
            return f"'{key}' is unknown{_one_of(path[-1], known)}"
        case "missing":
            return f"'{key}' is missing"
        case "literal_error" | "enum":
            known = [
                text.strip("' ")
                for text in error["ctx"]["expected"].replace(" or ", ",").split(",")
            ]
            return f"'{key}' is '{value}'{_one_of(str(value), known)}"
        case "value_error":
            reason = str(error["ctx"]["error"])
            return f"'{key}': {reason}" if key else reason
        case _:
            named = f"'{key}' is" if key else "it is"
            return f"{named} {value!r}: {_reason(error)}"


def _reason(error: Mapping[str, Any]) -> str:
    """A message of pydantic, in words of YAML."""
    match error["type"]:
        case "tuple_type":
            return "expected a list"
        case "dict_type" | "model_type":
            return "expected a mapping"
        case "too_short":
            return f"expected at least {error['ctx']['min_length']}"
        case _:
            return str(error["msg"][:1].lower() + error["msg"][1:])


def _one_of(name: str, known: Sequence[str]) -> str:
    return f", expected one of {', '.join(known)}.{suggestion(name, known)}" if known else ""


def _fields(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Names of the fields of the model at a path; empty if there is no model."""
    found: Any = model
    for part in path:
        if _is_model(found):
            field = found.model_fields.get(part)
            found = field.annotation if field else None
        else:  # a mapping or a list, whose values have the type of the last argument
            inner = [one for one in get_args(found) if one is not Ellipsis]
            found = inner[-1] if inner else None
        if type(None) in get_args(found):
            found = next(one for one in get_args(found) if one is not type(None))
        if get_origin(found) is Annotated:
            found = get_args(found)[0]
    if not _is_model(found):
        return []
    return [field.alias or name for name, field in found.model_fields.items()]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
