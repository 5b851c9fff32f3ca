"""Figures of the service for Prometheus."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ml_assets.learning.ensembles.answers import Answer
from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.serving.champions import State
from ml_assets.serving.ensembles.members import Failure

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """The figures of one service.

    Args:
        waiting: number of requests that wait.
    """

    def __init__(self, waiting: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "ml_assets_requests", "Requests.", ["pipeline", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "ml_assets_request_seconds",
            "Time from the arrival of a request to its answer.",
            ["pipeline"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._predictions = Counter(
            "ml_assets_predictions",
            "Predicted rows.",
            ["pipeline", "model"],
            registry=self.registry,
        )
        self._stale = Counter(
            "ml_assets_stale_features",
            "Rows predicted with values older than the ttl of their table.",
            ["pipeline", "table"],
            registry=self.registry,
        )
        self._missing = Counter(
            "ml_assets_missing_features",
            "Rows predicted without a value of the feature.",
            ["pipeline", "feature"],
            registry=self.registry,
        )
        self._unlogged = Counter(
            "ml_assets_unlogged_predictions",
            "Rows that were answered and could not be logged.",
            ["pipeline"],
            registry=self.registry,
        )
        self._routes = Counter(
            "ml_assets_ensemble_routes",
            "Rows of ensembles by route; empty for none.",
            ["pipeline", "route"],
            registry=self.registry,
        )
        self._rules = Counter(
            "ml_assets_ensemble_rules",
            "Rows that a rule of an ensemble applied to.",
            ["pipeline", "rule"],
            registry=self.registry,
        )
        self._outcomes = Counter(
            "ml_assets_ensemble_outcomes",
            "Rows of ensembles by the outcome of their prediction.",
            ["pipeline", "outcome"],
            registry=self.registry,
        )
        self._member_failures = Counter(
            "ml_assets_member_failures",
            "Calls of a member of an ensemble that it did not answer.",
            ["pipeline", "member", "reason"],
            registry=self.registry,
        )
        self._champion = Gauge(
            "ml_assets_champion",
            "1 for the model that answers.",
            ["pipeline", "as_of", "model"],
            registry=self.registry,
        )
        self._refused = Gauge(
            "ml_assets_champion_refused",
            "1 if the newest release does not answer.",
            ["pipeline"],
            registry=self.registry,
        )
        Gauge(
            "ml_assets_waiting_requests", "Requests that wait.", registry=self.registry
        ).set_function(waiting)

    def answered(self, pipeline: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(pipeline, str(status)).inc()
        self._seconds.labels(pipeline).observe(seconds)

    def predicted(self, entries: Sequence[LoggedPrediction], *, is_logged: bool) -> None:
        """Count the rows of an answer."""
        for entry in entries:
            self._predictions.labels(entry.pipeline, entry.model_version).inc()
            for table in entry.stale:
                self._stale.labels(entry.pipeline, table).inc()
            for feature in entry.missing:
                self._missing.labels(entry.pipeline, feature).inc()
            if not is_logged:
                self._unlogged.labels(entry.pipeline).inc()
            if entry.ensemble:
                self._answered_by(entry.pipeline, entry.ensemble)

    def member_failed(self, pipeline: str, member: str, reason: Failure) -> None:
        """Count a call of a member that it did not answer."""
        self._member_failures.labels(pipeline, member, reason).inc()

    def _answered_by(self, pipeline: str, ensemble: Answer) -> None:
        self._routes.labels(pipeline, ensemble.route).inc()
        self._outcomes.labels(pipeline, ensemble.outcome).inc()
        for applied in ensemble.rules:
            self._rules.labels(pipeline, applied.rule).inc()

    def text(self, states: Mapping[str, State]) -> bytes:
        """The figures in the format of Prometheus.

        Args:
            states: pipeline → the state of its champion.
        """
        self._champion.clear()
        for name, state in states.items():
            self._refused.labels(name).set(bool(state.problem))
            if state.served:
                champion = state.served.champion
                self._champion.labels(name, champion.as_of, champion.fingerprint).set(1)
        return generate_latest(self.registry)
