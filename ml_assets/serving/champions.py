"""The champion of each pipeline in memory: found by stored releases, verified, swapped atomically.

A champion is served when decision, approval, registration, tests and model agree and its fingerprint
is that of the released model. If one of them fails, the model that was served before stays, and the
reason is told.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml_assets.errors import TransientError
from ml_assets.learning.artifacts import StoredModel
from ml_assets.release.champion import Champion, champion_by_day
from ml_assets.release.confirm import confirm_champion
from ml_assets.release.facts import release_facts
from ml_assets.release.history import releases
from ml_assets.serving.served import ServedPipeline
from ml_assets.workspace import Workspace

LOOK_SECONDS = 1.0
"""Time between two looks for new releases."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServedModel:
    """A champion that answers requests.

    Attributes:
        champion: the released model.
        model: its loaded files.
        since: when the service began to answer with it.
    """

    champion: Champion
    model: StoredModel
    since: datetime


@dataclass(frozen=True)
class State:
    """State of a pipeline's champion in the service.

    Attributes:
        served: the model that answers; None for none.
        problem: why the newest release does not answer, as a sentence; empty if it does.
        seen: what was looked at, to see whether it changed.
    """

    served: ServedModel | None = None
    problem: str = "The service has not looked for a champion yet."
    seen: object = None


class Champions:
    """The champions of some pipelines.

    Args:
        workspace: the stores.
        pipelines: the pipelines to serve.
    """

    def __init__(self, workspace: Workspace, pipelines: Sequence[ServedPipeline]) -> None:
        self._workspace = workspace
        self._pipelines = {pipeline.name: pipeline for pipeline in pipelines}
        self._states: Mapping[str, State] = dict.fromkeys(self._pipelines, State())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="champions", daemon=True)

    def state(self, pipeline: str) -> State:
        """The state of a pipeline; the same object until something changes."""
        return self._states[pipeline]

    def start(self) -> None:
        """Find the champions, then look for new ones in a thread."""
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def refresh(self) -> None:
        """Look for new releases once."""
        for pipeline in self._pipelines.values():
            before = self._states[pipeline.name]
            found = self._refreshed(pipeline, before)
            if found is not before:
                self._states = {**self._states, pipeline.name: found}
                _report(pipeline.name, before, found)

    def _look(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.refresh()

    def _refreshed(self, pipeline: ServedPipeline, before: State) -> State:
        try:
            seen = self._seen(pipeline)
            if seen == before.seen and not before.problem:
                return before
            return self._found(pipeline, before, seen)
        except Exception as error:  # whatever a damaged store raises, the service goes on
            if str(error) == before.problem:
                return before
            return State(before.served, str(error), before.seen)

    def _seen(self, pipeline: ServedPipeline) -> object:
        """A hash that changes when another model may be champion."""
        entries = self._workspace.unconfirmed_lake.ledger.latest(pipeline.champions)
        today = pipeline.calendar.key_of(datetime.now(UTC))
        return today, [(day, one.status, one.content_hash) for day, one in sorted(entries.items())]

    def _found(self, pipeline: ServedPipeline, before: State, seen: object) -> State:
        lake = self._workspace.lake
        today = pipeline.calendar.key_of(datetime.now(UTC))
        known = releases(lake, pipeline.champions, today)
        champion = champion_by_day(known, [today]).get(today)
        if champion is None:
            raise TransientError(
                f"No model of {pipeline.name} is released. 'ml-assets status {pipeline.name}' names the "
                "command that comes next."
            )
        if before.served and before.served.champion == champion:
            return State(before.served, "", seen)
        return State(self._loaded(pipeline, champion), "", seen)

    def _loaded(self, pipeline: ServedPipeline, champion: Champion) -> ServedModel:
        workspace = self._workspace
        registry = workspace.registry if pipeline.has_registry else None
        facts = release_facts(
            workspace.lake, workspace.approvals, registry, pipeline.name, champion.as_of
        )
        confirm_champion(facts)
        model = workspace.models.load(pipeline.model, champion.fingerprint, pipeline.specification)
        model.refuse_lost_columns(pipeline.features, f"'estimator' of {pipeline.name} in defs.yaml")
        model.scorer.of_frame(model.probe)
        return ServedModel(champion, model, datetime.now(UTC))


def _report(pipeline: str, before: State, found: State) -> None:
    if found.problem:
        stays = ""
        if found.served:
            stays = f" The model as of {found.served.champion.as_of} stays in service."
        log.warning("%s: %s%s", pipeline, found.problem, stays)
    elif found.served and found.served is not before.served:
        log.warning("%s: the model as of %s answers.", pipeline, found.served.champion.as_of)
