"""The work of a year of sources and features, as a plain pandas script does it.

It reads the same database and files, checks the same contracts once, calls the same feature functions once
and writes Parquet by day; it has no versions, no verdict per day, no lineage and no incremental run.
"""

import sys
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from ml_assets.content import SNAPSHOT
from ml_assets.contracts.validation import validate
from ml_assets.defs.flight_delays.contracts import FlightFeatures, FlightOutcomes
from ml_assets.defs.flight_delays.features import flight_features, flight_outcomes
from ml_assets.defs.sources.contracts import Airports, Flights, Planes, Weather

ASSUMPTIONS = {
    "cancellation_known_hours": 3,
    "diversion_known_days": 3,
    "extra_zones": {
        "BQN": "America/Puerto_Rico",
        "PSE": "America/Puerto_Rico",
        "SJU": "America/Puerto_Rico",
        "STT": "America/St_Thomas",
    },
}


def main(source: Path, out: Path) -> None:
    """Read, check, compute and write the year."""
    engine = sa.create_engine(f"sqlite:///{source / 'source.db'}")
    files = sorted((source / "source_files" / "weather").glob("*.csv"))
    daily = {
        "flights": by_day(pd.read_sql("SELECT * FROM flights", engine)),
        "weather": by_day(pd.concat([pd.read_csv(file) for file in files], ignore_index=True)),
    }
    fixed = {
        name: pd.read_sql(f"SELECT * FROM {name}", engine).assign(ds=SNAPSHOT)
        for name in ("planes", "airports")
    }
    days = sorted(daily["flights"]["ds"].unique())
    flights = validate(daily["flights"], Flights, days).rows
    weather = validate(daily["weather"], Weather, days).rows
    planes = validate(fixed["planes"], Planes, [SNAPSHOT]).rows
    airports = validate(fixed["airports"], Airports, [SNAPSHOT]).rows
    features = flight_features(
        days,
        flights=flights,
        weather=weather,
        planes=planes,
        airports=airports,
        cut_hours=2,
        **ASSUMPTIONS,
    )
    outcomes = flight_outcomes(days, flights=flights, airports=airports, **ASSUMPTIONS)
    for name, rows in {
        "flights": flights,
        "weather": weather,
        "features": validate(features, FlightFeatures, days).rows,
        "outcomes": validate(outcomes, FlightOutcomes, days).rows,
    }.items():
        rows.to_parquet(out / name, partition_cols=["ds"], index=False)


def by_day(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the local day of each row."""
    local = pd.to_datetime(rows["time_hour"], utc=True).dt.tz_convert("America/New_York")
    return rows.assign(ds=local.dt.strftime("%Y-%m-%d"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
