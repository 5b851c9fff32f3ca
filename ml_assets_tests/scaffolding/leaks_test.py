"""Planted leaks are found by the right rule; honest columns that look like leaks are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.defs.sources.load import reference_files
from ml_assets.scaffolding.leaks import MIN_ROWS, leaks
from ml_assets_tests.scaffolding import synthetic_tables

Made = Callable[[pd.DataFrame, np.random.Generator], Any]

TABLES: dict[str, tuple[Callable[..., pd.DataFrame], dict[str, Any]]] = {
    "daily": (synthetic_tables.daily, dict(target="sales", time="date", task="regression")),
    "hourly": (
        synthetic_tables.hourly,
        dict(target="temperature", time="time", entity=["station"], task="regression"),
    ),
    "events": (
        synthetic_tables.events,
        dict(target="is_returned", time="ordered_at", task="classification"),
    ),
    "kinds": (synthetic_tables.kinds, dict(target="species", time="seen_at", task="multiclass")),
}


def coming(values: pd.Series, rows: int, first: int = 1) -> pd.core.window.Rolling:
    """Windows of ``rows`` rows of which the first is ``first`` rows later."""
    return values.shift(1 - rows - first).rolling(rows)


def by_station(rows: pd.DataFrame, function: Callable[[pd.Series], pd.Series]) -> pd.Series:
    return rows.groupby("station")["temperature"].transform(function)


def by_day(rows: pd.DataFrame) -> pd.Series:
    """The rate of returns of each day."""
    return rows.groupby(rows.ordered_at.dt.date).is_returned.mean()


PLANTED: dict[str, tuple[str, str, Made]] = {
    # copies
    "equal": ("daily", "copy", lambda t, r: t.sales),
    "equal where filled": ("daily", "copy", lambda t, r: t.sales.where(r.random(len(t)) < 0.6)),
    "other unit": ("hourly", "copy", lambda t, r: t.temperature * 1.8 + 32),
    "negative": ("daily", "copy", lambda t, r: -t.sales),
    "logarithm": ("daily", "copy", lambda t, r: np.log(t.sales)),
    "as a text": ("daily", "copy", lambda t, r: t.sales.astype("str")),
    "text with a unit": ("daily", "copy", lambda t, r: t.sales.map("{:.9f} EUR".format)),
    "two decimals": ("hourly", "copy", lambda t, r: t.temperature.round(3)),
    "label of two": ("events", "copy", lambda t, r: t.is_returned.map({0: "kept", 1: "back"})),
    "boolean": ("events", "copy", lambda t, r: t.is_returned == 0),
    "finer labels": (
        "events",
        "copy",
        lambda t, r: np.where(t.is_returned, r.choice(["late", "broken"], len(t)), "fine"),
    ),
    "codes of classes": ("kinds", "copy", lambda t, r: t.species.map(hash) % 1_000_003),
    "renamed classes": ("kinds", "copy", lambda t, r: t.species.str.upper().str[::-1]),
    "nearly all classes": (
        "kinds",
        "copy",
        lambda t, r: t.species.where(r.random(len(t)) < 0.998, "ant"),
    ),
    "time that includes it": (
        "daily",
        "copy",
        lambda t, r: t.date + pd.to_timedelta(t.sales, unit="h"),
    ),
    # shifted targets
    "tomorrow's": ("daily", "shifted target", lambda t, r: t.sales.shift(-1)),
    "in three days": ("daily", "shifted target", lambda t, r: t.sales.shift(-3) * 2),
    "of the station's next hour": (
        "hourly",
        "shifted target",
        lambda t, r: by_station(t, lambda s: s.shift(-1)),
    ),
    "next order's": ("events", "shifted target", lambda t, r: t.is_returned.shift(-1)),
    "second next class": ("kinds", "shifted target", lambda t, r: t.species.shift(-2)),
    # ids
    "prefix": (
        "events",
        "id tells the target",
        lambda t, r: [f"{'RX'[y]}{r.integers(10**8):08}" for y in t.is_returned],
    ),
    "parity": (
        "events",
        "id tells the target",
        lambda t, r: r.permutation(10**6)[: len(t)] * 2 + t.is_returned,
    ),
    "last part": (
        "kinds",
        "id tells the target",
        lambda t, r: [f"{r.integers(10**7)}-{s[0]}" for s in t.species],
    ),
    "remainder": (
        "kinds",
        "id tells the target",
        lambda t, r: r.permutation(10**6)[: len(t)] * 5 + t.species.factorize()[0],
    ),
    "range": (
        "events",
        "predicts too well",
        lambda t, r: t.is_returned * 10**6 + r.permutation(10**6)[: len(t)],
    ),
    # filled afterwards, or with the target
    "filled for returned": (
        "events",
        "filling tells the target",
        lambda t, r: pd.Series(r.choice(["a", "b"], len(t))).where(t.is_returned == 1),
    ),
    "filled for some returned": (
        "events",
        "filling tells the target",
        lambda t, r: pd.Series(r.normal(size=len(t))).where(
            (t.is_returned == 1) & (r.random(len(t)) < 0.3)
        ),
    ),
    "empty for returned": (
        "events",
        "filling tells the target",
        lambda t, r: pd.Series(r.normal(size=len(t))).astype("str").where(t.is_returned == 0, ""),
    ),
    "filled for one class": (
        "kinds",
        "filling tells the target",
        lambda t, r: pd.Series(r.normal(size=len(t))).where(t.species == "bee"),
    ),
    "filled for high values": (
        "daily",
        "filling tells the target",
        lambda t, r: pd.Series(r.normal(size=len(t))).where(t.sales > t.sales.median() + 2),
    ),
    "empty in the newest rows": (
        "daily",
        "filled afterwards",
        lambda t, r: pd.Series(r.normal(size=len(t))).where(np.arange(len(t)) < len(t) - 60),
    ),
    "mostly filled before": (
        "events",
        "filled afterwards",
        lambda t, r: pd.Series(r.normal(size=len(t))).where(
            (np.arange(len(t)) < len(t) - 200) & (r.random(len(t)) < 0.8)
        ),
    ),
    # aggregates
    "mean of the next week": (
        "daily",
        "aggregate over the future",
        lambda t, r: coming(t.sales, 7).mean(),
    ),
    "sum of ten days with today": (
        "daily",
        "aggregate over the future",
        lambda t, r: coming(t.sales, 10, 0).sum(),
    ),
    "centred mean": (
        "daily",
        "aggregate over the future",
        lambda t, r: t.sales.rolling(15, center=True).mean(),
    ),
    "largest of the next week": (
        "daily",
        "aggregate over the future",
        lambda t, r: coming(t.sales, 7).max(),
    ),
    "smallest of three days": (
        "daily",
        "aggregate over the future",
        lambda t, r: coming(t.sales, 3, 0).min(),
    ),
    "mean of the station's next day": (
        "hourly",
        "aggregate over the future",
        lambda t, r: by_station(t, lambda s: coming(s, 24).mean()),
    ),
    "mean of the station": (
        "hourly",
        "aggregate over the future",
        lambda t, r: by_station(t, lambda s: s.groupby(t.hour).transform("mean")),
    ),
    "total up to now with this row": (
        "hourly",
        "aggregate over the future",
        lambda t, r: by_station(t, lambda s: s.cumsum()),
    ),
    "mean of the customer": (
        "events",
        "aggregate over the future",
        lambda t, r: t.groupby(t.customer % 200).is_returned.transform("mean"),
    ),
    "rate of the day": (
        "events",
        "aggregate over the future",
        lambda t, r: t.groupby(t.ordered_at.dt.date).is_returned.transform("mean"),
    ),
    "returns among the next five": (
        "events",
        "aggregate over the future",
        lambda t, r: coming(t.is_returned, 5).sum(),
    ),
    "share of bees to come": (
        "kinds",
        "aggregate over the future",
        lambda t, r: coming((t.species == "bee").astype(float), 8).mean(),
    ),
    "one class apart": (
        "kinds",
        "aggregate over the future",
        lambda t, r: t.species.eq("ant"),
    ),
    "rate of the next day": (
        "events",
        "target of later days",
        lambda t, r: t.ordered_at.dt.date.map(by_day(t).shift(-1)),
    ),
    "rate of the next week": (
        "events",
        "target of later days",
        lambda t, r: t.ordered_at.dt.date.map(coming(by_day(t), 7).mean()),
    ),
    # too good
    "with a little noise": (
        "daily",
        "predicts too well",
        lambda t, r: t.sales + r.normal(size=len(t)) * 0.2,
    ),
    "amount behind the label": (
        "events",
        "predicts too well",
        lambda t, r: t.is_returned * 5.0 + r.normal(size=len(t)),
    ),
    "measured with the class": (
        "kinds",
        "predicts too well",
        lambda t, r: t.species.factorize()[0] * 9.0 + r.normal(size=len(t)),
    ),
}


def found(table: str, rows: pd.DataFrame) -> dict[str, str]:
    """Column → rule of the leaks of a table."""
    return {leak.column: leak.rule for leak in leaks(rows, **TABLES[table][1])}


def alone(table: str, rows: pd.DataFrame, name: str, values: Any) -> pd.DataFrame:
    """The target, the time and the entity of a table, with one other column."""
    arguments = TABLES[table][1]
    names = [arguments["target"], arguments["time"], *arguments.get("entity", [])]
    return rows[names].assign(**{name: values})


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_leak_is_found_by_its_rule(name, seed):
    table, rule, make = PLANTED[name]
    rows = TABLES[table][0](seed)
    planted = make(rows, np.random.default_rng(seed + 100))
    assert found(table, alone(table, rows, "planted", planted)) == {"planted": rule}


def in_past(values: pd.Series, rows: int) -> pd.core.window.Rolling:
    """Windows of ``rows`` rows that end with the row before."""
    return values.shift(1).rolling(rows)


def with_noise(random: np.random.Generator, values: pd.Series, r2: float) -> pd.Series:
    """Values with so much noise that they explain ``r2`` of what they were."""
    return values + random.normal(size=len(values)) * values.std() * np.sqrt(1 / r2 - 1)


HONEST: dict[str, tuple[str, Made]] = {
    "yesterday's": ("daily", lambda t, r: t.sales.shift(1)),
    "yesterday's as a text": ("daily", lambda t, r: t.sales.shift(1).round(1).astype("str")),
    "a week ago": ("daily", lambda t, r: t.sales.shift(7)),
    "mean of ten days before": ("daily", lambda t, r: in_past(t.sales, 10).mean()),
    "largest of five days before": ("daily", lambda t, r: in_past(t.sales, 5).max()),
    "record up to yesterday": ("daily", lambda t, r: t.sales.shift(1).cummax()),
    "weighted mean of the past": ("daily", lambda t, r: t.sales.shift(1).ewm(5).mean()),
    "change since yesterday": ("daily", lambda t, r: t.sales.shift(1).diff()),
    "forecast with R² 0.9": ("daily", lambda t, r: with_noise(r, t.sales, 0.9)),
    "part of the cause": (
        "daily",
        lambda t, r: t.sales.shift(-1) * 0.5 + r.normal(size=len(t)) * 6,
    ),
    "season": ("daily", lambda t, r: np.sin(2 * np.pi * t.date.dt.day_of_year / 365)),
    "days since the start": ("daily", lambda t, r: (t.date - t.date.min()).dt.days),
    "random walk": ("daily", lambda t, r: r.normal(size=len(t)).cumsum()),
    "two values of a whole year": (
        "daily",
        lambda t, r: pd.Series([1.5, 2.5, *[np.nan] * (len(t) - 2)]),
    ),
    "sensor that began later": (
        "daily",
        lambda t, r: pd.Series(r.normal(size=len(t))).where(np.arange(len(t)) > 400),
    ),
    "filled by the hour": ("hourly", lambda t, r: t.humidity.where(t.hour.between(6, 17))),
    "station's hour before": ("hourly", lambda t, r: by_station(t, lambda s: s.shift(1))),
    "station's mean up to now": (
        "hourly",
        lambda t, r: by_station(t, lambda s: s.shift(1).expanding().mean()),
    ),
    "neighbour's hour before": (
        "hourly",
        lambda t, r: t.time.map(t[t.station == "A"].set_index("time").temperature.shift(1)),
    ),
    "score with AUC 0.95": (
        "events",
        lambda t, r: t.is_returned * 2.33 + r.normal(size=len(t)),
    ),
    "customer's returns before": (
        "events",
        lambda t, r: t.groupby("customer").is_returned.transform(lambda s: s.shift(1).cumsum()),
    ),
    "rate up to now": ("events", lambda t, r: t.is_returned.shift(1).expanding().mean()),
    "rate of the day before": (
        "events",
        lambda t, r: t.ordered_at.dt.date.map(by_day(t).shift(1)),
    ),
    "rate of the week before": (
        "events",
        lambda t, r: t.ordered_at.dt.date.map(by_day(t).shift(1).rolling(7).mean()),
    ),
    "something about the day": (
        "events",
        lambda t, r: t.ordered_at.dt.date.map(by_day(t) * 0 + r.normal(size=len(by_day(t)))),
    ),
    "rate of the region before": (
        "events",
        lambda t, r: t.groupby("region").is_returned.transform(
            lambda s: s.shift(1).rolling(50).mean()
        ),
    ),
    "empty more often when returned": (
        "events",
        lambda t, r: pd.Series(r.normal(size=len(t))).where(
            r.random(len(t)) < np.where(t.is_returned, 0.1, 0.9)
        ),
    ),
    "thousand articles": ("events", lambda t, r: r.integers(0, 1000, len(t)).astype(str)),
    "hash": ("events", lambda t, r: [f"{r.integers(2**62):016x}" for _ in range(len(t))]),
    "a few flags": ("events", lambda t, r: r.random(len(t)) < 0.002),
    "latest delivery": (
        "events",
        lambda t, r: t.ordered_at + pd.to_timedelta(r.integers(1, 9, len(t)), unit="D"),
    ),
    "class before": ("kinds", lambda t, r: t.species.shift(1)),
    "size with overlap": (
        "kinds",
        lambda t, r: t.species.factorize(sort=True)[0] * 4.0 + r.normal(size=len(t)),
    ),
}


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("seed", [0, 1])
def test_an_honest_column_is_not_flagged(name, seed):
    table, make = HONEST[name]
    rows = TABLES[table][0](seed)
    honest = make(rows, np.random.default_rng(seed + 100))
    assert found(table, alone(table, rows, "honest", honest)) == {}


PAIRS: dict[
    str, tuple[list[str], Callable[[pd.DataFrame, np.random.Generator], dict[str, Any]]]
] = {
    "product": (
        ["revenue"],
        lambda t, r: {
            "price": (price := r.choice([4.99, 5.49, 5.99], len(t))),
            "revenue": (t.sales * price).round(2),
        },
    ),
    "quotient": (
        ["cost_of_one"],
        lambda t, r: {
            "cost": (cost := r.uniform(90, 110, len(t))),
            "cost_of_one": cost / t.sales,
        },
    ),
    "sum": (
        ["members"],
        lambda t, r: {
            "members": (members := t.sales * 0.8 + r.normal(size=len(t)) * 3),
            "guests": t.sales - members,
        },
    ),
    "difference": (
        ["gross"],
        lambda t, r: {
            "returned": (returned := r.uniform(0, 9, len(t))),
            "gross": t.sales + returned,
        },
    ),
    "price of the weekday": (
        ["revenue"],
        lambda t, r: {
            "price": (price := t.date.dt.day_of_week + 4.5),
            "revenue": t.sales * price,
        },
    ),
    "scaled and with gaps": (
        ["revenue"],
        lambda t, r: {
            "price": (price := pd.Series(r.uniform(4, 7, len(t))).where(r.random(len(t)) < 0.7)),
            "revenue": t.sales * price * 100 + 7,
        },
    ),
    "nothing: changes before": (
        [],
        lambda t, r: {"yesterday": t.sales.shift(1), "change": t.sales.shift(1).diff()},
    ),
    "nothing: noise on the product": (
        [],
        lambda t, r: {
            "price": (price := r.choice([4.99, 5.49, 5.99], len(t))),
            "revenue": t.sales * price * r.normal(1, 0.1, len(t)),
        },
    ),
    "nothing: yesterday's product": (
        [],
        lambda t, r: {
            "price": (price := pd.Series(r.choice([4.99, 5.49, 5.99], len(t)))),
            "revenue": t.sales.shift(1) * price.shift(1),
        },
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_the_target_with_another_column_is_found(name, seed):
    expected, make = PAIRS[name]
    rows = synthetic_tables.daily(seed)
    planted = make(rows, np.random.default_rng(seed + 100))
    flagged = found("daily", rows[["date", "sales"]].assign(**planted))
    assert flagged == dict.fromkeys(expected, "arithmetic with another column")


@pytest.mark.parametrize("seed", range(3))
def test_of_a_target_from_yesterdays_the_growth_is_the_leak(seed):
    rows = synthetic_tables.daily(seed)[["date", "sales", "yesterday"]].head(90)
    growth = rows.assign(growth=rows.sales / rows.yesterday)
    assert found("daily", growth) == {"growth": "arithmetic with another column"}


def test_both_columns_and_the_formula_are_named():
    rows = synthetic_tables.daily(0)[["date", "sales"]].assign(price=lambda t: t.index % 7 + 4.5)
    (leak,) = leaks(rows.assign(revenue=rows.sales * rows.price), **TABLES["daily"][1])
    assert leak.finding == (
        "`revenue` and another column tell `sales`: `revenue` / `price` equals, in 100.0% of "
        "730 rows, `sales`."
    )


def share_of_false_warnings(seeds: range) -> float:
    """Columns that are flagged, of all honest columns of the four tables."""
    columns = warnings = 0
    for table, (make, _) in TABLES.items():
        for seed in seeds:
            rows = make(seed)
            columns += rows.shape[1] - 2
            warnings += len(found(table, rows))
    return warnings / columns


def test_few_honest_columns_have_a_false_warning():
    assert share_of_false_warnings(range(3)) <= 0.01


@pytest.mark.slow
def test_few_honest_columns_of_50_seeds_have_a_false_warning():
    assert share_of_false_warnings(range(1_000, 1_050)) <= 0.01


def walk(seed: int, days: int = 3_000) -> pd.DataFrame:
    """A random walk whose steps are small against its range."""
    random = np.random.default_rng(seed)
    level = pd.Series(random.normal(size=days).cumsum())
    return pd.DataFrame(
        {
            "date": pd.date_range("2015-01-01", periods=days),
            "level": level,
            "before": level.shift(1),
            "before_other_unit": level.shift(1) * 2 + 3,
            "before_measured": level.shift(1) + random.normal(size=days) / 10,
            "mean_before": level.shift(1).rolling(3).mean(),
            "other_walk": random.normal(size=days).cumsum(),
        }
    )


def states(seed: int, days: int = 3_000) -> pd.DataFrame:
    """A state that changes every hundred days, and columns filled for long stretches."""
    random = np.random.default_rng(seed)
    on = pd.Series((random.random(days) < 0.01).cumsum() % 2)
    filled = (random.random(days) < 0.01).cumsum() % 2 == 0
    return pd.DataFrame(
        {
            "date": pd.date_range("2015-01-01", periods=days),
            "on": on,
            "before": on.shift(1),
            "word_before": on.shift(1).map({0: "off", 1: "on"}),
            "days_on": on.shift(1).rolling(30).sum(),
            "stretches": pd.Series(random.normal(size=days)).where(filled),
        }
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_past_of_a_slow_series_is_no_leak(seed):
    assert leaks(walk(seed), target="level", time="date", task="regression") == []


@pytest.mark.parametrize("seed", range(3))
def test_the_past_of_a_state_that_seldom_changes_is_no_leak(seed):
    assert leaks(states(seed), target="on", time="date", task="classification") == []


@pytest.mark.parametrize("seed", range(3))
def test_a_measurement_of_today_is_found_in_a_slow_series(seed):
    rows = walk(seed)
    rows["measured"] = rows.level + np.random.default_rng(seed).normal(size=len(rows)) / 20
    rows["next"] = rows.level.shift(-1) * 2
    flagged = leaks(rows, target="level", time="date", task="regression")
    assert [(leak.column, leak.rule) for leak in flagged] == [
        ("measured", "predicts too well"),
        ("next", "shifted target"),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_a_rare_class_makes_no_column_a_leak(seed):
    assert found("events", synthetic_tables.events(seed, rate=0.004)) == {}


def test_what_is_empty_with_the_target_is_found():
    rows = synthetic_tables.events(3)
    rows["is_returned"] = rows.is_returned.where(np.arange(len(rows)) < 3_800)
    rows["checked_by"] = pd.Series("P1", index=rows.index).where(rows.is_returned.notna())
    assert found("events", rows) == {"checked_by": "filled afterwards"}


def test_rows_that_are_empty_as_a_whole_say_nothing():
    rows = synthetic_tables.daily(3)[["date", "sales", "forecast", "noise", "walk"]]
    rows.loc[300:340, ["sales", "forecast", "noise", "walk"]] = np.nan
    assert found("daily", rows) == {}


def test_a_finding_is_a_sentence_with_its_figure():
    rows = synthetic_tables.daily(0)[["date", "sales"]].assign(copied=lambda t: t.sales)
    (leak,) = leaks(rows, **TABLES["daily"][1])
    assert leak.finding == "`copied` equals, in 100.0% of 730 rows, `sales` of the same row."


@pytest.mark.parametrize("table", TABLES)
def test_few_rows_say_nothing(table):
    rows = TABLES[table][0](0).head(MIN_ROWS - 1)
    rows["copied"] = rows[TABLES[table][1]["target"]]
    assert found(table, rows) == {}


@pytest.mark.parametrize("table", TABLES)
def test_the_order_of_the_rows_does_not_matter(table):
    rows = TABLES[table][0](5)
    target = TABLES[table][1]["target"]
    rows = rows.assign(copied=rows[target], next_tail=rows[target].where(rows.index < 500))
    moments = TABLES[table][1]["time"]
    shuffled = rows.drop_duplicates(moments).sample(frac=1, random_state=1)
    ordered = leaks(rows.drop_duplicates(moments), **TABLES[table][1])
    assert leaks(shuffled, **TABLES[table][1]) == ordered
    assert "copied" in {leak.column for leak in ordered}


@pytest.mark.parametrize("target", ["constant", "empty"])
def test_a_target_that_says_nothing_has_no_leaks(target):
    rows = synthetic_tables.daily(0)
    assert leaks(rows, target=target, time="date", task="regression") == []


def test_the_table_is_not_changed():
    rows = synthetic_tables.events(0)
    before = rows.copy(deep=True)
    found("events", rows)
    pd.testing.assert_frame_equal(rows, before)


def test_a_leak_of_a_large_table_is_found_in_a_sample():
    rows = synthetic_tables.events(0, rows=220_000)[["ordered_at", "is_returned", "score"]]
    rows["next"] = rows.is_returned.shift(-1)
    rows["reason"] = pd.Series("broken", index=rows.index).where(rows.is_returned == 1)
    assert found("events", rows) == {
        "next": "shifted target",
        "reason": "filling tells the target",
    }


def test_what_is_known_only_after_departure_is_found_in_real_flights():
    rows = pd.read_csv(reference_files() / "flights.csv.zip", nrows=60_000)
    flagged = leaks(rows, target="arr_delay", time="time_hour", task="regression")
    assert {leak.column: leak.rule for leak in flagged} == dict.fromkeys(
        ["dep_time", "dep_delay", "arr_time", "air_time"], "filled afterwards"
    )


@pytest.mark.parametrize("target", ["temp", "wind_speed", "visib", "humid", "precip", "pressure"])
def test_real_weather_has_no_leak(target):
    rows = pd.read_csv(reference_files() / "weather.csv")
    assert leaks(rows, target=target, time="time_hour", entity=["origin"], task="regression") == []
