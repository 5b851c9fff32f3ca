"""Figures of the service for Prometheus."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.serving.champions import State

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
