import pandera.pandas as pa
import pytest

from ml_assets.contracts.contract import Contract, computed
from ml_assets.contracts.lineage import copied_lineage, lineage, lineage_description
from ml_assets.errors import ConfigurationError


class Order(Contract):
    number: int = pa.Field(metadata={"from": ["orders.number"]})
    price: float = pa.Field(metadata={"unit": "€", "from": ["orders.amount", "items.price"]})
    currency: str = pa.Field(metadata={"from": []})


class Scored(Order):
    score: float = pa.Field(metadata={"from": ["priced.{features}", "{models}.version"]})
    price: float = pa.Field(ge=0)


SHOP = ["shop/orders", "shop/items"]


def test_lineage_has_the_declared_input_columns() -> None:
    assert lineage(Order, SHOP) == {
        "number": [("shop/orders", "number")],
        "price": [("shop/orders", "amount"), ("shop/items", "price")],
        "currency": [],
    }


def test_placeholders_are_replaced_by_all_their_values() -> None:
    names = {"features": ["price", "number"], "models": ["champion"]}
    found = lineage(Scored, [*SHOP, "shop/priced", "shop/champion"], names)

    assert found["score"] == [
        ("shop/priced", "price"),
        ("shop/priced", "number"),
        ("shop/champion", "version"),
    ]


def test_a_placeholder_for_nothing_is_a_constant() -> None:
    found = lineage(Scored, SHOP, {"features": [], "models": []})
    assert found["score"] == []


def test_a_redefined_field_without_declaration_keeps_that_of_its_base() -> None:
    found = lineage(Scored, SHOP, {"features": [], "models": []})
    assert found["price"] == lineage(Order, SHOP)["price"]


def test_inherited_columns_from_no_input_of_the_table_are_passed_on() -> None:
    class Received(Order):
        score: float = pa.Field(metadata={"from": ["priced.number"]})

    assert lineage(Received, ["shop/priced"], passed_on_by="shop/priced") == {
        "number": [("shop/priced", "number")],
        "price": [("shop/priced", "price")],
        "currency": [],
        "score": [("shop/priced", "number")],
    }


def test_error_of_an_unknown_input_suggests_a_similar_one() -> None:
    with pytest.raises(ConfigurationError) as raised:
        lineage(Order, ["shop/order", "shop/items"])

    assert str(raised.value) == (
        "Column 'number' of Order refers in 'from' to the unknown input 'orders'. Known: items, order. "
        "Did you mean 'order'?"
    )


def test_error_of_an_unknown_column_of_a_known_input_suggests_a_similar_one() -> None:
    known = {"shop/orders": ["ds", "number", "amount"]}

    class Mistyped(Contract):
        price: float = pa.Field(metadata={"from": ["orders.amuont"]})

    with pytest.raises(ConfigurationError) as raised:
        lineage(Mistyped, ["shop/orders"], known=known)

    assert str(raised.value) == (
        "Column 'price' of Mistyped refers in 'from' to the unknown column of shop/orders 'amuont'. "
        "Known: amount, ds, number. Did you mean 'amount'?"
    )


def test_error_of_an_unknown_placeholder_suggests_a_similar_one() -> None:
    with pytest.raises(ConfigurationError, match=r"placeholder 'features'.*Did you mean 'feature'"):
        lineage(Scored, SHOP, {"feature": [], "models": []})


def test_a_column_without_declared_inputs_is_an_error() -> None:
    class Silent(Contract):
        amount: float = pa.Field()

    with pytest.raises(ConfigurationError, match="'amount' of Silent does not declare"):
        lineage(Silent, SHOP)


def test_a_copy_has_the_columns_of_its_origin() -> None:
    assert copied_lineage(Order, "database/orders")["price"] == [("database/orders", "price")]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "From shop/shop.name."),
        (2, "From shop/orders.c0, shop/orders.c1; shop/shop.name."),
        (8, "From 8 columns of shop/orders; shop/shop.name."),
    ],
)
def test_description_lists_columns_of_small_inputs_and_counts_those_of_large_ones(
    count: int, words: str
) -> None:
    columns = [("shop/orders", f"c{number}") for number in range(count)]
    assert lineage_description([*columns, ("shop/shop", "name")]) == words


def test_description_of_a_constant_names_no_input() -> None:
    assert lineage_description([]) == ""


def test_inputs_with_the_same_last_part_are_named_in_full() -> None:
    class Both(Contract):
        total: float = computed("Both.", ["a/predictions.prediction", "b/predictions.prediction"])

    found = lineage(Both, ["a/predictions", "b/predictions"])
    assert found == {"total": [("a/predictions", "prediction"), ("b/predictions", "prediction")]}
