"""A pipeline as the service sees it: the rules of its requests and features, and its rows' days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import pandera.pandas as pa

from ml_assets import nouns
from ml_assets.cadence import Calendar
from ml_assets.configuration.models import pipeline
from ml_assets.configuration.objects import dataset_contract_of, load_contract
from ml_assets.configuration.parts import BatchPredictionsConfiguration
from ml_assets.configuration.pipeline import ModelConfiguration
from ml_assets.configuration.serving.request_features import request_features
from ml_assets.configuration.serving.section import Serving
from ml_assets.contracts.contract import Contract, columns
from ml_assets.contracts.row_rules import ValueRules, row_rules
from ml_assets.errors import ConfigurationError, ContractViolation
from ml_assets.learning.specification import ModelSpecification
from ml_assets.online.request_features import RequestFeatures
from ml_assets.online.values import Plain


@dataclass(frozen=True)
class ServedPipeline:
    """The configuration of a pipeline that the service needs.

    Attributes:
        name: first part of its asset keys.
        specification: the present specification of its model.
        key: columns that identify a row.
        calendar: partitions of its predictions.
        target_time: column with the time that is predicted; None for the time of the partition.
        dataset: contract with all columns of the features.
        request: contract of a request; None if requests contain all features.
        shown: columns of the key and the segments.
        section: how requests are answered.
        lookups: how the features of a request are found.
        has_registry: whether its models are registered.
    """

    name: str
    specification: ModelSpecification
    key: Sequence[str]
    calendar: Calendar
    target_time: str | None
    dataset: type[Contract]
    request: type[Contract] | None
    shown: Sequence[str]
    section: Serving
    lookups: RequestFeatures
    has_registry: bool

    @classmethod
    def of(cls, name: str) -> "ServedPipeline":
        """The pipeline with a name.

        Raises:
            ConfigurationError: there is none, it makes no predictions, or its configuration is not
                usable.
        """
        return cls.of_configuration(pipeline(name))

    @classmethod
    def of_configuration(
        cls, config: ModelConfiguration, file: Path | None = None
    ) -> "ServedPipeline":
        """The pipeline of a configuration.

        Args:
            config: the configuration.
            file: a file outside the project that may define its tables, too.

        Raises:
            ConfigurationError: it makes no predictions, or is not usable.
        """
        if not isinstance(config, BatchPredictionsConfiguration):
            raise ConfigurationError(
                f"{config.pipeline} trains a model and makes no predictions, so it cannot be served. Use the "
                "template ModelPipeline in its defs.yaml."
            )
        request = config.serving.request
        return cls(
            name=config.pipeline,
            specification=config.specification,
            key=config.join_keys,
            calendar=config.days.calendar,
            target_time=config.target_time,
            dataset=dataset_contract_of(config.dataset),
            request=load_contract(request) if request else None,
            shown=list(dict.fromkeys([*config.join_keys, *config.segments])),
            section=config.serving,
            lookups=request_features(config, file),
            has_registry=config.registry,
        )

    def table(self, noun: str) -> str:
        """Table name of one of the pipeline's assets."""
        return f"{self.name}/{noun}"

    @property
    def features(self) -> Sequence[str]:
        """Input columns of the model."""
        return self.specification.features

    @cached_property
    def feature_rules(self) -> Mapping[str, ValueRules]:
        """Input column of the model → the rules of its contract."""
        known = row_rules(self.dataset)
        return {name: known[name] for name in self.features}

    @cached_property
    def required_rules(self) -> Mapping[str, ValueRules]:
        """Column that a request has to have → its rules."""
        if self.request is not None:
            return row_rules(self.request)
        names = [*self.shown, *([self.target_time] if self.target_time else []), *self.features]
        known = row_rules(self.dataset)
        return {name: known[name] for name in dict.fromkeys(names)}

    @cached_property
    def optional_rules(self) -> Mapping[str, ValueRules]:
        """Feature that a request may have instead of a value that is looked up → its rules."""
        return {
            name: rules
            for name, rules in self.feature_rules.items()
            if name not in self.required_rules
        }

    def column(self, name: str) -> pa.Column:
        """A column of a request."""
        own = columns(self.request) if self.request else {}
        return own[name] if name in own else columns(self.dataset)[name]

    def described(self, name: str) -> str:
        """The description of a column of a request, with its unit."""
        column = self.column(name)
        unit = (column.metadata or {}).get("unit")
        return f"{column.description or ''}{f' Unit: {unit}.' if unit else ''}"

    def day_of(self, row: Mapping[str, Plain], at: datetime) -> str:
        """The partition of ``predictions`` that a row belongs to.

        Args:
            row: columns of the request.
            at: time of the request.

        Raises:
            ContractViolation: the calendar ends before it, or begins after it.
        """
        found = row.get(self.target_time) if self.target_time else None
        try:
            day = self.calendar.key_of(found if isinstance(found, datetime) else at)
            self.calendar.bounds(day)
        except (OverflowError, ValueError):
            raise ContractViolation(
                f"{self.target_time or 'at'} is {found or at}, which is no time of a partition"
            ) from None
        return day

    @property
    def champions(self) -> str:
        """Table of the released models."""
        return self.table(nouns.CHAMPION)

    @property
    def model(self) -> str:
        """Table of the models."""
        return self.table(nouns.MODEL)
