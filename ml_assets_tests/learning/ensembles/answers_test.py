"""Routes, business rules and limits against tables that were computed by hand."""

from typing import Any

import pytest

from ml_assets.learning.ensembles.answers import LIMITS, Answers, Outcome
from ml_assets.learning.ensembles.combining import NO_NUMBER
from ml_assets_tests.learning.ensembles.panels import Members, rules, scores

ALONE = {"average": {"a": 1}}
SCORES = [0.125, 0.5, 0.875]
ANSWERED, PERSON, REFUSED, FAILED = (
    Outcome.ANSWERED,
    Outcome.PERSON,
    Outcome.REFUSED,
    Outcome.FAILED,
)


def rule(name: str, when: dict[str, Any] | None = None, **action: Any) -> dict[str, Any]:
    """A business rule with a reason that has its name."""
    return {"name": name, "when": when or {}, "reason": f"Because of {name}.", **action}


def answered(*of_rules: dict[str, Any], **columns: Any) -> Answers:
    """The answers of one member with the scores 0.125, 0.5, 0.875 and some rules."""
    limits = columns.pop("limits", {})
    found = rules(ALONE, ["a"], rules=of_rules, limits=limits)
    return Members().answer(found, **scores(a=SCORES), **columns)


def applied(found: Answers) -> list[str]:
    """The names of the rules that applied to each row."""
    return [" ".join(one.rule for one in row.rules) for row in found.rows]


HIGH = {"score": {"at_least": 0.5}}


@pytest.mark.parametrize(
    ("action", "expected", "outcome"),
    [
        pytest.param({"override": 0.25}, [0.125, 0.25, 0.25], ANSWERED, id="override"),
        pytest.param({"clamp": {"at_most": 0.75}}, [0.125, 0.5, 0.75], ANSWERED, id="clamp above"),
        pytest.param(
            {"clamp": {"at_least": 0.75}}, [0.125, 0.75, 0.875], ANSWERED, id="clamp below"
        ),
        pytest.param(
            {"clamp": {"at_least": 0.625, "at_most": 0.75}},
            [0.125, 0.625, 0.75],
            ANSWERED,
            id="clamp",
        ),
        pytest.param({"refuse": True}, [0.125, 0.5, 0.875], REFUSED, id="refuse"),
        pytest.param({"person": True}, [0.125, 0.5, 0.875], PERSON, id="person"),
    ],
)
def test_a_rule_acts_where_its_condition_holds(
    action: dict[str, Any], expected: list[float], outcome: Outcome
) -> None:
    found = answered(rule("high", HIGH, **action))

    assert found.predictions.tolist() == expected
    assert [row.outcome for row in found.rows] == [ANSWERED, outcome, outcome]
    moves = [
        not action.get("clamp") or new != old for new, old in zip(expected, SCORES, strict=True)
    ]
    assert applied(found) == ["", *("high" if moved else "" for moved in moves[1:])]
    assert [row.combined for row in found.rows] == SCORES
    reasons = {one.reason for row in found.rows for one in row.rules}
    assert reasons == {"Because of high."}


def test_a_rule_without_a_condition_applies_to_every_row() -> None:
    assert answered(rule("all", override=1)).predictions.tolist() == [1.0, 1.0, 1.0]


def test_later_rules_see_the_score_that_earlier_ones_left() -> None:
    raised, low = (
        rule("raised", {"n": {"in": [1]}}, override=0.75),
        rule("high", HIGH, clamp={"at_most": 0.625}),
    )

    first = answered(raised, low, n=[1, 2, 3])
    second = answered(low, raised, n=[1, 2, 3])

    assert first.predictions.tolist() == [0.625, 0.5, 0.625]
    assert applied(first) == ["raised high", "", "high"]
    assert second.predictions.tolist() == [0.75, 0.5, 0.625]
    assert applied(second) == ["raised", "", "high"]


def test_nothing_applies_after_a_refusal() -> None:
    found = answered(
        rule("no", HIGH, refuse=True), rule("all", override=0.25), limits={"at_most": 0.5}
    )

    assert found.predictions.tolist() == [0.25, 0.5, 0.875]
    assert [row.outcome for row in found.rows] == [ANSWERED, REFUSED, REFUSED]
    assert applied(found) == ["all", "no", "no"]


def test_rules_go_on_for_a_person_and_may_refuse() -> None:
    found = answered(
        rule("look", HIGH, person=True),
        rule("less", HIGH, override=0.25),
        rule("no", {"n": {"is": "missing"}}, refuse=True),
        n=[1, 2, None],
    )

    assert found.predictions.tolist() == [0.125, 0.25, 0.25]
    assert [row.outcome for row in found.rows] == [ANSWERED, PERSON, REFUSED]
    assert applied(found) == ["", "look less", "look less no"]


@pytest.mark.parametrize(
    ("limits", "expected", "outcomes"),
    [
        pytest.param({"at_least": 0.25}, SCORES, [REFUSED, ANSWERED, ANSWERED], id="refuse below"),
        pytest.param({"at_most": 0.5}, SCORES, [ANSWERED, ANSWERED, REFUSED], id="refuse above"),
        pytest.param(
            {"at_least": 0.25, "at_most": 0.75, "otherwise": 0.5},
            [0.5, 0.5, 0.5],
            [ANSWERED] * 3,
            id="a number",
        ),
        pytest.param({}, SCORES, [ANSWERED] * 3, id="none"),
    ],
)
def test_predictions_keep_their_limits(
    limits: dict[str, Any], expected: list[float], outcomes: list[Outcome]
) -> None:
    found = answered(limits=limits)

    assert found.predictions.tolist() == expected
    assert [row.outcome for row in found.rows] == outcomes
    low, high = limits.get("at_least", 0), limits.get("at_most", 1)
    assert applied(found) == ["" if low <= score <= high else LIMITS for score in SCORES]


def test_limits_are_those_after_the_rules() -> None:
    found = answered(
        rule("raised", {"n": {"in": [1]}}, override=0.75),
        rule("look", HIGH, person=True),
        limits={"at_most": 0.75},
        n=[1, 2, 3],
    )

    assert [row.outcome for row in found.rows] == [PERSON, PERSON, REFUSED]
    assert applied(found) == ["raised look", "look", f"look {LIMITS}"]
    assert found.rows[2].rules[1].reason == "The prediction is not at most 0.75."


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        pytest.param({"at_least": 1}, "at least 1", id="one"),
        pytest.param({"at_least": 0, "at_most": 2.5}, "at least 0 and at most 2.5", id="both"),
    ],
)
def test_a_prediction_outside_the_limits_says_them(limits: dict[str, Any], reason: str) -> None:
    found = Members().answer(rules(ALONE, ["a"], limits=limits), **scores(a=[-1, 2]))

    assert [row.outcome for row in found.rows] == [REFUSED, ANSWERED]
    assert found.rows[0].rules[0].reason == f"The prediction is not {reason}."


@pytest.mark.parametrize("number", [float("inf"), float("nan")], ids=str)
def test_a_member_that_predicts_no_finite_number_fails_for_that_row(number: float) -> None:
    average = {"average": {"a": 1, "b": 1}}
    found = Members().answer(rules(average, ["a", "b"]), **scores(a=[number, 2], b=[4, 4]))

    assert found.predictions.tolist() == [4, 3]
    assert [row.members["a"].failure for row in found.rows] == [NO_NUMBER, ""]


def test_a_prediction_that_is_no_number_is_a_failure() -> None:
    found = Members().answer(rules(ALONE, ["a"]), **scores(a=[float("nan")]))

    assert (found.rows[0].outcome, found.rows[0].combined) == (FAILED, None)


def test_rows_that_no_member_answered_fail_whatever_the_rules() -> None:
    members = Members(failing=["a"])

    found = members.answer(
        rules(ALONE, ["a"], rules=[rule("all", override=0.25)], limits={"otherwise": 0.5}),
        **scores(a=SCORES[:1]),
    )

    assert str(found.predictions.tolist()) == "[nan]"
    assert (found.rows[0].outcome, found.rows[0].combined, applied(found)) == (FAILED, None, [""])
    assert found.rows[0].members["a"].failure == "a is down"


ROUTES = [
    {"name": "early", "when": {"hour": {"below": 6}}, "members": ["a"]},
    {"name": "first_half", "when": {"hour": {"below": 12}}, "members": ["b", "a"]},
    {"name": "unknown", "when": {"hour": {"is": "missing"}}, "members": ["c"]},
]
ROUTED = scores(a=[0.5, 0.5, 0.5, 0.5], b=[0.25, 0.25, 0.25, 0.25], c=[1.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("combine", "expected"),
    [
        pytest.param(
            {"average": {"a": 2, "b": 2, "c": 4}}, [0.5, 0.375, 0.6875, 1.0], id="average"
        ),
        pytest.param({"vote": {}}, [1.0, 0.5, 2 / 3, 1.0], id="vote"),
        pytest.param(
            {"cascade": {"order": ["a", "b", "c"], "margin": 0.25}},
            [0.5, 0.25, 0.25, 1.0],
            id="cascade",
        ),
    ],
)
def test_the_first_route_that_holds_picks_the_members(
    combine: dict[str, Any], expected: list[float]
) -> None:
    members = Members()

    found = members.answer(rules(combine, routes=ROUTES), hour=[3, 9, 15, None], **ROUTED)

    assert [row.route for row in found.rows] == ["early", "first_half", "", "unknown"]
    assert found.predictions.tolist() == pytest.approx(expected)
    asked = [{*row.members} for row in found.rows]
    assert asked[0] == {"a"}
    assert asked[1] == {"a", "b"}
    assert asked[3] == {"c"}
    assert len(members.asked["a"]) == 3


def test_a_route_whose_only_member_fails_has_no_answer() -> None:
    found = Members(failing=["c"]).answer(
        rules({"average": {"a": 1, "b": 1, "c": 1}}, routes=ROUTES), hour=[3, 9, 15, None], **ROUTED
    )

    assert [row.outcome for row in found.rows] == [ANSWERED, ANSWERED, ANSWERED, FAILED]
    assert found.predictions.tolist()[:3] == pytest.approx([0.5, 0.375, 0.375])


def test_rules_test_texts_and_missing_values() -> None:
    found = answered(
        rule("south", {"region": {"in": ["south"]}}, override=0.25),
        rule("nowhere", {"region": {"is": "missing"}}, refuse=True),
        region=["south", "north", None],
    )

    assert applied(found) == ["south", "", "nowhere"]
