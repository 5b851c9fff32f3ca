"""Arguments of functions that a ``defs.yaml`` names."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, get_type_hints

from pydantic import ConfigDict, create_model

from ml_assets.reading import read

VARIABLE = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}


def named_arguments(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Name → argument of a function, without ``*args`` and ``**kwargs``."""
    return {
        name: one
        for name, one in inspect.signature(function).parameters.items()
        if one.kind not in VARIABLE
    }


def takes_any(function: Callable[..., object]) -> bool:
    """Whether a function has ``**kwargs``."""
    return any(
        one.kind is one.VAR_KEYWORD for one in inspect.signature(function).parameters.values()
    )


def refuse_parameters(
    function: Callable[..., object],
    parameters: Mapping[str, Any],
    others: Collection[str],
    where: str,
) -> None:
    """Refuse parameters that do not match a function's signature and annotations.

    Args:
        function: the function.
        parameters: keyword arguments that a document has.
        others: arguments that it gets otherwise.
        where: name and file of the parameters, for the beginning of messages.

    Raises:
        ConfigurationError: one is missing, unknown, or not of the annotated type.
    """
    hints = _hints(function)
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if one.default is one.empty else one.default)
        for name, one in named_arguments(function).items()
        if name not in others
    }
    extra: Literal["allow", "forbid"] = "allow" if takes_any(function) else "forbid"
    strict = ConfigDict(extra=extra, arbitrary_types_allowed=True)
    read(create_model("Parameters", __config__=strict, **fields), parameters, where)


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    """Annotations of a function's arguments; none if they use names imported for type checking only."""
    try:
        return get_type_hints(function, include_extras=True)
    except NameError:
        return {}
