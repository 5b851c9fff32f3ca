"""Measured dependencies of small functions whose dependencies are known."""

import numpy as np
import pandas as pd
import pytest

from ml_assets.content import DAY
from ml_assets.errors import ConfigurationError
from ml_assets.lineage.measurement.perturbation import (
    Frames,
    InputColumn,
    changes,
    dependencies,
    difference,
)

ORDERS = pd.DataFrame(
    {
        DAY: "2024-01-01",
        "order": range(100, 112),
        "shop": ["a", "b", "c"] * 4,
        "amount": [float(value) for value in range(12)],
        "items": [1, 2, 3, 4] * 3,
        "placed_at": pd.date_range("2024-01-01", periods=12, freq="3h", tz="UTC"),
        "note": "none",
        "is_paid": [True, True, False] * 4,
    }
)
SHOPS = pd.DataFrame({"shop": ["a", "b", "c"], "city": ["x", "y", "z"], "size": [1, 5, 9]})
INPUTS = {"orders": ORDERS, "shops": SHOPS}


def by_row(inputs: Frames) -> pd.DataFrame:
    """One row for each paid order, in the order of their times."""
    orders = inputs["orders"].merge(inputs["shops"], on="shop", how="left")
    orders = orders[orders["is_paid"]].sort_values("placed_at").reset_index(drop=True)
    return pd.DataFrame(
        {
            DAY: orders[DAY],
            "order": orders["order"],
            "price": orders["amount"] / orders["items"],
            "size": orders["size"],
            "hour": orders["placed_at"].dt.hour,
            "constant": 1,
        }
    )


def by_shop(inputs: Frames) -> pd.DataFrame:
    """One row for each shop."""
    return inputs["orders"].groupby([DAY, "shop"])["amount"].sum().rename("total").reset_index()


def made_from(found: dict[InputColumn, set[str]], name: str) -> set[str]:
    """The input columns of an output column."""
    return {f"{of}.{column}" for (of, column), changed in found.items() if name in changed}


def test_each_column_depends_on_what_it_is_computed_from() -> None:
    found = dependencies(by_row, INPUTS, ["order"])

    assert {
        name: made_from(found.columns, name)
        for name in ("order", "price", "size", "hour", "constant")
    } == {
        "order": {"orders.order"},
        "price": {"orders.amount", "orders.items"},
        "size": {"orders.shop", "shops.shop", "shops.size"},
        "hour": {"orders.placed_at"},
        "constant": set(),
    }
    assert found.rows >= {("orders", "is_paid")}
    assert found.undetermined == {}


def test_a_key_that_is_computed_depends_on_the_columns_that_group() -> None:
    found = dependencies(by_shop, {"orders": ORDERS}, ["shop"])

    assert made_from(found.columns, "shop") == {"orders.shop"}
    assert made_from(found.columns, "total") == {"orders.shop", "orders.amount"}


def test_a_column_that_is_not_read_costs_one_computation() -> None:
    calls = []

    def compute(inputs: Frames) -> pd.DataFrame:
        calls.append(1)
        return inputs["shops"][["shop", "size"]].copy()

    found = dependencies(compute, {"shops": SHOPS})
    assert found.columns["shops", "city"] == set()

    calls_with_unread = len(calls)
    calls.clear()
    dependencies(compute, {"shops": SHOPS.drop(columns="city")})
    assert calls_with_unread == len(calls) + 1 == found.computations


def test_an_error_of_one_kind_of_change_leaves_the_others() -> None:
    def compute(inputs: Frames) -> pd.DataFrame:
        if inputs["shops"]["city"].isna().any():
            raise ValueError("no city")
        return inputs["shops"][["city"]].copy()

    found = dependencies(compute, {"shops": SHOPS})

    assert found.columns["shops", "city"] == {"city"}
    assert found.undetermined == {}


def test_a_column_of_which_each_change_is_an_error_is_undetermined() -> None:
    def compute(inputs: Frames) -> pd.DataFrame:
        if list(inputs["shops"]["city"]) != ["x", "y", "z"]:
            raise LookupError("unknown city")
        return inputs["shops"][["size"]].copy()

    found = dependencies(compute, {"shops": SHOPS})

    assert found.undetermined == {("shops", "city"): "LookupError: unknown city"}


def test_a_function_that_changes_its_input_is_measured_with_the_original() -> None:
    def compute(inputs: Frames) -> pd.DataFrame:
        inputs["shops"]["size"] = inputs["shops"]["size"] * 2
        return inputs["shops"][["size"]]

    assert dependencies(compute, {"shops": SHOPS}).columns["shops", "size"] == {"size"}
    assert list(SHOPS["size"]) == [1, 5, 9]


def test_a_random_function_is_refused() -> None:
    random = np.random.default_rng()

    with pytest.raises(ConfigurationError, match="returns other rows when it is called again"):
        dependencies(lambda inputs: inputs["shops"].assign(size=random.random(3)), {"shops": SHOPS})


def test_measuring_twice_gives_the_same() -> None:
    assert dependencies(by_row, INPUTS, ["order"]) == dependencies(by_row, INPUTS, ["order"])


@pytest.mark.parametrize("name", [name for name in ORDERS.columns if name != DAY])
def test_changes_keep_the_type_and_change_something(name: str) -> None:
    values = ORDERS[name]
    found = dict(changes(values))

    assert found
    assert all(changed.dtype == values.dtype for changed in found.values())
    assert not any(changed.equals(values) for changed in found.values())


def test_the_order_of_a_sum_is_no_difference() -> None:
    before = pd.DataFrame({"total": [0.1 + 0.2 + 0.3]})
    after = pd.DataFrame({"total": [0.3 + 0.2 + 0.1]})

    assert difference(before, after).columns == frozenset()
    assert difference(before, after + 1e-6).columns == {"total"}
