"""The question of a release: what is not known is empty and never guessed."""

from dataclasses import replace

from ml_assets.release.evidence.builder import EvidenceBuilder
from ml_assets.release.evidence.question import build_question
from ml_assets.release.rules import ReleaseRules
from ml_assets_tests.release.judged import CLASSIFICATION, EVALUATION, KEY, NEW, RULES, rows

BUILDER = EvidenceBuilder(CLASSIFICATION, KEY, [], EVALUATION, RULES)


def test_without_test_rows_their_hash_and_first_day_are_empty() -> None:
    found = build_question(BUILDER, rows().assign(split="train"), NEW, None)

    assert (found.rows, found.count, found.tested_first) == ("", 0, "")
    assert found.fitted_last == ["2013-07-14"]


def test_without_training_rows_the_last_training_day_is_empty() -> None:
    found = build_question(BUILDER, rows().assign(split="test"), NEW, None)

    assert found.fitted_last == [""]
    assert (found.count, found.tested_first) == (len(rows()), "2013-07-01")


def test_without_a_sensitive_feature_there_are_no_groups() -> None:
    builder = replace(BUILDER, rules=ReleaseRules())

    assert build_question(builder, rows().assign(split="test"), NEW, None).groups == {}
