"""Tables of history made from a seed: honest ones, and the leaks that tests plant in them."""

import numpy as np
import pandas as pd


def daily(seed: int = 0, days: int = 730) -> pd.DataFrame:
    """A slow daily series with a season; its features are known the day before."""
    random = np.random.default_rng(seed)
    day = np.arange(days)
    season = 10 * np.sin(2 * np.pi * day / 365)
    weather = _autocorrelated(random, days, 0.8) * 3
    sales = 50 + season + weather + random.normal(size=days)
    dates = pd.date_range("2021-01-01", periods=days)
    gauge = pd.Series(random.normal(size=days))
    gauge[100:140] = np.nan
    return pd.DataFrame(
        {
            "date": dates,
            "sales": sales,
            "yesterday": pd.Series(sales).shift(1),
            "mean_before": pd.Series(sales).shift(1).rolling(7).mean(),
            "max_before": pd.Series(sales).shift(1).rolling(7).max(),
            "total_before": pd.Series(sales).shift(1).cumsum(),
            "forecast": season + weather + random.normal(size=days) * 2,
            "weekday": dates.day_of_week,
            "month": dates.month_name(),
            "number": day,
            "constant": 1,
            "walk": random.normal(size=days).cumsum(),
            "noise": random.normal(size=days),
            "sparse": pd.Series(random.normal(size=days)).where(random.random(days) < 0.05),
            "outage": gauge,
            "snow": pd.Series(random.random(days)).where(dates.month.isin([12, 1, 2])),
            "empty": pd.Series([None] * days),
            "code": [f"R-{random.integers(1_000_000):06}" for _ in day],
        }
    )


def hourly(seed: int = 0, hours: int = 24 * 60) -> pd.DataFrame:
    """Hourly rows of five stations, stored in the order of time."""
    random = np.random.default_rng(seed)
    moments = pd.date_range("2023-01-01", periods=hours, freq="h")
    parts = []
    for number, station in enumerate("ABCDE"):
        light = np.clip(np.sin(2 * np.pi * (moments.hour - 6) / 24), 0, None)
        temperature = 10 + 3 * number + 5 * light + _autocorrelated(random, hours, 0.97) * 2
        before = pd.Series(temperature).shift(1)
        parts.append(
            pd.DataFrame(
                {
                    "time": moments,
                    "station": station,
                    "temperature": temperature,
                    "hour_before": before,
                    "day_before": pd.Series(temperature).shift(24),
                    "mean_day": before.rolling(24).mean(),
                    "humidity": 60 - temperature + random.normal(size=hours) * 4,
                    "solar": pd.Series(light).where(light > 0),
                    "altitude": 100.0 * number,
                    "hour": moments.hour,
                    "pressure": 1000 + random.normal(size=hours).cumsum() / 10,
                    "wind": pd.Series(random.gamma(2, 3, hours)).where(random.random(hours) < 0.7),
                    "sensor": f"{station}7",
                }
            )
        )
    return pd.concat(parts).sort_values("time", kind="stable", ignore_index=True)


def events(seed: int = 0, rows: int = 4_000, rate: float = 0.2) -> pd.DataFrame:
    """Orders of which some are returned; the score has an AUC of about 0.9."""
    random = np.random.default_rng(seed)
    returned = random.random(rows) < rate
    region = random.choice(["north", "south", "west"], rows)
    moments = pd.Timestamp("2022-01-01") + pd.to_timedelta(
        np.sort(random.integers(0, 200 * 24, rows)), unit="h"
    )
    income = pd.Series(random.lognormal(10, 1, rows))
    return pd.DataFrame(
        {
            "ordered_at": moments,
            "is_returned": returned.astype(int),
            "score": returned * 1.8 + random.normal(size=rows),
            "region": region,
            "amount": random.lognormal(3, 1, rows),
            "income": income.where(random.random(rows) < np.where(returned, 0.5, 0.9)),
            "coupon": pd.Series(random.choice(["A", "B"], rows)).where(random.random(rows) < 0.03),
            "order_id": [f"O{random.integers(10**8):08}" for _ in range(rows)],
            "sequence": np.arange(rows) * 3 + random.integers(0, 3, rows),
            "customer": random.integers(0, rows // 3, rows),
            "hour": moments.hour,
            "promised_at": moments + pd.to_timedelta(random.integers(24, 96, rows), unit="h"),
            "is_gift": random.random(rows) < 0.01,
        }
    )


def kinds(seed: int = 0, rows: int = 3_000) -> pd.DataFrame:
    """Sightings of four species; size tells much of the species, not all."""
    random = np.random.default_rng(seed)
    species = random.choice(4, rows, p=[0.55, 0.25, 0.15, 0.05])
    moments = pd.date_range("2020-01-01", periods=rows, freq="7h")
    return pd.DataFrame(
        {
            "seen_at": moments.astype("str"),
            "species": np.array(["ant", "bee", "cricket", "dragonfly"])[species],
            "size": species * 2.0 + random.normal(size=rows),
            "weight": random.lognormal(1, 0.5, rows),
            "site": random.choice(["meadow", "wood", "pond"], rows),
            "observer": random.choice([f"P{number}" for number in range(30)], rows),
            "note": pd.Series(random.choice(["", "wet", "dry"], rows)),
            "photo": [f"IMG_{random.integers(10**7)}" for _ in range(rows)],
        }
    )


def _autocorrelated(random: np.random.Generator, size: int, share: float) -> np.ndarray:
    """A series with standard deviation 1, of which ``share`` of each value stays in the next."""
    values = random.normal(size=size)
    for number in range(1, size):
        values[number] = share * values[number - 1] + np.sqrt(1 - share**2) * values[number]
    return values
