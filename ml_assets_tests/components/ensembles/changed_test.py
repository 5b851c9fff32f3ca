"""What is said of an ensemble whose rules or members changed."""

from collections.abc import Callable, Iterator

import pytest

from ml_assets.configuration import documents
from ml_assets.configuration.models import pipeline as configuration_of
from ml_assets.lineage.difference import compared
from ml_assets.lineage.pipelines import pipeline
from ml_assets.lineage.recorded import model_of_day
from ml_assets.lineage.status.configured import changed_configuration
from ml_assets_tests.components.ensembles.couriers import ENSEMBLE, courier_definitions
from ml_assets_tests.components.ensembles.ensemble_test import (
    COMPOSED,
    _succeeds,
    composed,
    members,
    with_rules,
)
from ml_assets_tests.project import Project

__all__ = ["composed", "members", "with_rules"]

LIGHT = {"name": "light", "when": {"items": {"at_most": 2}}, "override": 0.1, "reason": "Light."}


@pytest.fixture
def couriers(
    with_rules: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project with a champion, whose documents are those of the project."""
    found = with_rules()
    monkeypatch.setattr(documents, "DEFS", found.data.parent)
    documents.read_anew()
    yield found
    documents.read_anew()


def changed(couriers: Project) -> list[str]:
    """What changed since the champion."""
    [champion] = couriers.lake.read("couriers/champion", [ENSEMBLE]).to_dict("records")
    now = configuration_of("couriers").specification
    return changed_configuration(couriers.lake, "couriers/model", champion, now)


def test_nothing_changed_right_after_a_release(couriers: Project) -> None:
    assert changed(couriers) == []


def test_changed_rules_are_told_by_their_names(couriers: Project) -> None:
    courier_definitions(couriers.data.parent, rules=[LIGHT])
    documents.read_anew()

    found = changed(couriers)
    assert "rules now has light and no longer has two_couriers, single_item" in found
    assert "rules.light.override was not there and is 0.1" in found


@pytest.mark.slow
def test_two_versions_differ_by_their_members(couriers: Project) -> None:
    _succeeds(couriers, "group:forest__training or group:forest__release", "2024-02-25")
    _succeeds(couriers, COMPOSED, "2024-02-27")

    of = pipeline("couriers")
    older, newer = (model_of_day(couriers.lake, of, day) for day in (ENSEMBLE, "2024-02-27"))
    [member] = compared(couriers.lake, of, older, newer).members
    assert member.what == "forest"
    assert member.then.startswith("as of 2024-02-20, ")
    assert member.now.startswith("as of 2024-02-25, ")
