"""The partitions of a table in a ``defs.yaml``."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, GetJsonSchemaHandler, model_validator

from ml_assets.cadence import Cadence, Calendar, as_day, day_of, shifted
from ml_assets.configuration.sections import Section, Zone
from ml_assets.durations import PositiveDuration, partitions

FIRST_YEAR, LAST_YEAR = "1900", "2199"


def _is_day(text: str) -> str:
    if as_day(text) != text or not FIRST_YEAR <= text[:4] <= LAST_YEAR:
        raise ValueError(f"'{text}' is not a day, expected for example '2024-01-31'")
    return text


Day = Annotated[str, AfterValidator(_is_day)]


class Days(Section):
    """The days of a table and the cadence of its partitions.

    Attributes:
        first: first local day, on which a partition begins.
        last: last local day; open when omitted. The last partition is the last that ends by its end.
        timezone: IANA zone whose midnights bound the days.
        cadence: length of a partition.
        ahead: time before its start from which a partition exists; a partition exists when it has
            ended if this is omitted.
    """

    first: Day
    last: Day | None = None
    timezone: Zone = "UTC"
    cadence: Cadence = Cadence.DAILY
    ahead: PositiveDuration | None = None

    @model_validator(mode="after")
    def _has_partitions(self) -> Self:
        calendar = self.calendar
        if self.ahead:
            partitions(self, "ahead", calendar)
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first})")
        if self.cadence is Cadence.HOURLY and not calendar.has_whole_hours(self.first):
            raise ValueError(
                f"hours of {self.timezone} do not begin with those of UTC: use another time zone for "
                "hourly partitions, such as UTC"
            )
        start = day_of(self.first_key)
        if start != self.first:
            following = calendar.shifted(self.first_key, 1)
            raise ValueError(
                f"no {self.cadence} partition begins on {self.first}: use {start} or {following}"
            )
        if self.last_key is not None and self.last_key < self.first_key:
            raise ValueError(
                f"no {self.cadence} partition fits between {self.first} and {self.last}"
            )
        return self

    @property
    def calendar(self) -> Calendar:
        """The division of time into the table's partitions."""
        return Calendar(self.cadence, self.timezone)

    @property
    def not_ended(self) -> int:
        """Number of partitions that exist before they have ended."""
        return partitions(self, "ahead", self.calendar) + 1 if self.ahead else 0

    @property
    def first_key(self) -> str:
        """Key of the first partition."""
        return self.calendar.first_of(self.first)

    @property
    def last_key(self) -> str | None:
        """Key of the last partition; None when open."""
        if self.last is None:
            return None
        return self.calendar.shifted(self.calendar.first_of(shifted(self.last, 1)), -1)


class _MayLackKeys:
    """Changes the JSON schema of a section: no key is required."""

    def __get_pydantic_json_schema__(
        self, core: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core))
        return {key: value for key, value in schema.items() if key != "required"}


CompletedDays = Annotated[Days, _MayLackKeys()]
"""Days of which a document may give some keys; ``Defaults`` or the feature table complete them."""
