"""Rules that can never apply are found, and none that does apply to a row is accused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.learning.ensembles.answers import Outcome
from ml_assets.learning.ensembles.domains import Domain
from ml_assets.learning.ensembles.reach import unreachable
from ml_assets_tests.learning.ensembles.panels import Members, rules, scores

THOROUGH = settings(deadline=None, max_examples=300)
NUMBERS, TEXTS = (0, 1, 2, 3, None), ("x", "y", None)
KNOWN = {
    "score": Domain(low=0, high=1, missing=False),
    "n": Domain(low=0, high=3),
    "t": Domain(listed=frozenset(["x", "y"])),
}
ENDS = (0.0, 0.25, 0.5, 0.75, 1.0)
ROWS = [(score, n, t) for score in (*ENDS, 0.1, 0.4, 0.6, 0.9) for n in NUMBERS for t in TEXTS]
BOTH = {"average": {"a": 1, "b": 1}}


def rule(name: str, when: dict[str, Any] | None = None, **action: Any) -> dict[str, Any]:
    """A business rule."""
    return {"name": name, "when": when or {}, "reason": "Why.", **action}


LOW, HIGH = {"score": {"below": 0.5}}, {"score": {"at_least": 0.5}}
SMALL, SMALLER = {"n": {"at_most": 2}}, {"n": {"below": 1}}


@pytest.mark.parametrize(
    ("of_rules", "accused"),
    [
        pytest.param([rule("k", SMALLER, refuse=True), rule("l", SMALL, override=0)], {}, id="some left"),
        pytest.param([rule("k", SMALL, refuse=True), rule("l", SMALLER, override=0)], {1: "'k' before it refuses"}, id="all refused"),
        pytest.param([rule("k", refuse=True), rule("l", override=0)], {1: "'k' before it refuses"}, id="everything refused"),
        pytest.param([rule("k", LOW, refuse=True), rule("l", override=0), rule("m", LOW, person=True)], {}, id="low again after refusal"),
        pytest.param([rule("k", SMALL, person=True), rule("l", SMALL, override=0)], {}, id="after a person"),
        pytest.param([rule("k", override=0.25), rule("l", HIGH, person=True)], {1: "no value that 'score' may have"}, id="after an override"),
        pytest.param([rule("k", SMALL, override=0.25), rule("l", HIGH, person=True)], {}, id="after an override of some"),
        pytest.param([rule("k", clamp={"at_least": 0.5}), rule("l", LOW, person=True)], {1: "no value that 'score' may have"}, id="after a clamp"),
        pytest.param([rule("k", clamp={"at_least": 0.5}), rule("l", {"score": {"above": 1}}, person=True)], {1: "no value"}, id="after a clamp above 1"),
        pytest.param([rule("k", override=0.25), rule("l", clamp={"at_least": 0.5}), rule("m", LOW, override=0.75)], {2: "no value that 'score' may have"}, id="override moved by a clamp"),
        pytest.param([rule("k", SMALL, override=0.25), rule("l", SMALL, clamp={"at_least": 0.5}), rule("m", LOW, override=0.75)], {}, id="override of some moved by a clamp"),
        pytest.param([rule("k", SMALLER, override=0.25), rule("l", SMALL, override=0.75)], {0: "it contradicts 'l', which overrides all of its rows with 0.75"}, id="two overrides"),
        pytest.param([rule("k", SMALLER, override=0.25), rule("l", SMALL, override=0.25)], {}, id="two equal overrides"),
        pytest.param([rule("k", override=0.25), rule("l", LOW, person=True), rule("m", override=0.75)], {}, id="a person looks at it in between"),
        pytest.param([rule("k", SMALL, override=0.25), rule("l", SMALLER, override=0.75)], {}, id="an exception"),
        pytest.param([rule("k", {"n": {"at_least": 2, "below": 1}}, person=True)], {0: "passes all of its tests"}, id="contradiction"),
        pytest.param([rule("k", {"n": {"above": 3}}, person=True)], {0: "no value that 'n' may have"}, id="outside the contract"),
        pytest.param([rule("k", {"t": {"not_in": ["x", "y"]}}, person=True)], {0: "no value that 't' may have"}, id="no text left"),
        pytest.param([rule("k", {"t": {"is": "missing"}}, person=True)], {}, id="missing values"),
    ],
)  # fmt: skip
def test_rules_that_never_apply_are_found(of_rules: list[Any], accused: dict[int, str]) -> None:
    found = unreachable(rules(BOTH, "ab", rules=of_rules), KNOWN)

    assert [one.path[:2] for one in found] == [("rules", number) for number in accused]
    for one, text in zip(found, accused.values(), strict=True):
        assert text in one.text


def test_routes_and_members_that_are_never_reached_are_found() -> None:
    routes = [
        {"name": "k", "when": {"t": {"in": ["x"]}}, "members": ["a"]},
        {"name": "l", "when": {"t": {"in": ["x"]}, "n": {"above": 1}}, "members": ["b"]},
    ]
    everything = [{"name": "k", "when": {"n": {"is": "present"}}, "members": ["a"]}]
    known = {**KNOWN, "n": Domain(low=0, high=3, missing=False)}

    assert [one.path for one in unreachable(rules(BOTH, "ab", routes=routes), KNOWN)] == [
        ("routes", 1)
    ]
    assert unreachable(rules(BOTH, "ab", routes=everything), KNOWN) == []
    assert [one.path for one in unreachable(rules(BOTH, "ab", routes=everything), known)] == [
        ("members", "b")
    ]
    assert [one.path for one in unreachable(rules(BOTH, "abc"), KNOWN)] == [("members", "c")]


def number_tests(ends: tuple[float, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """A test of numbers."""
    end = st.sampled_from(ends)
    one = st.one_of(
        *(st.fixed_dictionaries({key: end}) for key in ("at_least", "above", "at_most", "below")),
        st.fixed_dictionaries({"in": st.lists(end, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not_in": st.lists(end, min_size=1, max_size=2)}),
    )
    return st.one_of(one, st.fixed_dictionaries({"at_least": end, "below": end}))


PRESENCE = st.sampled_from([{"is": "missing"}, {"is": "present"}])
FIELDS = {
    "n": st.one_of(number_tests((0, 1, 2, 3)), PRESENCE),
    "t": st.one_of(
        st.sampled_from([{"in": ["x"]}, {"not_in": ["y"]}, {"in": ["x", "y"]}]), PRESENCE
    ),
}
ABOUT_ROWS = st.fixed_dictionaries({}, optional=FIELDS)
ABOUT_SCORES = st.fixed_dictionaries({}, optional={**FIELDS, "score": number_tests(ENDS)})
ACTIONS = st.one_of(
    st.sampled_from([{"refuse": True}, {"person": True}]),
    st.sampled_from(ENDS).map(lambda end: {"override": end}),
    st.sampled_from(ENDS).map(lambda end: {"clamp": {"at_least": end}}),
    st.sampled_from(ENDS).map(lambda end: {"clamp": {"at_most": end}}),
)


@THOROUGH
@given(
    st.lists(st.tuples(ABOUT_SCORES, ACTIONS), min_size=1, max_size=5),
    st.lists(st.tuples(ABOUT_ROWS.filter(bool), st.sampled_from(["a", "b", "ab"])), max_size=3),
)
def test_nothing_that_is_reached_is_accused(
    drawn: list[tuple[dict[str, Any], dict[str, Any]]], routes: list[tuple[dict[str, Any], str]]
) -> None:
    found = rules(
        BOTH,
        "ab",
        rules=[rule(f"r{number}", when, **action) for number, (when, action) in enumerate(drawn)],
        routes=[
            {"name": f"r{n}", "when": when, "members": [*names]}
            for n, (when, names) in enumerate(routes)
        ],
    )
    score, n, t = ([row[place] for row in ROWS] for place in range(3))
    answered = Members().answer(found, n=n, t=t, **scores(a=score, b=score)).rows

    for problem in unreachable(found, KNOWN):
        section, which = problem.path[:2]
        for row in answered:
            if section == "routes":
                assert row.route != f"r{which}"
            elif section == "members":
                assert which not in row.members
            else:
                names = [one.rule for one in row.rules]
                is_applied = f"r{which}" in names
                if "contradicts" in problem.text and is_applied:
                    later = problem.text.split("'")[1]
                    assert later in names or row.outcome == Outcome.REFUSED
                else:
                    assert not is_applied
