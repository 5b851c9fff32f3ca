"""Rules for high-risk predictions in ``monitoring.alerts``: what is read, and what is refused at load."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml_assets.alerts.finding import Level
from ml_assets.configuration.models import pipeline_of
from ml_assets.configuration.parts import PipelineConfiguration
from ml_assets.configuration.watching.pipelines import watched_pipelines
from ml_assets.settings import settings
from ml_assets_tests.configuration.wrong_values_test import DEFS, attributes_of, changed, refusal
from ml_assets_tests.project import overridden

RULE: dict[str, Any] = {
    "name": "late_ev",
    "when": {"score": {"at_least": 0.9}, "carrier": {"in": ["EV"]}},
}


def test_rules_are_part_of_what_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [RULE, {"name": "certain", "when": {"score": {"above": 0.99}}, "level": "critical"}]
    changes = overridden(monitoring={"alerts": rules})
    monkeypatch.setenv("ML_ASSETS_PIPELINES", changes)
    settings.cache_clear()

    found, broken = watched_pipelines()

    settings.cache_clear()
    watched = {one.name: one for one in found}
    flights = watched["flight_delays"]
    assert broken == {}
    assert [(one.name, one.level) for one in flights.rules] == [
        ("late_ev", None),
        ("certain", Level.CRITICAL),
    ]
    assert (flights.segments, flights.policy.name) == (("carrier", "origin"), "triggered")
    assert watched["flight_ensemble"].is_ensemble
    assert not watched["airport_wind"].rules


def test_a_pipeline_that_is_not_usable_is_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {**json.loads(overridden()), "flight_chain": {"drift_window": "long"}}
    monkeypatch.setenv("ML_ASSETS_PIPELINES", json.dumps(changes))
    settings.cache_clear()

    found, broken = watched_pipelines()

    settings.cache_clear()
    assert {*broken} == {"flight_chain"}
    assert "drift_window" in str(broken["flight_chain"])
    assert "flight_delays" in {one.name for one in found}


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        pytest.param(
            [{**RULE, "when": {"carier": {"in": ["EV"]}}}], "Did you mean 'carrier'?", id="segment"
        ),
        pytest.param(
            [{**RULE, "when": {"distance": {"above": 1}}}],
            "no segment 'distance'",
            id="a feature that is no segment",
        ),
        pytest.param(
            [{**RULE, "when": {"carrier": {"above": 1}}}],
            "'carrier' is a text, which is compared with texts alone",
            id="a number and a text",
        ),
        pytest.param(
            [{**RULE, "when": {"origin": {"in": ["JFK", "BER"]}}}],
            "'origin' is never 'BER'",
            id="a value that does not occur",
        ),
        pytest.param(
            [{**RULE, "when": {"score": {"is": "missing"}}}],
            "'score' is never missing",
            id="a missing score",
        ),
        pytest.param(
            [{**RULE, "when": {"score": {"at_least": 50, "below": 40}}}],
            "'monitoring.alerts.0.when.score': no value of 'score' passes all of its tests "
            "(at_least: 50, below: 40), so it never holds",
            id="a lower limit above the upper one",
        ),
        pytest.param(
            [{**RULE, "when": {"score": {"above": 0.5, "at_most": 0.5}}}],
            "(above: 0.5, at_most: 0.5), so it never holds",
            id="limits without a value between them",
        ),
        pytest.param(
            [{**RULE, "when": {"carrier": {"in": ["EV"], "not_in": ["EV"]}}}],
            "no value of 'carrier' passes all of its tests (in: [EV], not_in: [EV])",
            id="a list of which no value is left",
        ),
        pytest.param(
            [{**RULE, "when": {"score": {"at_least": 50}}}],
            "no value that 'score' may have passes, so it never holds: 'score' is at least 0 and at most 1",
            id="a percentage",
        ),
        pytest.param([RULE, RULE], "'late_ev' occurs more than once", id="one name twice"),
        pytest.param([{**RULE, "when": {}}], "at least 1", id="no condition"),
        pytest.param(
            [{**RULE, "level": "bad"}], "expected one of critical, warning, info", id="level"
        ),
        pytest.param(
            [{**RULE, "when": "score > 0.9"}], "Expressions are not evaluated", id="expression"
        ),
        pytest.param([{**RULE, "then": "call"}], "then", id="unknown key"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(rules: list[dict[str, Any]], problem: str) -> None:
    text = refusal("flight_delays", "ModelPipeline", "monitoring.alerts", rules)

    assert problem in text
    assert "flight_delays" in text


@pytest.mark.parametrize(
    "when",
    [
        pytest.param({"score": {"at_least": 0.5, "at_most": 0.5}}, id="one number"),
        pytest.param({"carrier": {"is": "missing"}}, id="a request without the segment"),
    ],
)
def test_a_rule_that_some_prediction_may_match_is_accepted(when: dict[str, Any]) -> None:
    rules = [{"name": "some", "when": when}]
    attributes = attributes_of("flight_delays", "ModelPipeline")

    found = pipeline_of(
        changed(attributes, "monitoring.alerts", rules),
        DEFS / "flight_delays" / "defs.yaml",
        PipelineConfiguration,
    )

    assert [one.name for one in found.monitoring.alerts] == ["some"]


def test_an_expression_is_not_evaluated(tmp_path: Path) -> None:
    made = tmp_path / "made"
    code = f"__import__('pathlib').Path('{made}').touch()"

    refusal(
        "flight_delays", "ModelPipeline", "monitoring.alerts", [{**RULE, "when": {"score": code}}]
    )

    assert not made.exists()
