"""An ensemble is made again, bit for bit, from what was recorded of it and its members."""

from collections.abc import Callable

import pytest

from ml_assets.configuration import documents
from ml_assets.lineage.pipelines import pipeline
from ml_assets.lineage.recorded import ModelReference
from ml_assets.lineage.reproduction.reproduce import ReproductionVerdict, reproduce
from ml_assets_tests.components.ensembles.couriers import ENSEMBLE
from ml_assets_tests.components.ensembles.ensemble_test import composed, members, with_rules
from ml_assets_tests.project import Project

__all__ = ["composed", "members", "with_rules"]


def test_an_ensemble_is_made_again_of_its_members(
    with_rules: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    couriers = with_rules()
    monkeypatch.setattr(documents, "DEFS", couriers.data.parent)
    documents.read_anew()
    [entry] = couriers.entries("couriers/model").values()

    found = reproduce(
        couriers.lake, pipeline("couriers"), ModelReference(None, ENSEMBLE, entry.content_hash)
    )
    documents.read_anew()

    assert found.verdict is ReproductionVerdict.IDENTICAL, found.reason
    assert found.rebuilt == entry.content_hash
