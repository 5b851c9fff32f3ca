"""The weather as a second source system: CSV files, one for each local day."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

TIME = "time_hour"


@dataclass(frozen=True)
class WeatherFiles:
    """A folder with a CSV file for each local day, such as ``2013-01-31.csv``.

    Attributes:
        folder: the folder.
        timezone: IANA zone of the days; times in the files are UTC.
    """

    folder: Path
    timezone: str

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return any(self.folder.glob("*.csv"))

    def load(self, rows: pd.DataFrame) -> None:
        """Write all files into a folder that appears when it is complete."""
        draft = self.folder.with_name(f"_{self.folder.name}_loading")
        shutil.rmtree(draft, ignore_errors=True)
        WeatherFiles(draft, self.timezone).write(rows)
        shutil.rmtree(self.folder, ignore_errors=True)
        draft.replace(self.folder)

    def newest(self) -> pd.Timestamp | None:
        """The newest time in the files, in UTC without a zone; None without rows."""
        return self._newest(pd.Timestamp.max)

    def append(self, rows: pd.DataFrame) -> int:
        """Add the rows after the newest one that is not later than all of them.

        Returns:
            Number of rows added.
        """
        newest = self._newest(rows[TIME].max()) if len(rows) else None
        added = rows if newest is None else rows[rows[TIME] > newest]
        self.write(added)
        return len(added)

    def write(self, rows: pd.DataFrame) -> None:
        """Add rows to the files of their days; each file is replaced at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        local = rows[TIME].dt.tz_localize("UTC").dt.tz_convert(self.timezone)
        for day, of_day in rows.groupby(local.dt.strftime("%Y-%m-%d")):
            file = self.folder / f"{day}.csv"
            known = file.read_text("utf-8") if file.exists() else ""
            text = of_day.to_csv(index=False, header=not known, date_format="%Y-%m-%d %H:%M:%S")
            draft = file.with_name(f"_{file.name}")
            draft.write_text(known + text, "utf-8")
            draft.replace(file)

    def _newest(self, limit: pd.Timestamp) -> pd.Timestamp | None:
        for file in sorted(self.folder.glob("[0-9]*.csv"), reverse=True):
            times = pd.to_datetime(pd.read_csv(file)[TIME], errors="coerce")
            known = times[times <= limit]
            if len(known):
                return known.max()
        return None
