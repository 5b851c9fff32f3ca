"""Rules for high-risk predictions in ``monitoring.alerts``: what is read, and what is refused at load."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml_assets.alerts.finding import Level
from ml_assets.configuration.watched import watched_pipelines
from ml_assets.settings import settings
from ml_assets_tests.configuration.wrong_values_test import refusal
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


def test_an_expression_is_not_evaluated(tmp_path: Path) -> None:
    made = tmp_path / "made"
    code = f"__import__('pathlib').Path('{made}').touch()"

    refusal(
        "flight_delays", "ModelPipeline", "monitoring.alerts", [{**RULE, "when": {"score": code}}]
    )

    assert not made.exists()
