"""Stage: the model of an ensemble, made of its members' champions as of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ml_assets import nouns
from ml_assets.components.pipeline.confirmation import confirm
from ml_assets.components.pipeline.output import recorded
from ml_assets.components.pipeline.pipeline import PipelineContext
from ml_assets.components.trained_model.training import Training
from ml_assets.errors import TrainingError
from ml_assets.learning.artifacts import StoredModel
from ml_assets.learning.dataset import SPLIT
from ml_assets.learning.ensembles.answers import answers
from ml_assets.learning.ensembles.members import composed, refuse_lost_columns
from ml_assets.learning.training import FittedModel
from ml_assets.ledger.entries import Read
from ml_assets.orchestration.assets.model_io import ModelOutput, lost_models
from ml_assets.planning.inputs import Input
from ml_assets.planning.plan import each_day, plan, with_recomputed
from ml_assets.provenance.code import code_version
from ml_assets.release.champion import Champion, newest
from ml_assets.release.history import releases
from ml_assets.release.promotion import training_command
from ml_assets.workspace import Workspace

Champions = Mapping[str, Champion]
"""Member → its champion."""


@dataclass(frozen=True)
class Composition(Training):
    """The training stage of an ensemble: its model is composed, not fitted.

    Attributes:
        members: member → the pipeline whose champion it is.
    """

    members: Mapping[str, PipelineContext]

    @property
    def model_description(self) -> str:
        """Description of the model for stakeholders."""
        names = ", ".join(member.name for member in self.members.values())
        return (
            f"The champions of {names} as of the day, and the rules that combine their predictions."
        )

    @property
    def model_version(self) -> str:
        """Code version of the model."""
        return code_version(composed, answers, self.pipeline.specification)

    @property
    def model_inputs(self) -> list[Input]:
        """The members' models and releases."""
        return [
            member.champion_lineage(noun)
            for member in self.members.values()
            for noun in (nouns.MODEL, nouns.CHAMPION)
        ]

    @property
    def member_models(self) -> list[str]:
        """The members' models."""
        return [member.table(nouns.MODEL) for member in self.members.values()]

    @property
    def kind(self) -> str:
        """Dagster's kind of the model."""
        return "python"

    def fit(self, workspace: Workspace, days: Sequence[str]) -> ModelOutput:
        """The ensembles of as-of days."""
        lake, this = workspace.lake, self.pipeline
        table, specification = this.table(nouns.MODEL), this.specification
        champions = {day: self._champions(workspace, day) for day in days}
        inputs = {f"champion of {name}": self._release(name, champions) for name in self.members}
        planned = plan(
            lake,
            table,
            days,
            {"dataset": this.input(nouns.TRAINING_DATASET), **inputs},
            self.model_version,
            further_reads={day: self._models(champions[day]) for day in days},
        )
        planned = recorded(lake, table, planned)
        planned = with_recomputed(planned, lost_models(workspace, table, planned.unchanged))
        used = [*dict.fromkeys([*specification.features, SPLIT])]

        def of_day(day: str) -> FittedModel:
            members = {
                name: self._member(workspace, name, day, champions[day]) for name in self.members
            }
            dataset = planned.windows["dataset"].read(used, [day])
            fitted = {name: (one.specification, one.pipeline) for name, one in members.items()}
            return composed(specification, fitted, dataset)

        planned, models = each_day(planned, of_day)
        return ModelOutput(planned, models, self.model_version)

    def _champions(self, workspace: Workspace, day: str) -> Champions:
        """The champions of an as-of day, of the members that have one."""
        found = {
            name: newest(releases(workspace.lake, member.table(nouns.CHAMPION), day))
            for name, member in self.members.items()
        }
        return {name: champion for name, champion in found.items() if champion}

    def _release(self, name: str, champions: Mapping[str, Champions]) -> Input:
        """Input: the release of a member's champion of each day."""
        picks = {day: [found[name].as_of] for day, found in champions.items() if name in found}
        table = self.members[name].table(nouns.CHAMPION)
        return replace(
            self.pipeline.input(nouns.CHAMPION), table=table, picks=picks, is_pinned=True
        )

    def _models(self, champions: Champions) -> list[Read]:
        """Reads of the members' models, identified by their fingerprints."""
        return [
            Read(
                self.members[name].table(nouns.MODEL),
                champion.as_of,
                champion.fingerprint,
                None,
                is_pinned=True,
            )
            for name, champion in champions.items()
        ]

    def _member(
        self, workspace: Workspace, name: str, day: str, champions: Champions
    ) -> StoredModel:
        """The model of a member's champion, confirmed by its release.

        Raises:
            TrainingError: it has no champion.
            RegistryMismatch, UnsafeModel: its release is contradicted, its files were altered, or it was
                trained on a column that the ensemble no longer has.
        """
        member = self.members[name]
        if name not in champions:
            raise TrainingError(
                f"member '{name}' has no champion: no model of {member.name} as of {day} or before is "
                f"released. To train and release one, run: {training_command(member.name, day)}"
            )
        champion = champions[name]
        confirm(member, workspace, champion)
        table = member.table(nouns.MODEL)
        model = workspace.models.load(table, champion.fingerprint, member.specification)
        refuse_lost_columns(self.pipeline.specification, name, model.specification)
        return model
