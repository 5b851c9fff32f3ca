"""Configuration of a table of features with predictions of other models, and the computed table it is."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ml_assets import nouns
from ml_assets.configuration.days import CompletedDays
from ml_assets.configuration.file_defaults import with_keys
from ml_assets.configuration.objects import AND, OF, PLUS, load_contract
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.sections import Key, Name, Owner, Section, may_lack
from ml_assets.configuration.serving.online import Online
from ml_assets.contracts.contract import columns
from ml_assets.durations import Age
from ml_assets.errors import ConfigurationError
from ml_assets.learning.ensembles.chaining import chained, source_rows
from ml_assets.names import suggestion

ROWS = "features"
"""Name of the input with the features."""

CHAINED_FUNCTION = f"{chained.__module__}.{chained.__name__}"
"""Dotted path of the function of such a table."""

KEPT = ("key", "description", "owners", "fresh_within", "statistics", "online")
"""Keys that both kinds of documents have."""


class UpstreamPredictions(Section):
    """The predictions of another pipeline that become a column.

    Attributes:
        pipeline: the pipeline; its champion of each day predicts a number or a probability.
        join_keys: column of the features → column of the predictions that has to be equal, besides the
            partition; by default the pipeline's own ``join_keys``, under the same names.
    """

    pipeline: Name
    join_keys: Mapping[Name, Name] | None = Field(None, min_length=1)


class ChainedFeaturesConfiguration(Section, json_schema_extra=may_lack("owners", "days")):
    """A feature table with predictions of other pipelines as further columns.

    Attributes:
        key: asset key, ``pipeline/noun``.
        features: asset key of the feature table whose rows it has.
        predictions: column → the predictions that it has, missing for rows without one.
        cut: column of the features with the time at which all of a row is known, if that is before
            its partition ends: predictions that were known later are not used.
        description: description for stakeholders; that of the contract of the features when omitted.
        owners: ``team:…`` names; those of the feature table when omitted.
        days: days of the table; those of the feature table when omitted.
        fresh_within: time from the end of a partition until it is stored, or else an alert tells so.
        statistics: numeric columns whose daily means the UI plots.
        online: how its newest rows are found in the online store; omitted for a table that is not
            in it.
    """

    key: Key
    features: Key
    predictions: Mapping[Name, UpstreamPredictions] = Field(min_length=1)
    cut: Name | None = None
    description: str | None = Field(None, min_length=1)
    owners: tuple[Owner, ...] = Field(min_length=1)
    days: CompletedDays
    fresh_within: Age | None = None
    statistics: tuple[str, ...] = ()
    online: Online | None = None


def with_values_of(attributes: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a document, with days and owners of its features if it leaves them out.

    Args:
        attributes: the attributes.
        features: attributes of the feature table.
    """
    own = {key: features[key] for key in ("days", "owners") if key in features}
    found = {**own, **attributes}
    if "days" in own and "days" in attributes:
        found["days"] = with_keys(attributes["days"], own["days"])
    return found


def as_feature_table(
    attributes: Mapping[str, Any],
    features: Mapping[str, Any],
    upstream: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The attributes of the ``FeatureTable`` that a document stands for.

    Args:
        attributes: attributes of the document, which need not be usable.
        features: attributes of its feature table; empty for an unknown one.
        upstream: column → attributes of the pipeline that predicts it, with ``join_keys``.
    """
    completed = with_values_of(attributes, features)
    columns_of, pipelines = sections_of(completed.get("predictions")), pipelines_of(completed)
    inputs = {column: {"asset": predictions_of(name)} for column, name in pipelines.items()}
    keys = {
        column: one.get("join_keys") or {name: name for name in upstream[column]["join_keys"]}
        for column, one in columns_of.items()
    }
    cut, table = completed.get("cut"), completed.get("features")
    targets = {
        column: model.get("target_time")
        for column, model in upstream.items()
        if cut and not (model.get("features") == table and model.get("predicted_at") == cut)
    }
    times = {"cut": cut, "targets": targets} if cut else {}
    return {
        **{key: completed[key] for key in (*KEPT, "days") if key in completed},
        "function": CHAINED_FUNCTION,
        "contract": with_predictions(str(features.get("contract")), pipelines),
        "inputs": {ROWS: {"asset": table}, **inputs},
        "rows": ROWS,
        "parameters": {"joined": keys, **times},
        "source_rows": f"{source_rows.__module__}.{source_rows.__name__}",
    }


def with_predictions(path: str, pipelines: Mapping[str, str]) -> str:
    """The name of a contract that is extended by predictions.

    Args:
        path: the contract.
        pipelines: column → the pipeline whose prediction it has.
    """
    predictions = AND.join(f"{column}{OF}{name}" for column, name in pipelines.items())
    return PLUS.join([path, *([predictions] if predictions else [])])


def predictions_of(pipeline: str) -> str:
    """Asset key of the predictions of a pipeline."""
    return f"{pipeline}/{nouns.PREDICTIONS}"


def refuse_unusable(
    config: ChainedFeaturesConfiguration,
    contract: str,
    targets: Mapping[str, str | None],
    upstream: Mapping[str, ModelConfiguration],
) -> None:
    """Refuse predictions that cannot become columns of features.

    Args:
        config: the document.
        contract: contract of the table.
        targets: column → column of its predictions with the time that is predicted, if any, of those
            that are compared with ``cut``.
        upstream: column → the pipeline that predicts it.

    Raises:
        ConfigurationError: there is one.
    """
    known = [name for name in columns(load_contract(contract)) if name not in config.predictions]
    if config.cut and config.cut not in known:
        raise ConfigurationError(
            f"'cut' of {config.key} in defs.yaml is '{config.cut}', which {config.features} does not have."
            f"{suggestion(config.cut, known)}"
        )
    for column, model in upstream.items():
        place = f"'predictions.{column}' of {config.key} in defs.yaml"
        shown = [*dict.fromkeys([*model.join_keys, *model.segments])]
        if model.estimator.task == "multiclass":
            raise ConfigurationError(
                f"{place}: {model.pipeline} predicts classes; expected numbers or probabilities."
            )
        named = config.predictions[column].join_keys or {name: name for name in model.join_keys}
        for own, theirs in named.items():
            if own not in known:
                raise ConfigurationError(
                    f"{place}: {config.features} has no column '{own}' to find predictions of "
                    f"{model.pipeline} by.{suggestion(own, known)} Name another one under 'join_keys', as in "
                    f"'join_keys: {{column: {theirs}}}'."
                )
            if theirs not in shown:
                raise ConfigurationError(
                    f"{place}: predictions of {model.pipeline} have no column '{theirs}'; they have "
                    f"{', '.join(shown)}.{suggestion(theirs, shown)}"
                )
        if column in targets and targets[column] not in shown:
            raise ConfigurationError(
                f"{place}: the time at which a prediction of {model.pipeline} was known cannot be compared with "
                f"'cut', because its predictions do not have the time that is predicted. Name it as "
                f"'target_time' of {model.pipeline}, and among its 'join_keys' or 'segments'."
            )


def pipelines_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Column → the pipeline whose predictions it has, as far as a document is usable."""
    found = sections_of(attributes.get("predictions"))
    return {column: str(one.get("pipeline")) for column, one in found.items()}


def sections_of(value: object) -> dict[str, Mapping[str, Any]]:
    """The entries of a section that are sections."""
    found = value if isinstance(value, Mapping) else {}
    return {str(name): one for name, one in found.items() if isinstance(one, Mapping)}
