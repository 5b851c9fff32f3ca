"""Inputs of a computed table in a ``defs.yaml``: what a partition reads of another table."""

from typing import Self

from pydantic import Field, model_validator

from ml_assets.cadence import Cadence, Calendar
from ml_assets.configuration.sections import Key, Section
from ml_assets.durations import Duration, DurationOrNone, OffsetFromStart, partitions


class InputWindow(Section):
    """The time of an input that a partition reads, relative to the start of the partition.

    Attributes:
        start: its beginning; ``from`` in a file.
        end: its end, not included; ``to`` in a file. With ``0d`` a partition reads nothing of its
            own time, so that it can be computed before that time.
    """

    start: OffsetFromStart = Field(alias="from", description="Its beginning.")
    end: OffsetFromStart = Field(alias="to", description="Its end, not included.")


class TableInput(Section):
    """One input of a computed table.

    Attributes:
        asset: asset key of the input.
        look_back: length of the earlier partitions of the input that a partition reads besides its
            own time.
        window: time of the input that a partition reads, instead of ``look_back``.
        cadence: partitions of the input, not coarser than the table's; by default those of its
            template, or of this table.
        is_snapshot: whether the input has no days.
        refreshes_history: whether a change of the snapshot makes all days stale that were computed
            with it; days that used no changed row keep their data version. Otherwise computed days
            keep the snapshot's earlier values, and only new days use the current ones.
    """

    asset: Key
    look_back: DurationOrNone = Duration.parse("0d")
    window: InputWindow | None = None
    cadence: Cadence | None = None
    is_snapshot: bool = False
    refreshes_history: bool = True

    def offsets(self, calendar: Calendar) -> tuple[int, int]:
        """Offsets of the first and the last partition that is read, in partitions of the reading table.

        Raises:
            ValueError: a time is not a whole number of partitions, or the window is empty or ends
                after the partition.
        """
        if self.window is None:
            return -partitions(self, "look_back", calendar), 0
        try:
            first = self.window.start.partitions(calendar)
            last = self.window.end.partitions(calendar) - 1
        except ValueError as error:
            raise ValueError(f"window: {error}") from None
        written = f"window from {self.window.start} to {self.window.end}"
        if first > last:
            raise ValueError(f"{written} is empty: it ends before it begins")
        if last > 0:
            raise ValueError(f"{written} ends after the partition, which would read the future")
        return first, last

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        for name in ("look_back", "window", "cadence"):
            if self.is_snapshot and name in self.model_fields_set:
                raise ValueError(f"{name} is given for a snapshot, which has no days")
        if self.window and "look_back" in self.model_fields_set:
            raise ValueError("look_back and window are both given: remove look_back")
        if not (self.is_snapshot or self.refreshes_history):
            raise ValueError(
                "'refreshes_history: false' is for snapshots only: days are always recomputed when "
                "their input days change. Remove it"
            )
        return self
