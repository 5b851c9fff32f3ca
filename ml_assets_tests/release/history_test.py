"""Stored releases: a lost release is reported and never replaced by an older one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_assets.content import DAY
from ml_assets.errors import LakeMismatch
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.release.history import releases, unfinished_before
from ml_assets_tests.releases import PIPELINE, release

FIRST, SECOND, TABLE = "2013-07-09", "2013-08-01", f"{PIPELINE}/champion"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with two champions."""
    lake = Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    release(lake, FIRST, 1, "gates")
    release(lake, SECOND, 2, "gates")
    return lake


def entered(status: Status, reason: str = "") -> Callable[[Lake], None]:
    """Damage that the ledger records."""
    return lambda lake: lake.ledger.append([Entry(TABLE, FIRST, status, reason)])


def emptied(lake: Lake) -> None:
    """Delete the rows of the day without a ledger entry."""
    lake.write(TABLE, lake.read(TABLE, [FIRST]).iloc[:0], [FIRST])


def altered(lake: Lake) -> None:
    """Store a release of another model."""
    lake.write(TABLE, lake.read(TABLE, [FIRST]).assign(fingerprint="another"), [FIRST])


def test_releases_until_a_day_are_read(lake: Lake) -> None:
    assert releases(lake, TABLE, SECOND)[DAY].tolist() == [FIRST, SECOND]
    assert releases(lake, TABLE, FIRST)[DAY].tolist() == [FIRST]
    assert releases(lake, TABLE, "2013-01-01").empty


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(entered(Status.WRITING), "is half-written", id="killed while it was made"),
        pytest.param(
            entered(Status.SKIPPED, "no tests"), "is skipped: no tests", id="could not be made"
        ),
        pytest.param(
            entered(Status.QUARANTINED, "two rows"), "is quarantined: two rows", id="quarantined"
        ),
        pytest.param(emptied, "was lost", id="emptied"),
        pytest.param(altered, "was altered", id="altered"),
    ],
)
def test_a_lost_release_is_reported_not_skipped(
    lake: Lake, damage: Callable[[Lake], None], reason: str
) -> None:
    damage(lake)

    with pytest.raises(LakeMismatch, match=f"{TABLE} {FIRST} {reason}.*run: "):
        releases(lake, TABLE, SECOND)


def test_a_later_release_that_is_lost_does_not_concern_the_days_before(lake: Lake) -> None:
    lake.ledger.append([Entry(TABLE, SECOND, Status.WRITING)])

    assert releases(lake, TABLE, FIRST)[DAY].tolist() == [FIRST]


def test_a_day_that_never_had_a_champion_is_not_missed(lake: Lake) -> None:
    lake.ledger.append([Entry(TABLE, "2013-07-20", Status.SKIPPED, "nothing was decided")])

    assert len(releases(lake, TABLE, SECOND)) == 2


@pytest.mark.parametrize(
    ("entries", "ahead"),
    [
        pytest.param([], [], id="alone"),
        pytest.param([(FIRST, "writing")], [FIRST], id="another began before"),
        pytest.param([(FIRST, "writing"), (FIRST, "writing")], [FIRST], id="and goes on"),
        pytest.param([(FIRST, "writing"), (FIRST, "stored")], [], id="and is finished"),
        pytest.param([(FIRST, "writing"), (FIRST, "skipped")], [], id="and came to nothing"),
    ],
)
@pytest.mark.parametrize("later", [0, 1], ids=["just begun", "and writing now"])
def test_of_two_releases_at_once_the_later_sees_the_earlier_and_not_the_other_way_round(
    entries: list[tuple[str, str]], ahead: list[str], later: int
) -> None:
    before = [Entry(TABLE, day, Status(status)) for day, status in entries]
    own = [Entry(TABLE, SECOND, Status.WRITING)] * (1 + later)
    still = [Entry(TABLE, FIRST, Status.WRITING)] * bool(ahead)

    history = [*before, *own, *still]

    assert unfinished_before(history, SECOND) == ahead
    if ahead:
        assert unfinished_before(history, FIRST) == []
