"""The draw is the same for a seed, holds every class, and is written down in the docs."""

import pytest

from ml_assets_tests.project import ROOT
from ml_assets_tests.soak.faults import FAULTS
from ml_assets_tests.soak.schedule import DAYS, EVERY, KINDS, SEED, day_after, drawn, named, written


@pytest.mark.parametrize("seed", [SEED, 0, 77])
def test_every_third_day_has_a_fault_and_every_class_occurs(seed: int) -> None:
    planned = drawn(seed)
    assert planned == drawn(seed)
    assert len(planned) == DAYS / EVERY
    assert {one.kind.group for one in planned} == {*"ABCDEFG", "kill", "outage"}
    days = [one.day for one in planned]
    assert days == [day_after(days[0], EVERY * n) for n in range(len(days))]


def test_another_seed_is_another_schedule() -> None:
    assert drawn(1) != drawn(2)


def test_the_default_schedule_is_written_down() -> None:
    assert written(drawn(SEED)) in (ROOT / "docs" / "soak.md").read_text()


def test_every_kind_can_be_done() -> None:
    assert {kind.id for kind in KINDS} == set(FAULTS)


def test_named_faults_come_on_successive_days() -> None:
    first, second = named(["C1", "kill"], "2013-01-31")
    assert (first.day, first.kind.heals) == ("2013-01-31", "with D+1")
    assert (second.day, second.kind.id) == ("2013-02-01", "kill")
