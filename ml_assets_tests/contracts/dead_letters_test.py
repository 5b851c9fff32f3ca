"""Rejected rows are kept as they came, whatever their values are."""

import json
from datetime import date
from decimal import Decimal
from typing import ClassVar

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.content import DAY
from ml_assets.contracts.contract import Contract
from ml_assets.contracts.validation import validate

MONDAY = "2013-07-08"


class Orders(Contract):
    """Tolerates any share of dead letters."""

    id: int = pa.Field(ge=1)

    class Config:
        """With a key."""

        unique: ClassVar = ["id"]
        metadata: ClassVar = {"max_dead_letter_share": 1.0}


def orders(*ids: object) -> pd.DataFrame:
    """Raw orders of one day."""
    return pd.DataFrame({DAY: MONDAY, "id": pd.Series(ids, dtype=object)})


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param(memoryview(b"\x00\xff"), "00ff", id="view of bytes"),
        pytest.param(bytearray(b"\x00\xff"), "00ff", id="array of bytes"),
        pytest.param(b"ab", "6162", id="bytes"),
        pytest.param([1.5, float("nan"), float("inf")], [1.5, None, "inf"], id="numbers"),
        pytest.param([[b"a", None], []], [["61", None], []], id="nested"),
        pytest.param((Decimal("0.10"), Decimal("NaN")), ["0.10", None], id="decimals"),
        pytest.param({"a": float("-inf"), 1: [pd.NaT]}, {"a": "-inf", "1": [None]}, id="document"),
        pytest.param(np.array([1.0, np.nan]), [1.0, None], id="numpy"),
        pytest.param([date(2013, 7, 8), True], ["2013-07-08", True], id="dates"),
    ],
)
def test_d_a_value_outside_the_contract_rejects_only_its_row(value: object, kept: object) -> None:
    raw = orders(1, -1).assign(extra=pd.Series([None, value], dtype=object))

    validated = validate(raw, Orders, [MONDAY])

    [letter] = validated.dead_letters["row"]
    assert json.loads(letter)["extra"] == kept
    assert len(validated.rows) == 1


def test_d_views_of_equal_bytes_are_equal_rows_with_a_readable_key() -> None:
    validated = validate(orders(memoryview(b"x"), memoryview(b"x"), 3), Orders, [MONDAY])

    assert [*validated.dead_letters["source_key"]] == ["b'x'"]
    assert validated.merged_duplicates == {MONDAY: 1}
