"""The section ``serving`` of a model pipeline: how a service answers requests."""

from typing import Any, Literal, Self

from pydantic import model_validator

from ml_assets.configuration.sections import DottedPath, Key, Section


class Serving(Section):
    """How a service answers requests about rows that are in no table.

    Attributes:
        request: dotted path of the contract of a request: join keys, segments, and what the requester
            knows. Omitted if requests contain all features.
        lookups: tables of the online store that are looked up by columns of the request.
        function: dotted path of ``f(*, <column>=series, …, <parameter>=value, …)``, which computes features
            from columns of the request and of the lookups, and from the time as of which they are
            requested, named as ``predicted_at``; the feature function of training calls it too.
        parameters: keyword arguments of the function; validated by its annotations.
        predictions: where ``predictions`` of a day come from: scoring the feature table, or the
            prediction log.
        on_stale: the answer names tables whose values are older than their ttl, or the request is refused.
        on_log_failure: if the prediction log cannot be written, the request is refused, or answered
            without being logged.
    """

    request: DottedPath | None = None
    lookups: tuple[Key, ...] = ()
    function: DottedPath | None = None
    parameters: dict[str, Any] = {}
    predictions: Literal["batch", "log"] = "batch"
    on_stale: Literal["tell", "refuse"] = "tell"
    on_log_failure: Literal["refuse", "answer"] = "refuse"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.lookups or self.function) and not self.request:
            raise ValueError(
                "lookups and function need 'request', the contract of the columns that they use"
            )
        if self.parameters and not self.function:
            raise ValueError("parameters have no effect without 'function'")
        if len({*self.lookups}) < len(self.lookups):
            raise ValueError("lookups contains a table more than once")
        return self
