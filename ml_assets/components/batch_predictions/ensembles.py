"""Stage: the predictions of an ensemble, with what each member said and which rules applied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
import numpy as np
import pandas as pd

from ml_assets import nouns
from ml_assets.components.batch_predictions.predictions import Predictions, Published
from ml_assets.components.pipeline.confirmation import confirm
from ml_assets.configuration.ensemble.limits import PredictionLimits
from ml_assets.content import DAY
from ml_assets.durations import partitions
from ml_assets.errors import LakeMismatch, RegistryMismatch, UnsafeModel
from ml_assets.lake.integrity import latest_rows, verified_rows
from ml_assets.lake.store import Lake, Window
from ml_assets.learning.artifacts import StoredModel
from ml_assets.learning.ensembles.answers import Answers, Outcome, plain_answer
from ml_assets.learning.ensembles.columns import (
    OUTCOME,
    answer_columns,
    applied,
    counted,
)
from ml_assets.learning.predictions import PREDICTION
from ml_assets.learning.scorer.ensembles import EnsembleScorer
from ml_assets.learning.scoring import identified_rows
from ml_assets.orchestration.checks.table_check import DayVerdict, StoredDays, TableCheck
from ml_assets.release.champion import Champion, newest
from ml_assets.release.history import releases
from ml_assets.workspace import Workspace

SURE = 0.01
"""Greatest p-value of a distance that is judged: of few rows it is large by chance."""


@dataclass(frozen=True)
class EnsemblePredictions(Predictions):
    """The prediction stage of an ensemble.

    Attributes:
        limits: limits of a day of predictions.
    """

    limits: PredictionLimits

    @property
    def may_refuse(self) -> bool:
        """Rows that a rule refuses have no prediction."""
        return True

    @property
    def checks(self) -> Sequence[TableCheck]:
        """A warning about predictions that a person has to look at."""
        return [
            TableCheck(
                "no_prediction_waits_for_a_person",
                "No rule sends a prediction to a person.",
                cases_for_a_person,
                severity=dg.AssetCheckSeverity.WARN,
                fails_run=False,
            )
        ]

    def scored(self, model: StoredModel, rows: pd.DataFrame) -> pd.DataFrame:
        """Predictions of feature rows, with the columns of ``ensemble_fields``.

        Raises:
            UnsafeModel: a row has no prediction, as no member that was asked predicts a number.
        """
        scorer = model.scorer
        if isinstance(scorer, EnsembleScorer):
            answers = scorer.answers_of_frame(rows)
        else:
            found = scorer.of_frame(rows)
            answers = Answers(found, [plain_answer(each) for each in found.tolist()])
        how = answer_columns(answers).set_index(rows.index)
        if failed := int((how[OUTCOME] == Outcome.FAILED).sum()):
            raise UnsafeModel(
                f"members of {self.pipeline.name} predict no finite number for {failed} of {len(rows)} rows"
            )
        is_refused = how[OUTCOME] == Outcome.REFUSED
        predictions = np.where(is_refused, np.nan, answers.predictions)
        identified = identified_rows(rows, self.pipeline.join_keys, self.pipeline.segments)
        return identified.assign(**{PREDICTION: predictions}).join(how)

    def published(
        self,
        workspace: Workspace,
        scored: pd.DataFrame,
        champions: Mapping[str, Champion],
        features: Window,
    ) -> Published:
        """What is published of the predictions of some days; a day that has some keeps them.

        The predictions of a new day outside the limits are replaced by those of the champion before its
        own, if these are within them and the configuration says so.
        """
        lake, table = workspace.lake, self.pipeline.table(nouns.PREDICTIONS)
        rows, refused = dict[str, pd.DataFrame](), dict[str, str]()
        accepted = dict[str, pd.DataFrame]()
        for day, of_day in sorted((str(day), rows) for day, rows in scored.groupby(DAY)):
            rows[day] = of_day
            if latest_rows(lake, table, day) is not None:
                continue
            try:
                before = self._before(lake, day, accepted)
                problems = day_problems(of_day, before, self.limits)
                other = (
                    self._by_last_champion(workspace, champions[day], features, day, before)
                    if problems
                    else None
                )
            except (LakeMismatch, RegistryMismatch, UnsafeModel) as error:
                other, problems = None, [f"they could not be judged: {error}"]
            if other is not None:
                rows[day] = other
            elif problems:
                refused[day] = f"predictions are outside their limits: {'; '.join(problems)}"
                continue
            accepted[day] = rows[day]
        return Published(pd.concat(rows.values()) if rows else scored, refused)

    def _before(self, lake: Lake, day: str, accepted: Mapping[str, pd.DataFrame]) -> np.ndarray:
        """(n,) published predictions that a day is compared with: of this run, or stored ones.

        Raises:
            LakeMismatch: stored predictions were altered.
        """
        if self.limits.max_distance is None:
            return np.empty(0)
        calendar = self.pipeline.calendar
        count = partitions(self.limits, "compared_with", calendar)
        days = calendar.keys(calendar.shifted(day, -count), calendar.shifted(day, -1))
        stored = [other for other in days if other not in accepted]
        window = lake.window(self.pipeline.table(nouns.PREDICTIONS), stored)
        found = [accepted[other][PREDICTION] for other in days if other in accepted]
        if window.hashes:
            found.append(verified_rows(window)[PREDICTION])
        return np.concatenate([np.empty(0), *(one.to_numpy(dtype=float) for one in found)])

    def _by_last_champion(
        self,
        workspace: Workspace,
        champion: Champion,
        features: Window,
        day: str,
        before: np.ndarray,
    ) -> pd.DataFrame | None:
        """Predictions of a day by the champion before its own, if they are asked for and within the limits.

        Raises:
            LakeMismatch, RegistryMismatch, UnsafeModel: that champion cannot be used.
        """
        if self.limits.otherwise != "last_champion":
            return None
        table, as_of = self.pipeline.table(nouns.CHAMPION), champion.as_of
        last = newest(releases(workspace.lake, table, as_of, includes_last=False))
        if last is None:
            return None
        confirm(self.pipeline, workspace, last)
        found = self.score_by(workspace, last, features, [day])
        return None if day_problems(found, before, self.limits) else found


def day_problems(
    predictions: pd.DataFrame, before: np.ndarray, limits: PredictionLimits
) -> list[str]:
    """The limits that a day of predictions is outside of.

    Args:
        predictions: (n, …) predictions of the day.
        before: (m,) predictions of the days before; without any, they are not compared.
        limits: the limits.
    """
    is_refused = predictions[OUTCOME] == Outcome.REFUSED
    by_rule = applied(predictions, limits.max_rule_share)
    shares = {
        "a rule refuses": (float(is_refused.mean()), limits.max_refused_share),
        **{
            f"rule {name} applies to": (float(by_rule[name].mean()), most)
            for name, most in limits.max_rule_share.items()
        },
    }
    found = [
        f"{what} {share:.1%} of the rows, allowed are {most:.1%}"
        for what, (share, most) in shares.items()
        if share > most
    ]
    given = predictions[PREDICTION].dropna().to_numpy(dtype=float)
    before = before[~np.isnan(before)]
    if limits.max_distance is not None and len(before) and len(given):
        from scipy.stats import ks_2samp

        test = ks_2samp(given, before)
        distance = float(test.statistic)
        if distance > limits.max_distance and test.pvalue < SURE:
            found.append(
                f"their KS distance from those of the {limits.compared_with.text} before is "
                f"{distance:.2f}, allowed is {limits.max_distance:g}"
            )
    return found


def cases_for_a_person(stored: StoredDays) -> dict[str, DayVerdict]:
    """Day → how many of its predictions a rule sends to a person, and which rules do."""
    found: dict[str, DayVerdict] = {}
    for day in stored.stored:
        rows = stored.rows[stored.rows[DAY] == day]
        waiting = rows[rows[OUTCOME] == Outcome.PERSON]
        reason = (
            f"{len(waiting)} of {len(rows)} predictions wait for a person; rules of these rows: "
            f"{counted(waiting)}"
        )
        found[day] = DayVerdict(waiting.empty, "" if waiting.empty else reason)
    return found
