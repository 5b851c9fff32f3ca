"""The stores of one project (lake, models, registry, online, connections), from its settings.

A workspace is an argument, or the Dagster resource ``workspace``; its stores do not read settings.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ml_assets.alerts.delivery.outbox import Outbox
from ml_assets.alerts.delivery.routes import Route, routes_of
from ml_assets.alerts.log import AlertLog
from ml_assets.lake.pair import confirm, lake_id
from ml_assets.lake.shared import SharingLedger
from ml_assets.lake.store import Lake
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.checkpoints import Checkpoints
from ml_assets.ledger.ledger import Ledger
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.online.store import OnlineStore
from ml_assets.registry.numbers import VersionNumbers
from ml_assets.registry.store import Registry
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.settings import Settings, settings
from ml_assets.sources.connections import Connections


@dataclass(frozen=True)
class Workspace:
    """The stores of one project.

    Attributes:
        settings: settings with their paths and URLs.
    """

    settings: Settings

    @classmethod
    def of_environment(cls) -> "Workspace":
        """The workspace of the environment's settings."""
        return cls(settings())

    @property
    def has_data(self) -> bool:
        """Whether there is a ledger, or a lake that had one; looking creates neither."""
        if self.settings.postgres_url is not None:
            return True
        ledger = self.settings.data / "ledger.db"
        return ledger.exists() or lake_id(self.settings.lake_uri) is not None

    @property
    def lake(self) -> Lake:
        """The lake with its ledger, if they belong together.

        Raises:
            LakeMismatch: lake and ledger do not belong together, or one of them is missing.
            ConfigurationError: they have another format.
        """
        lake = self.unconfirmed_lake
        confirm(lake.uri, lake.ledger)
        return lake

    @property
    def unconfirmed_lake(self) -> Lake:
        """The lake without that check, for commands that repair the pair."""
        uri, url, shared = self.settings.lake_uri, self.settings.ledger_url, self.settings.shared
        if shared is None:
            return Lake(uri, Ledger(url))
        theirs = Ledger(shared.ledger_url.get_secret_value())
        other_roots = dict.fromkeys(shared.tables, shared.lake)
        return Lake(uri, SharingLedger(url, theirs, shared.tables), other_roots)

    def one_connection(self) -> AbstractContextManager[None]:
        """Keep one connection to the ledger's database open in a block, see ``Ledger``; if there is any."""
        return self.unconfirmed_lake.ledger.one_connection() if self.has_data else nullcontext()

    @property
    def models(self) -> ModelStore:
        """The files of trained models."""
        return ModelStore(self.settings.data / "models")

    def checkpoints(self, table: str, day: str) -> Checkpoints:
        """The checkpoints of one training."""
        return Checkpoints(self.settings.data / "checkpoints" / table / day)

    @property
    def registry(self) -> Registry:
        """The registry of released models."""
        numbers = VersionNumbers(self.settings.ledger_url)
        return Registry(self.settings.registry_database_url, self.models, numbers)

    @property
    def approvals(self) -> ApprovalLog:
        """Approvals and rejections of releases."""
        return ApprovalLog(self.settings.ledger_url)

    @property
    def alerts(self) -> AlertLog:
        """Alerts and their events; changes are sent to the routes."""
        return AlertLog(self.settings.ledger_url, self.routes)

    @property
    def routes(self) -> list[Route]:
        """Routes of alerts; a backtest has none."""
        return [] if self.settings.shared else routes_of(self.settings.alerts)

    @property
    def outbox(self) -> Outbox:
        """Notifications of alerts, until they are delivered."""
        return Outbox(self.settings.ledger_url)

    @property
    def online(self) -> OnlineStore:
        """The newest features of entities."""
        return OnlineStore(self.settings.online_url)

    @property
    def has_prediction_log(self) -> bool:
        """Whether there is a prediction log; looking does not create it."""
        is_file = self.settings.postgres_url is None
        return not is_file or (self.settings.data / "prediction_log.db").exists()

    @property
    def prediction_log(self) -> PredictionLog:
        """Every prediction that services answered."""
        return PredictionLog(self.settings.prediction_log_url)

    @property
    def connections(self) -> Connections:
        """The source systems that source tables are extracted from."""
        return Connections(self.settings.connection_urls)

    def below_data(self, path: Path) -> str:
        """A path relative to the data folder, which may be moved later."""
        return str(path.relative_to(self.settings.data))
