"""The section ``online`` of a computed table: how its rows are found in the online store."""

from typing import Self

from pydantic import Field, model_validator

from ml_assets.cadence import Calendar
from ml_assets.configuration.sections import Name, Section
from ml_assets.durations import Age
from ml_assets.online.definition import OnlineTable


class Online(Section):
    """The online store of a computed table.

    Attributes:
        entity: columns that identify an entity.
        ttl: greatest age of values that are not stale.
        event_time: column with the time at which a row was known, such as a cut; the end of its
            partition when omitted.
    """

    entity: tuple[Name, ...] = Field(min_length=1)
    ttl: Age
    event_time: Name | None = None

    @model_validator(mode="after")
    def _names_columns_once(self) -> Self:
        names = [*self.entity, *([self.event_time] if self.event_time else [])]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"the column '{twice[0]}' is named twice in entity and event_time")
        return self

    def of(self, table: str, calendar: Calendar) -> OnlineTable:
        """A table as the online store knows it.

        Args:
            table: its asset key.
            calendar: its partitions.
        """
        return OnlineTable(table, self.entity, self.ttl.longest, calendar, self.event_time)
