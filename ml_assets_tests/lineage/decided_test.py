"""What the audit says changed between two decisions of one as-of day."""

import json

from ml_assets.lake.store import Lake
from ml_assets.lineage.decided import with_changes
from ml_assets.lineage.pipelines import pipeline
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.audit import Event, audit
from ml_assets_tests.model_records import MODEL, sql

DAY, LATER = "2013-02-01", "2013-02-04"
DATASET, DECISION = "flight_delays/training_dataset", "flight_delays/release_decision"


def decided_again(lake: Lake) -> None:
    """The decision of the later day becomes a second one of the first, with other parameters."""
    for table, changes in {
        MODEL: {"hyperparameters": {"max_iter": 7}},
        DATASET: {"window_days": 11},
    }.items():
        code = lake.provenance.code(lake.ledger.latest(table)[LATER].code_version)
        assert code is not None
        [specification] = code.parameters
        sql(
            lake,
            "INSERT INTO provenance_codes VALUES (?, ?, ?)",
            f"new {table}",
            json.dumps(code.modules),
            json.dumps([{**specification, **changes}]),
        )
        sql(
            lake,
            "UPDATE ledger_entries SET code_version = ?, day = ? WHERE table_name = ? AND day = ?",
            f"new {table}",
            DAY,
            table,
            LATER,
        )


def decisions(lake: Lake) -> list[Event]:
    """Both decisions, as if they were of the first day."""
    log = ApprovalLog(str(lake.ledger.url.render_as_string(hide_password=False)))
    found = [one for one in audit(lake, log, "flight_delays") if one.what.startswith("decided:")]
    return [Event(**{**vars(one), "as_of": DAY}) for one in found if one.as_of in {DAY, LATER}]


def test_changed_windows_and_hyperparameters_are_told(lake: Lake) -> None:
    events = decisions(lake)
    decided_again(lake)

    first, second = with_changes(lake, pipeline("flight_delays"), events)

    assert first.changes == ()
    assert any("hyperparameters.max_iter was" in one and "is 7" in one for one in second.changes)
    assert any("window_days was" in one and "is 11" in one for one in second.changes)


def test_a_decision_on_the_same_model_has_no_changes(lake: Lake) -> None:
    first, _ = decisions(lake)

    found = with_changes(lake, pipeline("flight_delays"), [first, first])

    assert [event.changes for event in found] == [(), ()]


def test_a_model_that_is_not_recorded_is_told(lake: Lake) -> None:
    found = with_changes(lake, pipeline("flight_delays"), decisions(lake))

    assert found[1].changes == ("what the model before was made with is not recorded",)
