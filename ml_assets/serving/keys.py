"""API keys: who may ask which pipelines, and until when.

A key is ``mla_<id>_<secret>``. Only a hash of the secret is stored: it has 256 random bits, so it needs
no slow hash. Hashes are compared in constant time.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from ml_assets.errors import ConfigurationError
from ml_assets.ledger.database import LedgerDatabase, create_missing, stored_time

_metadata = sa.MetaData()

_keys = sa.Table(
    "api_keys",
    _metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("pipelines", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("expires_at", sa.DateTime),
    sa.Column("revoked_at", sa.DateTime),
)

_KEY = re.compile(r"mla_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class ApiKey:
    """The stored part of a key.

    Attributes:
        id: its first part, which is no secret.
        name: what it is for.
        hash: SHA-256 of its secret.
        pipelines: pipelines that it may ask; empty for all.
        created_at: when it was created.
        expires_at: when it expires; None for never.
        revoked_at: when it was revoked; None if it was not.
    """

    id: str
    name: str
    hash: str
    pipelines: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def allows(self, pipeline: str) -> bool:
        """Whether it may ask a pipeline."""
        return not self.pipelines or pipeline in self.pipelines

    def state(self, now: datetime) -> str:
        """``valid``, ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


class ApiKeys(LedgerDatabase):
    """The keys of a project, in the ledger's database."""

    def __init__(self, url: str | sa.URL) -> None:
        super().__init__(url, _create_table)

    def create(
        self, name: str, pipelines: Sequence[str], expires_at: datetime | None
    ) -> tuple[ApiKey, str]:
        """Create a key.

        Args:
            name: what it is for.
            pipelines: pipelines that it may ask; empty for all.
            expires_at: when it expires; None for never.

        Returns:
            What is stored, and the key, which is shown once and stored nowhere.
        """
        secret = secrets.token_hex(32)
        key = ApiKey(
            id=secrets.token_hex(8),
            name=name,
            hash=_hash(secret),
            pipelines=[*pipelines],
            created_at=datetime.now(UTC),
            expires_at=expires_at,
            revoked_at=None,
        )
        row = {
            "id": key.id,
            "name": name,
            "hash": key.hash,
            "pipelines": json.dumps(key.pipelines),
            "created_at": stored_time(key.created_at),
            "expires_at": expires_at and stored_time(expires_at),
        }
        with self._transaction() as connection:
            connection.execute(sa.insert(_keys), row)
        return key, f"mla_{key.id}_{secret}"

    def all(self) -> list[ApiKey]:
        """All keys, the oldest first."""
        with self._transaction() as connection:
            rows = connection.execute(sa.select(_keys).order_by(_keys.c.created_at, _keys.c.id))
            return [_key(row) for row in rows.mappings()]

    def revoke(self, key_id: str) -> ApiKey:
        """Revoke a key; a key that was revoked stays as it is.

        Raises:
            ConfigurationError: there is no such key.
        """
        found = next((key for key in self.all() if key.id == key_id), None)
        if found is None:
            raise ConfigurationError(
                f"There is no API key with id '{key_id}'. 'ml-assets keys list' shows their ids."
            )
        query = sa.update(_keys).where((_keys.c.id == key_id) & _keys.c.revoked_at.is_(None))
        with self._transaction() as connection:
            connection.execute(query, {"revoked_at": stored_time(datetime.now(UTC))})
        return found


def matching(keys: Sequence[ApiKey], text: str) -> ApiKey | None:
    """The key with the given text, valid or not; None for an unknown one.

    Args:
        keys: the stored keys.
        text: what the client sent.
    """
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    key_id, secret = found.groups()
    given = _hash(secret)
    return next(
        (key for key in keys if key.id == key_id and hmac.compare_digest(key.hash, given)), None
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: sa.RowMapping) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        hash=row["hash"],
        pipelines=json.loads(row["pipelines"]),
        created_at=row["created_at"].replace(tzinfo=UTC),
        expires_at=row["expires_at"] and row["expires_at"].replace(tzinfo=UTC),
        revoked_at=row["revoked_at"] and row["revoked_at"].replace(tzinfo=UTC),
    )


def _create_table(connection: sa.Connection) -> None:
    create_missing(connection, _metadata)
