"""What a code version depends on, and what it stands for."""

import ast
import importlib
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ml_assets.content import digest
from ml_assets.contracts.contract import Contract, unit
from ml_assets.defs.flight_delays.contracts import FlightFeatures
from ml_assets.defs.flight_delays.features import flight_features
from ml_assets.errors import ConfigurationError
from ml_assets.provenance.code import code_version, imported, known_code, modules_of
from ml_assets.provenance.statements import imports_in
from ml_assets.release.rules import ReleaseRules


@dataclass(frozen=True)
class Recipe:
    """Parameters of which one does not matter."""

    depth: int
    names: tuple[str, ...] = ("a", "b")
    pace: int = field(default=1, repr=False)


def test_module_of_a_class_is_included() -> None:
    assert "ml_assets.contracts.contract" in modules_of(Contract)


def test_imported_modules_of_the_project_are_included() -> None:
    assert {
        "ml_assets.defs.flight_delays.features",
        "ml_assets.defs.flight_delays.events",
        "ml_assets.learning.point_in_time",
    } <= set(modules_of(flight_features))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("from a.b import c", {"a", "a.b", "a.b.c"}, id="from a module or package"),
        pytest.param("import a.b", {"a", "a.b"}, id="a module"),
        pytest.param("import a.b as c", {"a", "a.b"}, id="by another name"),
        pytest.param("from . import x", {"p", "p.q", "p.q.x"}, id="from the same package"),
        pytest.param("from .x import y", {"p", "p.q", "p.q.x", "p.q.x.y"}, id="a neighbour"),
        pytest.param("from ..r import y", {"p", "p.r", "p.r.y"}, id="from the package above"),
        pytest.param("def f():\n    import a", {"a"}, id="inside a function"),
        pytest.param("if x:\n    pass\nelse:\n    import a", {"a"}, id="in a branch"),
        pytest.param("try:\n    pass\nexcept E:\n    import a", {"a"}, id="in a handler"),
        pytest.param("match x:\n    case 1:\n        import a", {"a"}, id="in a case"),
        pytest.param("x = 'import a'", set(), id="in a text"),
        pytest.param("if TYPE_CHECKING:\n    import a\nelse:\n    import b", {"b"}, id="for types"),
    ],
)
def test_every_form_of_import_is_found(text: str, names: set[str]) -> None:
    assert imported(imports_in(ast.parse(text)), "p.q") == names


def test_modules_that_are_imported_late_are_included_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "bakery"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "recipe.py").write_text(
        "def bread():\n    from bakery.oven import bake\n    return bake()\n", "utf-8"
    )
    (package / "oven.py").write_text("def bake():\n    return 1\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    found = modules_of(importlib.import_module("bakery.recipe").bread)

    assert set(found) == {"bakery", "bakery.recipe", "bakery.oven"}
    assert "bakery.oven" not in sys.modules


def test_packages_are_included() -> None:
    assert {"ml_assets.defs", "ml_assets.defs.flight_delays"} <= set(modules_of(flight_features))


def test_error_names_and_settings_are_excluded() -> None:
    assert not {"ml_assets.errors", "ml_assets.settings"} & set(modules_of(flight_features))


@pytest.mark.parametrize("part", [flight_features, FlightFeatures])
def test_training_changes_no_features(part: object) -> None:
    found = set(modules_of(part))
    assert not {name for name in found if name.rpartition(".")[2] in {"training", "checkpoints"}}


def test_other_packages_are_excluded() -> None:
    assert all(name.partition(".")[0] == "ml_assets" for name in modules_of(flight_features))


PIPELINE = {
    "__init__": "",
    "contracts": "class Rows:\n    key = 1\n\nclass Features:\n    key = Rows.key\n\nEMPTY_ON = []\n",
    "helpers": "def mean(values):\n    return sum(values)\n\ndef unused():\n    return 0\n",
    "features": (
        "from .contracts import EMPTY_ON\nfrom .helpers import mean\n"
        "LAGS = [1, 2]\n\ndef features():\n    return mean(LAGS), EMPTY_ON\n\n"
        "def outcomes():\n    return EMPTY_ON\n"
    ),
}
"""Module of a pipeline → its text."""


@pytest.mark.parametrize(
    ("module", "old", "new", "changed"),
    [
        pytest.param("features", "mean(LAGS)", "LAGS", {"features"}, id="a function"),
        pytest.param("features", "[1, 2]", "[1]", {"features"}, id="a constant that it uses"),
        pytest.param("helpers", "sum", "max", {"features"}, id="a function that it imports"),
        pytest.param("helpers", "return 0", "return 1", set(), id="a function that none uses"),
        pytest.param(
            "contracts", "EMPTY_ON = []", "EMPTY_ON = [1]", {"features", "outcomes"}, id="of both"
        ),
        pytest.param("contracts", "Rows.key", "Rows.key + 1", {"Features"}, id="a contract"),
        pytest.param("contracts", "key = 1", "key = 2", {"Rows", "Features"}, id="its base"),
        pytest.param(
            "contracts",
            "EMPTY_ON = []",
            "EMPTY_ON = []\nprint(EMPTY_ON)",
            {"Rows", "Features", "features", "outcomes"},
            id="a statement that runs",
        ),
    ],
)
def test_a_change_is_of_the_functions_and_classes_that_use_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    module: str,
    old: str,
    new: str,
    changed: set[str],
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    number = digest(request.node.name)

    def versions(package: str, texts: dict[str, str]) -> dict[str, list[str]]:
        (tmp_path / package).mkdir()
        for file, text in texts.items():
            (tmp_path / package / f"{file}.py").write_text(text, "utf-8")
        contracts = importlib.import_module(f"{package}.contracts")
        features = importlib.import_module(f"{package}.features")
        parts = [contracts.Rows, contracts.Features, features.features, features.outcomes]
        return {part.__name__: sorted(modules_of(part).values()) for part in parts}

    before = versions(f"before_{number}", PIPELINE)
    after = versions(f"after_{number}", {**PIPELINE, module: PIPELINE[module].replace(old, new)})

    assert {name for name in before if before[name] != after[name]} == changed


def test_object_without_a_file_cannot_be_versioned() -> None:
    with pytest.raises(ConfigurationError, match="has no source file"):
        modules_of(len)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((unit, Recipe(4)), id="parameter"),
        pytest.param((unit, Recipe(3, ("b", "a"))), id="order of a list"),
        pytest.param((flight_features, Recipe(3)), id="code"),
        pytest.param((unit, Recipe(3), {}), id="one more parameter"),
    ],
)
def test_other_code_or_parameters_have_another_version(other: tuple[object, ...]) -> None:
    assert code_version(*other) != code_version(unit, Recipe(3))


@pytest.mark.parametrize(
    ("one", "same"),
    [
        pytest.param({"b": 1, "a": 2}, {"a": 2, "b": 1}, id="order of a mapping"),
        pytest.param(Recipe(3), replace(Recipe(3), pace=9), id="field that its text leaves out"),
        pytest.param({"y", "x"}, {"x", "y"}, id="order of a set"),
    ],
)
def test_irrelevant_differences_give_the_same_version(one: object, same: object) -> None:
    assert code_version(unit, one) == code_version(unit, same)


def test_modules_and_parameters_of_a_version_are_known() -> None:
    rules = ReleaseRules(sensitive_feature="origin", max_group_gap=0.2)

    code = known_code(code_version(unit, Recipe(3), rules))

    assert code is not None
    assert code.modules == modules_of(unit)
    assert code.parameters[0] == {"depth": 3, "names": ["a", "b"]}
    assert code.parameters[1]["sensitive_feature"] == "origin"
    assert known_code("0000") is None
