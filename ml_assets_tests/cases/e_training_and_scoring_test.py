"""E1, E2 · Training, scoring and monitoring refuse days that were altered behind the ledger.

The command that the refusal names restores the day.
"""

from pathlib import Path

import pytest

from ml_assets.cadence import Span
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets_tests.prepared import ASKED_FOR, FEATURES, LABELS, PREDICTIONS, SCORED_DAYS, assets
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import run_all

DATASET, PROFILES = "flight_delays/training_dataset", "flight_delays/feature_profile"
NEXT = "2013-02-04"
"""First day that is not scored."""


def test_e1_training_refuses_a_day_whose_rows_were_deleted(
    with_champion: Project, retrained_home: Path
) -> None:
    undisturbed = Ledger(f"sqlite:///{retrained_home / 'data' / 'ledger.db'}").latest(DATASET)
    with_champion.lake.open(FEATURES).delete("ds = '2013-01-05'")

    refused = with_champion.materialize(assets("training_dataset"), ASKED_FOR)

    assert not refused.succeeded
    message = " ".join(refused.failed_steps.values())
    assert f"{FEATURES} 2013-01-05 was lost" in message
    assert ASKED_FOR not in with_champion.lake.days_stored(DATASET)
    run_all(with_champion, message)
    assert with_champion.materialize(assets("training_dataset"), ASKED_FOR).succeeded
    stored = with_champion.entries(DATASET)[ASKED_FOR]
    assert stored.content_hash == undisturbed[ASKED_FOR].content_hash


@pytest.mark.parametrize("noun", ["predictions", "feature_profile"])
def test_e2_a_day_whose_features_were_changed_is_not_scored(
    with_champion: Project, noun: str
) -> None:
    computed = f"flight_delays/{noun}"
    with_champion.lake.open(FEATURES).update(
        predicate=f"ds = '{NEXT}'", updates={"distance": "distance + 1"}
    )

    with_champion.materialize(assets(noun), NEXT)

    skipped = with_champion.entries(computed)[NEXT]
    assert skipped.status is Status.SKIPPED
    assert f"{FEATURES} {NEXT} was altered" in skipped.reason
    run_all(with_champion, skipped.reason)
    assert with_champion.materialize(assets(noun), NEXT).succeeded
    assert with_champion.entries(computed)[NEXT].status is Status.STORED


@pytest.mark.parametrize(
    ("noun", "read", "change"),
    [
        pytest.param("performance", LABELS, {"label": "1 - label"}, id="performance"),
        pytest.param("labels", PREDICTIONS, {"prediction": "0.5"}, id="labels"),
        pytest.param("drift_report", PROFILES, {"rows": "rows + 1"}, id="drift report"),
    ],
)
def test_e2_days_that_read_changed_rows_are_skipped_and_the_others_computed(
    with_champion: Project, noun: str, read: str, change: dict[str, str]
) -> None:
    table, days = f"flight_delays/{noun}", Span.parse(SCORED_DAYS).days()
    changed = days[1]
    blocked = days[:2] if noun == "performance" else days[1:]
    before = with_champion.versions(table)
    with_champion.lake.ledger.append(
        [Entry(table, day, Status.WRITING, run_id="killed") for day in days]
    )
    with_champion.lake.open(read).update(predicate=f"ds = '{changed}'", updates=change)

    with_champion.materialize(assets(noun), SCORED_DAYS)

    entries = with_champion.entries(table)
    assert [day for day in days if entries[day].status is Status.SKIPPED] == blocked
    assert [day for day in days if entries[day].status is Status.STORED] == [
        day for day in days if day not in blocked
    ]
    for day in blocked:
        assert f"{read} {changed} was altered" in entries[day].reason
    run_all(with_champion, entries[changed].reason)
    assert with_champion.materialize(assets(noun), SCORED_DAYS).succeeded
    assert with_champion.versions(table) == before
