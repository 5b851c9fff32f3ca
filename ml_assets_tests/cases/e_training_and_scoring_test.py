"""E1, E2 · Training, scoring and monitoring refuse days that were altered behind the ledger.

The command that the refusal names restores the day.
"""

from pathlib import Path

import pytest

from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets_tests.prepared import ASKED_FOR, FEATURES, LABELS, PERFORMANCE, assets
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import run_all

DATASET = "flight_delays/training_dataset"
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


def test_e2_performance_is_not_measured_on_changed_labels(with_champion: Project) -> None:
    before, day = with_champion.versions(PERFORMANCE), "2013-02-02"
    interrupted = Entry(PERFORMANCE, day, Status.WRITING, run_id="killed")
    with_champion.lake.ledger.append([interrupted])
    with_champion.lake.open(LABELS).update(
        predicate=f"ds = '{day}'", updates={"label": "1 - label"}
    )

    refused = with_champion.materialize(assets("performance"), day)

    assert not refused.succeeded
    message = " ".join(refused.failed_steps.values())
    assert f"{LABELS} {day} was altered" in message
    run_all(with_champion, message)
    assert with_champion.materialize(assets("performance"), day).succeeded
    assert with_champion.versions(PERFORMANCE) == before
