"""Template: monitors features, decides on retraining, and defines the sensors."""

import logging

import dagster as dg

from ml_assets.components.configured import folder_of
from ml_assets.components.monitoring.causes import CauseStage
from ml_assets.components.monitoring.drift import DriftStage
from ml_assets.components.monitoring.performance import PerformanceStage
from ml_assets.components.monitoring.retraining import RetrainingStage
from ml_assets.components.monitoring.sensors import day_sensor, retraining_sensor
from ml_assets.components.pipeline.members import member_pipelines
from ml_assets.components.pipeline.part import ModelPart
from ml_assets.configuration.files.policies import read_policy
from ml_assets.configuration.parts import MonitoringConfiguration, is_logged
from ml_assets.configuration.reachable import unreachable_retraining
from ml_assets.monitoring.limits import ReportRules
from ml_assets.monitoring.policy import NO_POLICY

log = logging.getLogger(__name__)


class Monitoring(ModelPart[MonitoringConfiguration]):
    """Feature profiles, drift report, performance report, causes, retraining decision, and sensors."""

    configuration = MonitoringConfiguration

    def build(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The five assets, their checks, and the sensors for new days and retraining."""
        config, this = self.config, self.pipeline
        file = config.monitoring.policy_file(folder_of(context))
        policy = (read_policy(file) if file else NO_POLICY).of_cadence(config.days.cadence)
        config.monitoring.performance.check(config.estimator.task)
        policy.refuse_other_cadences(self.config.days.calendar)
        for problem in unreachable_retraining(config, policy):
            log.warning(f"{this.name}: {problem}")
        rules = ReportRules(
            calendar=this.calendar,
            window=config.drift_partitions,
            arrives_within=this.arrives_within,
            segments=this.segments,
            evaluation=this.evaluation,
            performance=config.monitoring.performance,
            policy_drop=policy.performance_drop,
        )
        reports = PerformanceStage(this, rules, self.contracts.predictions, self.contracts.labels)
        members = member_pipelines(config, folder_of(context))
        drift = DriftStage(
            this,
            config.drift_partitions,
            config.groups,
            config.monitoring.min_rows,
            self.contracts.training_dataset,
            is_logged=is_logged(config),
        )
        status = config.monitoring.default_status
        return dg.Definitions.merge(
            drift.definitions(),
            reports.definitions(),
            CauseStage(
                this,
                config.drift_partitions,
                config.monitoring.calendar,
                self.contracts.training_dataset,
                is_logged=is_logged(config),
            ).definitions(),
            RetrainingStage(this, policy, self.contracts.labels, members).definitions(),
            dg.Definitions(
                sensors=[each(this, status) for each in (retraining_sensor, day_sensor)]
            ),
        )
