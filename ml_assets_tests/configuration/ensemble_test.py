"""Wrong rules of an ensemble are refused at load: file, key, line, reason, and the nearest name."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import pytest

from ml_assets.components import Ensemble
from ml_assets.components.broken import Broken
from ml_assets.configuration.ensemble.section import EnsembleConfiguration
from ml_assets.configuration.file_defaults import completed_documents
from ml_assets.configuration.files.yaml_files import template_of
from ml_assets.contracts.contract import computed
from ml_assets.errors import ConfigurationError
from ml_assets.learning.specification import ENSEMBLE
from ml_assets.settings import settings
from ml_assets_tests.components.ensembles.couriers import MODEL, WHERE, Parcels, text

MEMBERS = {name: {"pipeline": name} for name in ("boosting", "forest", "linear")}
WEIGHTS = {"boosting": 2, "forest": 1, "linear": 1}
LINKS = [{"member": "boosting", "gives": "items"}, {"member": "forest", "gives": "hour"}]
TOUCH = "__import__('pathlib').Path('{file}').touch()"
"""Python code that makes a file."""


def model(pipeline: str, estimator: str) -> str:
    """The document of another model of the same orders."""
    return MODEL.format(
        pipeline=pipeline,
        path=f"sklearn.linear_model.{estimator}",
        hyperparameters="{random_state: 0}",
        numeric="items, hour",
    )


MULTICLASS = model("sizes", "LogisticRegression").replace(
    "task: classification", "task: multiclass\n    classes: [small, medium, large]"
)
OTHER_LABEL = model("counted", "LogisticRegression").replace("column: is_heavy", "column: order")
NUMBERS = model("amounts", "Ridge").replace("task: classification", "task: regression")


class Moments(Parcels):
    """Orders with the time at which they came."""

    came_at: pd.DatetimeTZDtype = pa.Field(
        description="When it came.",
        dtype_kwargs={"unit": "us", "tz": "UTC"},
        metadata={"from": ["raw.known_at"]},
    )


class Seen(Parcels):
    """Orders of which few regions were seen when the contract was made."""

    region: str = computed("Where it goes.", ["raw.region"], seen=["north", "south"])


def read(folder: Path, written: str) -> EnsembleConfiguration:
    """The ensemble of a ``defs.yaml``."""
    file = folder / "shop" / "defs.yaml"
    file.parent.mkdir()
    file.write_text(written, "utf-8")
    [attributes] = [
        document["attributes"]
        for _, document in completed_documents(file)
        if template_of(document) == "Ensemble" and document["attributes"]["pipeline"] == "couriers"
    ]
    return Ensemble.read(attributes, file)


def refusal(folder: Path, written: str) -> str:
    """The message by which a ``defs.yaml`` is refused."""
    with pytest.raises(ConfigurationError) as refused:
        read(folder, written)
    message = str(refused.value)
    assert message.startswith("couriers in shop/defs.yaml is not usable: ")
    assert "\n" not in message
    assert ".." not in message
    return message


def lines(message: str, written: str) -> list[str]:
    """The lines of the file that a message names."""
    rows = written.splitlines()
    return [rows[int(number) - 1].strip() for number in re.findall(r"\(line (\d+)\)", message)]


def rule(**changes: Any) -> dict[str, Any]:
    """Keys of a section ``ensemble`` with one rule."""
    return {"rules": [{"name": "single", "reason": "One thing is never heavy.", **changes}]}


def when(**condition: Any) -> dict[str, Any]:
    """The same with a condition, for an override."""
    return rule(when=condition, override=0)


def route(**changes: Any) -> dict[str, Any]:
    """Keys of a section ``ensemble`` with one route."""
    found = {"name": "late", "when": {"hour": {"is": "missing"}}, "members": ["forest"]}
    return {"routes": [{**found, **changes}]}


def weights(**changes: Any) -> dict[str, Any]:
    """Keys of a section ``ensemble`` with changed weights."""
    return {"combine": {"average": {**WEIGHTS, **changes}}}


def member(name: str = "forest", **changes: Any) -> dict[str, Any]:
    """Keys of a section ``ensemble`` with a changed member."""
    return {"members": {**MEMBERS, name: {**MEMBERS[name], **changes}}}


def cascade(order: tuple[str, ...] = tuple(MEMBERS), **changes: Any) -> dict[str, Any]:
    """Keys of a section ``ensemble`` with a cascade and no routes."""
    how = {"order": [*order], "margin": 0.2, **changes}
    return {"combine": {"cascade": how}, "routes": []}


def chain(*links: dict[str, str], answer: str = "linear") -> dict[str, Any]:
    """Keys of a section ``ensemble`` with a chain and no routes."""
    return {"combine": {"chain": {"links": [*links], "answer": answer}}, "routes": []}


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Keys of a section ``ensemble`` with two rules."""
    return {
        "rules": [
            {"name": n, "reason": "Why.", **one}
            for n, one in zip("ab", (first, second), strict=True)
        ]
    }


NAMES = [
    pytest.param(
        {"rule": []},
        "rule: []",
        "'ensemble.rule' is unknown, .* Did you mean 'rules'",
        id="section",
    ),
    pytest.param(
        rule(overide=0),
        "overide: 0",
        r"'ensemble.rules.0.overide' is unknown, .* Did you mean 'override'",
        id="key of a rule",
    ),
    pytest.param(
        rule(clamp={"at_lest": 0.1}),
        "at_lest: 0.1",
        "'ensemble.rules.0.clamp.at_lest' is unknown, .* Did you mean 'at_least'",
        id="key of a clamp",
    ),
    pytest.param(
        when(score={"atleast": 0.5}),
        "atleast: 0.5",
        "'ensemble.rules.0.when.score.atleast' is unknown, .* Did you mean 'at_least'",
        id="key of a test",
    ),
    pytest.param(
        when(items={"is": "mising"}),
        "is: mising",
        "is 'mising', expected one of missing, present. Did you mean 'missing'",
        id="word of a test",
    ),
    pytest.param(
        when(itmes={"at_most": 1}),
        "itmes:",
        "no column of the features 'itmes'. Known: .* Did you mean 'items'",
        id="field of a rule",
    ),
    pytest.param(
        route(when={"huor": {"is": "missing"}}),
        "huor:",
        "'ensemble.routes.0.when.huor': .* Did you mean 'hour'",
        id="field of a route",
    ),
    pytest.param(
        {"combine": {"average": {"boosting": 2, "forrest": 1, "linear": 1}}},
        "forrest: 1",
        "'ensemble.combine.average.forrest': there is no member 'forrest'. .* Did you mean 'forest'",
        id="member of the weights",
    ),
    pytest.param(
        cascade(("boosting", "forrest")),
        "- forrest",
        "'ensemble.combine.cascade.order.1': .* Did you mean 'forest'",
        id="member of a cascade",
    ),
    pytest.param(
        chain(*LINKS, answer="liner"),
        "answer: liner",
        "'ensemble.combine.chain.answer': .* Did you mean 'linear'",
        id="member of a chain",
    ),
    pytest.param(
        route(members=["linear", "forrest"]),
        "- forrest",
        "'ensemble.routes.0.members.1': .* Did you mean 'forest'",
        id="member of a route",
    ),
    pytest.param(
        member(pipeline="forrest"),
        "pipeline: forrest",
        "'ensemble.members.forest.pipeline': there is no pipeline 'forrest'. .* Did you mean 'forest'",
        id="pipeline",
    ),
    pytest.param(
        member(columns={"itms": "items"}),
        "itms: items",
        "no feature of forest 'itms'. .* Did you mean 'items'",
        id="feature of a member",
    ),
    pytest.param(
        member(columns={"items": "itms"}),
        "forest:",
        "needs 'itms' for its feature 'items', .* Did you mean 'items'",
        id="column of a member",
    ),
    pytest.param(
        when(region={"in": ["south", "noth"]}),
        "- noth",
        "by its contract 'region' is never 'noth'. Did you mean 'north'",
        id="value of a text",
    ),
]
NEVER = [
    pytest.param(
        when(score={"at_least": 0.9, "below": 0.5}),
        "score:",
        r"'ensemble.rules.0.when.score': no value of 'score' passes all of its tests \(at_least: 0.9, below: 0.5\)",
        id="score above and below",
    ),
    pytest.param(
        when(hour={"at_least": 24}),
        "hour:",
        "no value that 'hour' may have passes, so it never holds: 'hour' is at least 0 and at most 23",
        id="hour 24",
    ),
    pytest.param(
        when(items={"is": "missing"}),
        "items:",
        "no value that 'items' may have passes, so it never holds: 'items' is .*never missing",
        id="never missing",
    ),
    pytest.param(
        when(region={"not_in": ["north", "south"]}),
        "region:",
        "no value that 'region' may have .*: 'region' is one of north, south, never missing",
        id="no region",
    ),
    pytest.param(
        when(score={"above": 1}),
        "score:",
        "'score' is at least 0 and at most 1, never missing",
        id="score above 1",
    ),
    pytest.param(
        rule(clamp={"at_least": 0.9, "at_most": 0.5}),
        "clamp:",
        r"at_least \(0.9\) is greater than at_most \(0.5\)",
        id="clamp",
    ),
    pytest.param(
        two({"when": {"items": {"at_most": 1}}, "override": 0.0}, {"override": 1.0}),
        "- name: a",
        "'ensemble.rules.0': it contradicts 'b', which overrides all of its rows with 1",
        id="two overrides",
    ),
    pytest.param(
        two(
            {"when": {"items": {"at_most": 5}}, "refuse": True},
            {"when": {"items": {"below": 2}}, "person": True},
        ),
        "- name: b",
        "'ensemble.rules.1': it is never reached: 'a' before it refuses all",
        id="rule after refusal",
    ),
    pytest.param(
        two({"clamp": {"at_most": 0.8}}, {"when": {"score": {"above": 0.8}}, "person": True}),
        "score:",
        "'ensemble.rules.1.when.score': no value that 'score' may have",
        id="rule after clamp",
    ),
    pytest.param(
        {
            "routes": [
                *route(when={"hour": {"is": "present"}})["routes"],
                *route(name="b", when={"hour": {"at_least": 3}})["routes"],
            ]
        },
        "- name: b",
        "'ensemble.routes.1': it is never reached: 'late' before it takes all of its rows",
        id="route",
    ),
    pytest.param(
        {"combine": {"average": {"boosting": 1, "linear": 1}}, "routes": []},
        "forest:",
        "'ensemble.members.forest': it is never asked",
        id="member",
    ),
    pytest.param(
        chain({"member": "boosting", "gives": "itens"}, LINKS[1]),
        "gives: itens",
        "no member after it has a feature 'itens'. Did you mean 'items'",
        id="link of a chain",
    ),
    pytest.param(
        cascade(margin=0.6), "cascade:", "no member is ever sure: .* at most 0.5 away", id="margin"
    ),
]
VALUES = [
    pytest.param(
        when(region={"at_least": 2}),
        "region:",
        "is a text, which is compared with texts",
        id="text",
    ),
    pytest.param(
        when(items={"in": ["one"]}),
        "items:",
        "is a number, which is compared with numb",
        id="number",
    ),
    pytest.param(
        when(score={"in": ["high"]}), "score:", "is a number, which is compared with", id="score"
    ),
    pytest.param(
        when(score={"is": "missing"}), "score:", "'score' is never missing", id="missing score"
    ),
    pytest.param(
        route(when={"score": {"above": 0.5}}),
        "score:",
        "not known before members",
        id="early score",
    ),
    pytest.param(
        when(items={"in": [float("nan")]}), "- .nan", "nan is no value; expected a text", id="nan"
    ),
    pytest.param(when(items={"in": []}), "in: []", "expected at least 1", id="no values"),
    pytest.param(when(region={"in": "north"}), "in: north", "expected a list", id="no list"),
    pytest.param(when(items={}), "items: {}", "nothing is tested", id="no test"),
    pytest.param(
        when(score={"at_least": 0.5, "above": 0.5}), "score:", "both given: keep one", id="twice"
    ),
    pytest.param(
        rule(override=0, refuse=True),
        "- name: single",
        "override and refuse are given",
        id="two actions",
    ),
    pytest.param(rule(), "- name: single", "expected one of .* none is given", id="no action"),
    pytest.param(rule(refuse=False), "refuse: false", "False is no action", id="refuse false"),
    pytest.param(
        rule(override=1.5), "override: 1.5", "1.5 is no prediction within 0 to 1", id="override 1.5"
    ),
    pytest.param(rule(override=True), "override: true", "true is no number", id="override true"),
    pytest.param(rule(clamp={"at_most": 2}), "at_most: 2", "2 is no prediction", id="clamp 2"),
    pytest.param(rule(clamp={}), "clamp: {}", "expected at_least, at_most or both", id="no clamp"),
    pytest.param(
        member(fallback=2), "fallback: 2", "2 is no prediction within 0 to 1", id="fallback 2"
    ),
    pytest.param(member(timeout_ms=0), "timeout_ms: 0", "greater than 0", id="no time"),
    pytest.param(weights(forest=0), "forest: 0", "greater than 0", id="weight 0"),
    pytest.param(weights(forest=-1), "forest: -1", "greater than 0", id="weight -1"),
    pytest.param(weights(forest=float("nan")), "forest: .nan", "finite number", id="weight nan"),
    pytest.param(weights(forest=float("inf")), "forest: .inf", "finite number", id="weight .inf"),
    pytest.param(weights(forest="inf"), "forest: inf", "finite number", id="weight inf"),
    pytest.param(weights(forest=True), "forest: true", "true is no number", id="weight true"),
    pytest.param(
        weights(boosting=1e308, forest=1e308), "combine:", "sum of the weights is too", id="weights"
    ),
    pytest.param(cascade(margin=0), "margin: 0", "greater than 0", id="margin 0"),
    pytest.param(
        {"combine": {"average": WEIGHTS, "vote": {}}},
        "combine:",
        "expected one of average, vote, cascade, chain, and average and vote are given",
        id="two combinations",
    ),
    pytest.param({"combine": {}}, "combine: {}", "none is given", id="no combination"),
    pytest.param(
        cascade(("boosting", "forest", "boosting")), "cascade:", "occurs more than once", id="again"
    ),
    pytest.param(
        {**chain(*LINKS), **route()},
        "- name: late",
        "a chain needs all of its members",
        id="routed chain",
    ),
    pytest.param(
        {"limits": {"at_least": 0.1, "otherwise": 0}},
        "limits:",
        "outside the limits itself",
        id="otherwise 0",
    ),
    pytest.param(
        {"limits": {"otherwise": "person"}},
        "otherwise: person",
        "'ensemble.limits.otherwise': 'person' is neither 'refuse' nor a number",
        id="otherwise person",
    ),
    pytest.param(
        rule(name="limits", override=0),
        "- name: limits",
        "choose another name",
        id="name of limits",
    ),
    pytest.param(
        two({"override": 0.0}, {"person": True, "name": "a"}),
        "- name: a",
        "'a' occurs more than once",
        id="same name",
    ),
]


@pytest.mark.parametrize(("ensemble", "line", "reason"), [*NAMES, *NEVER, *VALUES])
def test_wrong_rules_are_refused_with_their_line(
    tmp_path: Path, ensemble: dict[str, Any], line: str, reason: str
) -> None:
    written = text(**ensemble)

    message = refusal(tmp_path, written)

    assert lines(message, written) == [line]
    assert re.search(reason, message)


@pytest.mark.parametrize(
    ("ensemble", "key", "reason"),
    [
        pytest.param(lambda code: rule(when=code, override=0), "when", "not evaluated", id="when"),
        pytest.param(lambda code: when(score=code), "score", "not evaluated", id="test"),
        pytest.param(
            lambda code: when(score={"at_least": code}), "at_least", "valid number", id="limit"
        ),
        pytest.param(lambda code: rule(override=code), "override", "valid number", id="override"),
        pytest.param(lambda code: weights(forest=code), "forest", "valid number", id="weight"),
        pytest.param(
            lambda code: when(region={"in": [code]}), "-", "'region' is never", id="listed value"
        ),
        pytest.param(
            lambda code: when(**{code: {"above": 0}}), "", "no column of the features", id="field"
        ),
        pytest.param(
            lambda code: member(pipeline=code), "pipeline", "should match pattern", id="pipeline"
        ),
    ],
)
@pytest.mark.parametrize("code", ["score / 0 > 1", TOUCH], ids=["division by zero", "injection"])
def test_texts_are_never_evaluated(
    tmp_path: Path, ensemble: Callable[[str], dict[str, Any]], code: str, key: str, reason: str
) -> None:
    made = tmp_path / "made"
    code = code.format(file=made)
    written = text(**ensemble(code))

    message = refusal(tmp_path, written)

    assert reason in message
    [line] = lines(message, written)
    assert line.startswith(key)
    assert not made.exists()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(
            "!!python/object/apply:os.system ['touch {file}']",
            r"could not determine a constructor for the tag '.*os.system' \(line {line}",
            id="tag of Python",
        ),
        pytest.param(
            "!run 'touch {file}'", "could not .* tag '!run' .*line {line}", id="any other tag"
        ),
        pytest.param(
            "\"{{{{ cycler.__init__.__globals__.os.system('touch {file}') }}}}\"",
            r"the template .* would run code \(line {line}\)",
            id="template",
        ),
    ],
)
def test_tags_and_templates_run_no_code(tmp_path: Path, value: str, reason: str) -> None:
    made, before = tmp_path / "made", "override: 0.0"
    written = text().replace(before, f"override: {value.format(file=made)}")
    number = text().splitlines().index(f"      {before}") + 1

    with pytest.raises(ConfigurationError, match=reason.format(line=number)) as refused:
        read(tmp_path, written)

    assert str(refused.value).startswith("shop/defs.yaml is not ")
    assert not made.exists()


def test_dagster_is_not_asked_to_resolve_a_template_that_runs_code(tmp_path: Path) -> None:
    made = tmp_path / "made"
    code = f"{{{{ cycler.__init__.__globals__.os.system('touch {made}') }}}}"
    place = SimpleNamespace(instance_key=0)
    asked: Any = SimpleNamespace(
        path=tmp_path, component_path=place, resolution_context=dg.ResolutionContext.default()
    )

    found = Ensemble.load(Ensemble.get_model_cls()(pipeline=code), asked)

    assert isinstance(found, Broken)
    assert "would run code. Expected an environment variable" in found.problem
    assert not made.exists()


@pytest.mark.parametrize(
    ("document", "ensemble", "line", "reason"),
    [
        pytest.param(
            MULTICLASS,
            member(pipeline="sizes"),
            "forest:",
            "sizes predicts classes, which cannot be combined",
            id="classes",
        ),
        pytest.param(
            OTHER_LABEL,
            member(pipeline="counted"),
            "forest:",
            "counted predicts order of shop/heaviness, and the ensemble is_heavy of",
            id="another label",
        ),
        pytest.param(
            NUMBERS,
            {**member(pipeline="amounts"), "combine": {"vote": {}}, "routes": []},
            "forest:",
            "amounts predicts numbers, and 'vote' needs probabilities",
            id="numbers in a vote",
        ),
        pytest.param(
            text().rpartition("---")[2].replace("couriers", "inner"),
            member(pipeline="inner"),
            "pipeline: inner",
            "inner is an ensemble, which cannot be a member",
            id="an ensemble",
        ),
        pytest.param(
            "type: a.Nothing\n",
            member(pipeline="couriers"),
            "pipeline: couriers",
            "couriers is an ensemble, which cannot be a member",
            id="itself",
        ),
    ],
)
def test_pipelines_that_cannot_be_members_are_refused(
    tmp_path: Path, document: str, ensemble: dict[str, Any], line: str, reason: str
) -> None:
    written = f"{document}\n---{text(**ensemble)}"

    message = refusal(tmp_path, written)

    assert lines(message, written) == [line]
    assert reason in message


def test_a_member_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    written = text().replace("numeric: [items, hour]", "numric: [items]", 1)

    with pytest.raises(
        ConfigurationError, match=r"^boosting in shop/defs.yaml is not usable"
    ) as it:
        read(tmp_path, written)

    assert lines(str(it.value), written) == ["numric: [items]"]


def test_a_text_that_was_never_seen_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    typo = when(region={"in": ["south", "noth"]})
    written = text(**typo).replace(f"{WHERE}.Parcels", f"{__name__}.Seen")

    message = refusal(tmp_path, written)

    assert lines(message, written) == ["- noth"]
    assert (
        "'region' was never 'noth' when its contract was made. Did you mean 'north'? If it may be, add "
        "it to 'seen' in the contract"
    ) in message


def test_times_are_not_compared(tmp_path: Path) -> None:
    written = text(**when(came_at={"above": 0})).replace(f"{WHERE}.Parcels", f"{__name__}.Moments")

    message = refusal(tmp_path, written)

    assert lines(message, written) == ["came_at:"]
    assert "'came_at' is a time; conditions compare numbers and texts alone" in message


@pytest.mark.parametrize(
    ("before", "after", "line", "reason"),
    [
        pytest.param(
            "  ensemble:\n",
            "  estimator: {task: classification}\n  ensemble:\n",
            ["estimator: {task: classification}"],
            "'estimator' of an ensemble follows from its members",
            id="estimator",
        ),
        pytest.param(
            "  ensemble:\n", "  nothing:\n", [], "'ensemble' is missing", id="no ensemble"
        ),
        pytest.param(
            "labels:\n    asset: shop/heaviness\n    column: is_heavy\n",
            "labels: heavy\n",
            ["labels: heavy"],
            "'labels' is 'heavy'",
            id="labels",
        ),
        pytest.param(
            "pipeline: couriers\n",
            "pipeline: couriers\n  owner: shop\n",
            ["owner: shop"],
            "'owner' is unknown, .* Did you mean 'owners'",
            id="key beside the rules",
        ),
    ],
)
def test_wrong_attributes_beside_the_rules_are_refused(
    tmp_path: Path, before: str, after: str, line: list[str], reason: str
) -> None:
    written = text().replace(before, after)

    message = refusal(tmp_path, written)

    assert lines(message, written) == line
    assert re.search(reason, message)


def test_several_problems_are_shown_at_once(tmp_path: Path) -> None:
    written = text(**two({"override": 1.5}, {"clamp": {"at_most": 7}}))

    message = refusal(tmp_path, written)

    assert lines(message, written) == ["override: 1.5", "at_most: 7"]


def test_values_of_the_environment_have_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = '{"couriers": {"ensemble": {"limits": {"at_most": 0.5, "otherwise": 0.6}}}}'
    monkeypatch.setenv("ML_ASSETS_PIPELINES", changes)
    settings.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match="with ML_ASSETS_PIPELINES, is not") as refused:
            read(tmp_path, text(limits={"at_most": 0.9}))
    finally:
        settings.cache_clear()

    assert "otherwise (0.6) is outside the limits itself." in str(refused.value)


@pytest.mark.parametrize(
    "ensemble",
    [
        pytest.param({}, id="average"),
        pytest.param({"combine": {"vote": {"threshold": 0.3}}}, id="vote"),
        pytest.param(cascade(), id="cascade"),
        pytest.param(chain(*LINKS), id="chain"),
        pytest.param({"limits": {"at_most": 0.95, "otherwise": 0.95}}, id="limits"),
        pytest.param(when(score={"above": 0.2, "at_most": 0.8}, hour={"is": "missing"}), id="rule"),
    ],
)
def test_an_ensemble_is_completed_from_its_members(
    tmp_path: Path, ensemble: dict[str, Any]
) -> None:
    found = read(tmp_path, text(**ensemble))

    specification = found.specification
    assert (specification.estimator, specification.task) == (ENSEMBLE, "classification")
    assert specification.label == "is_heavy"
    assert {*specification.features} == {"items", "hour", "region"}
