"""Planted leaks are found by the right rule; honest columns that look like leaks are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.scaffolding.leaks import leaks
from ml_assets_tests.scaffolding import tables

Made = Callable[[pd.DataFrame, np.random.Generator], Any]

TABLES: dict[str, tuple[Callable[..., pd.DataFrame], dict[str, Any]]] = {
    "daily": (tables.daily, dict(target="sales", time="date", task="regression")),
    "hourly": (
        tables.hourly,
        dict(target="temperature", time="time", entity=["station"], task="regression"),
    ),
    "events": (
        tables.events,
        dict(target="is_returned", time="ordered_at", task="classification"),
    ),
    "kinds": (tables.kinds, dict(target="species", time="seen_at", task="multiclass")),
}


def coming(values: pd.Series, rows: int, first: int = 1) -> pd.core.window.Rolling:
    """Windows of ``rows`` rows of which the first is ``first`` rows later."""
    return values.shift(1 - rows - first).rolling(rows)


def by_station(rows: pd.DataFrame, function: Callable[[pd.Series], pd.Series]) -> pd.Series:
    return rows.groupby("station")["temperature"].transform(function)


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


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_leak_is_found_by_its_rule(name, seed):
    table, rule, make = PLANTED[name]
    rows = TABLES[table][0](seed)
    rows["planted"] = make(rows, np.random.default_rng(seed + 100))
    assert found(table, rows) == {"planted": rule}
