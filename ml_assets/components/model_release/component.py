"""Template: evidence, decision, approval, registration, tests and promotion of a model."""

import dagster as dg

from ml_assets.components.model_release.approvals import ApprovalStage
from ml_assets.components.model_release.card import ModelCardStage
from ml_assets.components.model_release.champion import ChampionStage
from ml_assets.components.model_release.decision import DecisionStage
from ml_assets.components.model_release.evidence import EvidenceStage
from ml_assets.components.model_release.sensor import release_sensor
from ml_assets.components.model_release.staging import Staging
from ml_assets.components.pipeline.part import ModelPart, refuse_unknown_column, training_table
from ml_assets.configuration.parts import ModelReleaseConfiguration
from ml_assets.contracts.contract import columns


class ModelRelease(ModelPart[ModelReleaseConfiguration]):
    """Evidence, decision, approvals, registration, integration tests, champion and model card."""

    configuration = ModelReleaseConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """All assets of a release, their checks, and the sensor that continues it after approval."""
        del context
        config, dataset = self.config, self.contracts.training_dataset
        config.release.check(config.estimator.task)
        config.evaluation.of_task(config.estimator.task)
        if config.release.sensitive_feature:
            refuse_unknown_column(
                "release.sensitive_feature",
                config.release.sensitive_feature,
                config,
                columns(dataset),
                training_table(config),
            )
        evidence = EvidenceStage(self.pipeline, config.release, dataset)
        decision = DecisionStage(evidence)
        staging = Staging(self.pipeline, config.staging, decision.version)
        return dg.Definitions.merge(
            evidence.definitions(),
            decision.definitions(),
            ApprovalStage(self.pipeline).definitions(),
            staging.definitions(),
            ChampionStage(staging).definitions(),
            ModelCardStage(self.pipeline, config.card, dataset).definitions(),
            dg.Definitions(sensors=[release_sensor(self.pipeline)]),
        )
