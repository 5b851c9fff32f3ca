"""Members as models: which columns of the ensemble each of them needs."""

import pytest

from ml_assets.learning.ensembles.members import condition_columns, inputs_of, specification_of
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets.learning.specification import ENSEMBLE, ModelSpecification
from ml_assets_tests.learning.ensembles.panels import rules

CHAINED = rules(
    {"chain": {"links": [{"member": "a", "gives": "wind"}], "answer": "b"}},
    "ab",
    rules=[
        {"name": "k", "reason": "Why.", "when": {"score": {"above": 0.5}, "city": {"in": ["x"]}}, "person": True},
        {"name": "l", "reason": "Why.", "when": {"hour": {"below": 3}}, "person": True},
    ],
)  # fmt: skip


def model(*numeric: str, categorical: tuple[str, ...] = ()) -> ModelSpecification:
    """The specification of a member."""
    return ModelSpecification(
        task="regression", estimator="a.b", label="y", numeric=numeric, categorical=categorical
    )


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        pytest.param("a", {"wind": "wind", "hour": "hour"}, id="before the link"),
        pytest.param("b", {"hour": "hour"}, id="after the link"),
    ],
)
def test_only_members_after_a_link_get_its_prediction(
    member: str, expected: dict[str, str]
) -> None:
    assert inputs_of(CHAINED, member, model("wind", "hour")) == expected


def test_columns_of_other_names_are_those_of_the_ensemble() -> None:
    found = EnsembleRules.model_validate(
        {
            "members": {"a": {"pipeline": "p", "columns": {"wind": "wind_at_origin"}}},
            "combine": {"vote": {}},
        }
    )

    inputs = inputs_of(found, "a", model("wind", "hour"))

    assert inputs == {"wind": "wind_at_origin", "hour": "hour"}


def test_an_ensemble_needs_the_columns_of_members_and_conditions() -> None:
    members = {"a": model("wind"), "b": model("wind", "delay", categorical=("origin",))}

    found = specification_of(CHAINED, members, texts=["city"])

    assert condition_columns(CHAINED) == ["city", "hour"]
    assert (found.task, found.estimator) == ("regression", ENSEMBLE)
    assert found.numeric == ("wind", "delay", "hour")
    assert found.categorical == ("origin", "city")


def test_the_record_of_rules_makes_the_same_rules() -> None:
    assert EnsembleRules.model_validate(CHAINED.record()) == CHAINED
