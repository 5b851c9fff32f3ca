"""Combinations against tables that were computed by hand, and what holds for any predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.learning.ensembles.answers import Outcome
from ml_assets.learning.ensembles.rules import EnsembleRules
from ml_assets_tests.learning.ensembles.panels import Members, rules, scores

QUICK = settings(deadline=None, max_examples=60)
NAN = float("nan")
PROBABILITY = st.floats(0, 1)
WEIGHTS = st.fixed_dictionaries({name: st.floats(0.001, 1000) for name in "abc"})
AVERAGE = {"average": {"a": 2, "b": 1, "c": 1}}
VOTE = {"vote": {"threshold": 0.5}}
CASCADE = {"cascade": {"order": ["a", "b", "c"], "margin": 0.25}}
CHAIN = {
    "chain": {
        "links": [{"member": "a", "gives": "x"}, {"member": "b", "gives": "y"}],
        "answer": "c",
    }
}
#                    row 0 … row 4
GIVEN = scores(
    a=[0.75, 0.5, 0.25, 0.625, 1.0], b=[0.25, 0.5, 0.5, 0.0, 0.5], c=[0.25, 1.0, 0.75, 0.5, 0.0]
)


@pytest.mark.parametrize(
    ("combine", "expected"),
    [
        pytest.param(AVERAGE, [0.5, 0.625, 0.4375, 0.4375, 0.625], id="weighted average"),
        pytest.param(
            {"average": {"a": 3, "b": 1}}, [0.625, 0.5, 0.3125, 0.46875, 0.875], id="two of three"
        ),
        pytest.param(VOTE, [1 / 3, 1.0, 2 / 3, 2 / 3, 2 / 3], id="vote"),
        pytest.param(
            {"vote": {"threshold": 0.7}}, [1 / 3, 1 / 3, 1 / 3, 0.0, 1 / 3], id="vote at 0.7"
        ),
        pytest.param(CASCADE, [0.75, 1.0, 0.25, 0.0, 1.0], id="cascade"),
        pytest.param(
            {"cascade": {"order": ["c", "a"], "margin": 0.375, "threshold": 0.375}},
            [0.75, 1.0, 0.75, 0.625, 0.0],
            id="cascade from c to a around 0.375",
        ),
    ],
)
def test_predictions_are_combined(combine: Mapping[str, Any], expected: list[float]) -> None:
    found = Members().answer(rules(combine), **GIVEN)

    assert found.predictions.tolist() == pytest.approx(expected, abs=1e-15)
    assert {row.outcome for row in found.rows} == {Outcome.ANSWERED}


def test_a_chain_passes_predictions_on() -> None:
    members = Members(
        {
            "a": lambda row: row["base"] + 1,
            "b": lambda row: row["x"] * 10,
            "c": lambda row: row["base"] + row["x"] + row["y"],
        }
    )

    found = members.answer(rules(CHAIN), base=[1.0, 2.0])

    assert found.predictions.tolist() == [23.0, 35.0]  # 1 + 2 + 20, 2 + 3 + 30
    assert {name: one.score for name, one in found.rows[0].members.items()} == {
        "a": 2,
        "b": 20,
        "c": 23,
    }
    assert "x" not in members.asked["a"][0], "the first member knows no later prediction"


@pytest.mark.parametrize(
    ("combine", "failing", "fallbacks", "expected"),
    [
        pytest.param(AVERAGE, "a", {}, [0.25, 0.75], id="average of the rest"),
        pytest.param(AVERAGE, "a", {"a": 1.0}, [0.625, 0.875], id="average with a fallback"),
        pytest.param(AVERAGE, "ab", {"b": 0.5}, [0.375, 0.75], id="average of a fallback and one"),
        pytest.param(AVERAGE, "abc", {}, [NAN, NAN], id="average of none"),
        pytest.param(VOTE, "a", {}, [0.0, 1.0], id="vote of the rest"),
        pytest.param(VOTE, "a", {"a": 0.5}, [1 / 3, 1.0], id="vote with a fallback"),
        pytest.param(CASCADE, "a", {}, [0.25, 1.0], id="cascade goes on"),
        pytest.param(CASCADE, "a", {"a": 0.875}, [0.875, 0.875], id="cascade with a sure fallback"),
        pytest.param(CASCADE, "a", {"a": 0.5}, [0.25, 1.0], id="cascade with an unsure fallback"),
        pytest.param(CASCADE, "bc", {}, [0.75, 0.5], id="cascade without its last members"),
        pytest.param(CASCADE, "abc", {}, [NAN, NAN], id="cascade of none"),
        pytest.param(CHAIN, "a", {}, [NAN, NAN], id="chain without its first"),
        pytest.param(CHAIN, "b", {"b": 0.5}, [0.25, 1.0], id="chain with a fallback"),
        pytest.param(CHAIN, "c", {}, [NAN, NAN], id="chain without its last"),
        pytest.param(CHAIN, "c", {"c": 0.125}, [0.125, 0.125], id="chain with a last fallback"),
    ],
)
def test_a_member_that_fails_is_replaced_or_left_out(
    combine: Mapping[str, Any], failing: str, fallbacks: dict[str, float], expected: list[float]
) -> None:
    given = {name: values[:2] for name, values in GIVEN.items()}

    found = Members(failing=[*failing]).answer(rules(combine, fallbacks=fallbacks), **given)

    assert found.predictions.tolist() == pytest.approx(expected, nan_ok=True)
    failed = [Outcome.FAILED if np.isnan(one) else Outcome.ANSWERED for one in expected]
    assert [row.outcome for row in found.rows] == failed
    for name, one in found.rows[0].members.items():
        assert one.failure == (f"{name} is down" if name in failing else "")
        assert one.score == (fallbacks.get(name) if name in failing else given[name][0])


def test_a_chain_does_not_ask_members_after_one_that_failed() -> None:
    members = Members(failing=["a"])

    members.answer(rules(CHAIN), **GIVEN)

    assert members.asked.keys() == {"a"}


def test_members_are_asked_for_the_rows_that_need_them() -> None:
    members = Members()

    found = members.answer(rules(CASCADE), **GIVEN)

    assert {name: [row["a"] for row in rows] for name, rows in members.asked.items()} == {
        "a": [0.75, 0.5, 0.25, 0.625, 1.0],
        "b": [0.5, 0.625],
        "c": [0.5],
    }
    assert [[*row.members] for row in found.rows] == [
        ["a"],
        ["a", "b", "c"],
        ["a"],
        ["a", "b"],
        ["a"],
    ]


def test_an_error_of_a_member_is_that_of_the_ensemble() -> None:
    def broken(_: Mapping[str, Any]) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Members({"b": broken}).answer(rules(AVERAGE), **GIVEN)


@pytest.mark.parametrize(
    "combine", [AVERAGE, VOTE, CASCADE, CHAIN], ids=lambda one: next(iter(one))
)
def test_no_rows_have_no_answers(combine: Mapping[str, Any]) -> None:
    members = Members()

    found = members.answer(rules(combine), **scores(a=[], b=[], c=[]))

    assert (len(found.predictions), [*found.rows], members.asked) == (0, [], {})


@QUICK
@given(
    WEIGHTS,
    st.lists(st.tuples(PROBABILITY, PROBABILITY, PROBABILITY), min_size=1),
    st.sampled_from(["", "a", "bc"]),
)
def test_weights_of_those_that_answer_sum_to_one(
    weights: dict[str, float], drawn: list[tuple[float, float, float]], failing: str
) -> None:
    columns = np.array(drawn).T
    answering = [number for number, name in enumerate("abc") if name not in failing]
    members = Members(failing=[*failing])

    found = members.answer(
        rules({"average": weights}), **scores(a=columns[0], b=columns[1], c=columns[2])
    ).predictions
    one = members.answer(
        rules({"average": weights}), **scores(a=[1.0], b=[1.0], c=[1.0])
    ).predictions
    shares = [
        members.answer(
            rules({"average": weights}), **scores(**{n: [float(n == name)] for n in "abc"})
        ).predictions[0]
        for name in "abc"
    ]

    assert one.tolist() == [1.0]
    assert sum(shares) == pytest.approx(1)
    assert (found >= columns[answering].min(axis=0) - 1e-12).all()
    assert (found <= columns[answering].max(axis=0) + 1e-12).all()


@QUICK
@given(st.lists(PROBABILITY, min_size=1), PROBABILITY, st.integers(1, 5))
def test_equal_members_vote_like_one(drawn: list[float], threshold: float, count: int) -> None:
    names = [f"m{number}" for number in range(count)]
    combine = {"vote": {"threshold": threshold}}

    several = Members().answer(rules(combine, names), **scores(**dict.fromkeys(names, drawn)))
    one = Members().answer(rules(combine, ["m"]), **scores(m=drawn))

    assert several.predictions.tolist() == one.predictions.tolist()
    assert one.predictions.tolist() == [1.0 if score >= threshold else 0.0 for score in drawn]


@QUICK
@given(
    st.lists(st.tuples(PROBABILITY, PROBABILITY, PROBABILITY), min_size=1, max_size=30),
    st.floats(0.01, 0.5),
    st.permutations("abc"),
)
def test_a_cascade_asks_nobody_after_one_that_is_sure(
    drawn: list[tuple[float, float, float]], margin: float, order: Sequence[str]
) -> None:
    given_rows = [dict(zip("abc", row, strict=True)) for row in drawn]
    members = Members()

    found = members.answer(
        rules({"cascade": {"order": [*order], "margin": margin}}),
        **scores(**{name: [row[name] for row in given_rows] for name in "abc"}),
    )

    needed: dict[str, int] = {}
    for row, answer, prediction in zip(given_rows, found.rows, found.predictions, strict=True):
        asked = [order[0]]
        while len(asked) < 3 and abs(row[asked[-1]] - 0.5) < margin:
            asked.append(order[len(asked)])
        assert [*answer.members] == asked
        assert prediction == row[asked[-1]]
        for name in asked:
            needed[name] = needed.get(name, 0) + 1
    assert {name: len(rows) for name, rows in members.asked.items()} == needed


@st.composite
def ensembles(draw: st.DrawFn) -> EnsembleRules:
    """Any ensemble of three members, with a route and rules."""
    combine = draw(st.sampled_from([AVERAGE, VOTE, CASCADE, CHAIN]))
    low, high = sorted(draw(st.tuples(PROBABILITY, PROBABILITY)))
    routes = (
        []
        if combine is CHAIN
        else [{"name": "r", "when": {"a": {"below": low}}, "members": ["b", "c"]}]
    )
    return rules(
        combine,
        routes=routes,
        rules=[
            {"name": "k", "reason": "Why.", "when": {"c": {"is": "missing"}}, "override": high},
            {
                "name": "l",
                "reason": "Why.",
                "when": {"score": {"below": low}},
                "clamp": {"at_least": low},
            },
            {"name": "m", "reason": "Why.", "when": {"b": {"at_least": high}}, "person": True},
        ],
        limits={"at_most": high, "otherwise": draw(st.sampled_from(["refuse", low]))},
    )


@QUICK
@given(
    ensembles(), st.lists(st.tuples(PROBABILITY, PROBABILITY, PROBABILITY), min_size=1, max_size=20)
)
def test_a_row_has_the_same_answer_alone_and_among_others(
    found: EnsembleRules, drawn: list[tuple[float, float, float]]
) -> None:
    columns = np.array(drawn).T
    together = Members().answer(found, **scores(a=columns[0], b=columns[1], c=columns[2]))

    for number, (a, b, c) in enumerate(drawn):
        alone = Members().answer(found, a=[a], b=[b], c=[c])
        assert alone.predictions.tobytes() == together.predictions[number : number + 1].tobytes()
        assert alone.rows[0] == together.rows[number]
