"""The ``ModelPipeline`` template: what a ``defs.yaml`` says of a pipeline, put together from its stages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from ml_assets.components.configured import Configured, folder_of
from ml_assets.components.model_pipeline.approvals import ApprovalStage
from ml_assets.components.model_pipeline.card import Card
from ml_assets.components.model_pipeline.champion import ChampionStage
from ml_assets.components.model_pipeline.decision import DecisionStage
from ml_assets.components.model_pipeline.evidence import EvidenceStage
from ml_assets.components.model_pipeline.monitoring import Monitoring
from ml_assets.components.model_pipeline.predictions import Predictions
from ml_assets.components.model_pipeline.releasing import Releasing
from ml_assets.components.model_pipeline.sensors import (
    day_sensor,
    release_sensor,
    retraining_sensor,
)
from ml_assets.components.model_pipeline.shared import Pipeline
from ml_assets.components.model_pipeline.staging import Staging
from ml_assets.components.model_pipeline.training import Training
from ml_assets.configuration.documents import pipeline_of
from ml_assets.configuration.names import meant
from ml_assets.configuration.pipeline import PipelineConfiguration
from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract, columns
from ml_assets.errors import ConfigurationError
from ml_assets.learning.dataset import FEATURE_DAY, SPLIT
from ml_assets.monitoring.policy import read_policy
from ml_assets.orchestration.assets.tables import load_object
from ml_assets.orchestration.partitions import partitions


class ModelPipeline(Configured[PipelineConfiguration]):
    """Training, release, predictions and monitoring of one model."""

    configuration = PipelineConfiguration

    @classmethod
    def read(cls, said: Mapping[str, Any], file: Path) -> PipelineConfiguration:
        """What a ``defs.yaml`` says, with what the environment says otherwise.

        Raises:
            ConfigurationError: a key is missing or unknown, or a value is outside its limits.
        """
        return pipeline_of(dict(said), file)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """All assets of the pipeline, their checks, and the sensors that keep the loop going."""
        said = self.said
        shared = self._shared()
        label_contract = load_object(said.contracts.labels)
        dataset_contract = load_object(said.contracts.training_dataset)
        training = Training(
            shared,
            dataset_contract,
            said.monitoring.window_days,
            said.max_missing_days_share,
        )
        said.release.check(said.estimator.task)
        said.evaluation.of_task(said.estimator.task)
        refuse_unknown_columns(said, dataset_contract)
        decision = DecisionStage(EvidenceStage(shared, said.release))
        releasing = Releasing(shared, decision.version)
        staging = Staging(releasing, said.staging)
        predictions = Predictions(
            shared,
            load_object(said.contracts.predictions),
            label_contract,
            training.feature_columns,
        )
        monitoring = Monitoring(
            shared,
            read_policy(said.monitoring.policy_file(folder_of(context))),
            said.monitoring.window_days,
            said.groups,
            said.monitoring.min_rows,
            label_contract,
        )
        return dg.Definitions.merge(
            training.definitions(),
            decision.evidence.definitions(),
            decision.definitions(),
            ApprovalStage(releasing).definitions(),
            staging.definitions(),
            ChampionStage(staging).definitions(),
            Card(shared, said.card, dataset_contract).definitions(),
            predictions.definitions(),
            monitoring.definitions(),
            dg.Definitions(
                sensors=[retraining_sensor(shared), day_sensor(shared), release_sensor(shared)]
            ),
        )

    def _shared(self) -> Pipeline:
        said = self.said
        return Pipeline(
            name=said.pipeline,
            owners=said.owners,
            days=partitions(said.days),
            as_of_days=partitions(said.as_of_days),
            features=said.features,
            labels=said.labels,
            key=said.key,
            segments=said.segments,
            specification=said.specification,
            windows=said.windows,
            evaluation=said.evaluation,
        )


def refuse_unknown_columns(said: PipelineConfiguration, contract: type[Contract]) -> None:
    """Refuse names that are no columns of the training dataset.

    Raises:
        ConfigurationError: one is none; the nearest column is named.
    """
    known = list(columns(contract))
    named = {
        "key": said.key,
        "segments": said.segments,
        "estimator.numeric": said.estimator.numeric,
        "estimator.categorical": said.estimator.categorical,
        "labels.column": (said.labels.column,),
        "labels.known_at": (said.labels.known_at,),
        "release.gated_attribute": (said.release.gated_attribute,),
    }
    told_later = {said.labels.column, said.labels.known_at, FEATURE_DAY, SPLIT, DAY}
    if leaking := [name for name in said.specification.features if name in told_later]:
        raise ConfigurationError(
            f"'estimator' of {said.pipeline} in defs.yaml names {', '.join(leaking)} as a feature, "
            "which is the label or says when a row was known. Remove it."
        )
    for where, names in named.items():
        for name in names:
            if name not in known:
                raise ConfigurationError(
                    f"'{where}' of {said.pipeline} in defs.yaml names '{name}', which is no column "
                    f"of {said.contracts.training_dataset}.{meant(name, known)}"
                )
