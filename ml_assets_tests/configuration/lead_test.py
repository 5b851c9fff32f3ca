"""How long before its end a partition exists, from the windows of its inputs."""

import pytest

from ml_assets.configuration.days import Days
from ml_assets.configuration.lead import lead_of
from ml_assets.configuration.tables import FeatureTableConfiguration

WEEK_AHEAD = Days(first="2024-01-01", ahead="7d")
LIVE = Days(first="2024-01-01")
PLAN, VISITS = "{asset: a/plan}", "{asset: a/visits, window: {from: -8d, to: %s}}"


def table(
    key: str, days: str = "{first: '2024-01-01'}", **inputs: str
) -> FeatureTableConfiguration:
    """A computed table in YAML."""
    import yaml

    text = ", ".join(f"{name}: {item}" for name, item in inputs.items())
    return FeatureTableConfiguration.model_validate(
        {
            "key": key,
            "function": "a.b",
            "contract": "a.B",
            "description": "A table.",
            "owners": ["team:a"],
            "days": yaml.safe_load(days),
            "inputs": yaml.safe_load(f"{{{text}}}"),
        }
    )


def documents(key: str) -> FeatureTableConfiguration | Days | None:
    """A plan that is known ahead, visits, and a table that is computed from both."""
    computed = table("a/mean", "{first: '2024-01-01', ahead: 7d}", plan=PLAN, visits=VISITS % "0d")
    return {"a/plan": WEEK_AHEAD, "a/visits": LIVE, "a/mean": computed}.get(key)


@pytest.mark.parametrize(
    ("inputs", "lead"),
    [
        pytest.param({"visits": "{asset: a/visits}"}, 0, id="its own time"),
        pytest.param({"visits": VISITS % "0d"}, 1, id="until its start"),
        pytest.param({"visits": VISITS % "-1d"}, 2, id="until a day before"),
        pytest.param({"plan": PLAN, "visits": VISITS % "-1d"}, 2, id="a plan and the past"),
        pytest.param({"plan": PLAN, "more": PLAN, "visits": VISITS % "-1d"}, 2, id="two plans"),
        pytest.param({"plan": PLAN}, 8, id="a plan of the next seven days"),
        pytest.param({"mean": "{asset: a/mean}"}, 1, id="a table that reads the past"),
        pytest.param(
            {"other": "{asset: a/other}", "plan": PLAN}, 0, id="an asset without document"
        ),
        pytest.param({"shops": "{asset: a/shops, is_snapshot: true}"}, 0, id="a snapshot"),
    ],
)
def test_lead_follows_from_the_inputs(inputs: dict[str, str], lead: int) -> None:
    assert lead_of(table("a/features", **inputs), documents) == lead


def test_entities_of_a_snapshot_exist_as_long_before_as_the_table() -> None:
    found = table(
        "a/t", "{first: '2024-01-01', ahead: 2d}", shops="{asset: a/s, is_snapshot: true}"
    )

    assert lead_of(found, documents) == 3
