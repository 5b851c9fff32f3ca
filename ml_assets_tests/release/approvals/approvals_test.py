"""State of a release from its approvals, rejections and uses."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.content import DAY
from ml_assets.contracts.validation import no_rows, validate
from ml_assets.release.approvals.approvals import (
    Action,
    Approvals,
    ApprovalState,
    Record,
    approval_rows,
    approval_use,
    resolve_approvals,
)

APPROVE, REJECT, APPLY = Action.APPROVE, Action.REJECT, Action.APPLY
NOW = datetime(2013, 8, 1, 12, tzinfo=UTC)
SEEN, OTHER = "0123456789abcdef", "fedcba9876543210"


def record(
    number: int,
    action: Action,
    by: str = "Ann",
    *,
    evidence: str = SEEN,
    hours_ago: float = 100,
    expires_in: float | None = None,
) -> Record:
    """A record; hours are counted from ``NOW``."""
    return Record(
        pipeline="flight_delays",
        as_of="2013-07-09",
        action=action,
        by=by,
        reason="seen and fine",
        evidence=evidence,
        serves_from="" if action is REJECT else "2013-07-12",
        at=NOW - timedelta(hours=hours_ago),
        expires_at=None if expires_in is None else NOW + timedelta(hours=expires_in),
        number=number,
    )


@pytest.mark.parametrize(
    ("records", "state", "follows_from", "remarks"),
    [
        pytest.param([], ApprovalState.WAITING, None, [], id="nothing was said"),
        pytest.param([record(1, APPROVE)], ApprovalState.APPROVED, 1, [], id="approved"),
        pytest.param([record(1, REJECT)], ApprovalState.REJECTED, 1, [], id="rejected"),
        pytest.param(
            [record(3, APPROVE, evidence=OTHER)],
            ApprovalState.WAITING,
            None,
            ["approval 3 by Ann is of other evidence (fedcba98…)"],
            id="approval of other evidence",
        ),
        pytest.param(
            [record(1, REJECT, evidence=OTHER), record(2, APPROVE)],
            ApprovalState.APPROVED,
            2,
            ["rejection 1 by Ann is of other evidence (fedcba98…)"],
            id="rejection of other evidence",
        ),
        pytest.param(
            [record(1, APPROVE, evidence=OTHER), record(2, APPLY, evidence=OTHER)],
            ApprovalState.WAITING,
            None,
            [
                "approval 1 by Ann is of other evidence (fedcba98…)",
                "use 2 by Ann is of other evidence (fedcba98…)",
            ],
            id="used on other evidence",
        ),
        pytest.param(
            [record(4, APPROVE, "Bob", expires_in=-2)],
            ApprovalState.WAITING,
            None,
            ["approval 4 by Bob expired on 2013-08-01 10:00 UTC"],
            id="expired",
        ),
        pytest.param(
            [record(1, APPROVE, expires_in=-2), record(2, APPROVE, "Bob", expires_in=1)],
            ApprovalState.APPROVED,
            2,
            ["approval 1 by Ann expired on 2013-08-01 10:00 UTC"],
            id="approved again after it expired",
        ),
        pytest.param(
            [record(1, APPROVE), record(2, APPROVE, "Bob", expires_in=-1)],
            ApprovalState.APPROVED,
            1,
            ["approval 2 by Bob expired on 2013-08-01 11:00 UTC"],
            id="the newer one expired",
        ),
        pytest.param(
            [record(1, APPROVE), record(2, APPROVE, "Bob")],
            ApprovalState.APPROVED,
            2,
            [],
            id="newest counts",
        ),
        pytest.param(
            [record(1, APPROVE), record(2, REJECT)], ApprovalState.REJECTED, 2, [], id="withdrawn"
        ),
        pytest.param(
            [record(2, REJECT, "Bob"), record(5, APPROVE)],
            ApprovalState.REJECTED,
            2,
            ["approval 5 by Ann came after the rejection 2"],
            id="approved after a rejection",
        ),
        pytest.param([record(1, APPROVE), record(2, APPLY)], ApprovalState.USED, 1, [], id="used"),
        pytest.param(
            [record(1, APPROVE, expires_in=-2), record(2, APPLY, hours_ago=3)],
            ApprovalState.WAITING,
            None,
            ["approval 1 by Ann expired on 2013-08-01 10:00 UTC"],
            id="used, and expired before its model was champion",
        ),
        pytest.param(
            [
                record(1, APPROVE, expires_in=-2),
                record(2, APPLY, hours_ago=3),
                record(3, APPROVE, "Bob"),
            ],
            ApprovalState.APPROVED,
            3,
            ["approval 1 by Ann expired on 2013-08-01 10:00 UTC"],
            id="approved again after the used one expired",
        ),
        pytest.param(
            [record(1, APPROVE), record(2, APPLY), record(3, APPROVE, "Bob")],
            ApprovalState.USED,
            1,
            [],
            id="approved again while the used one is valid",
        ),
        pytest.param(
            [record(1, APPROVE, expires_in=-2), record(2, APPLY, hours_ago=1)],
            ApprovalState.WAITING,
            None,
            [
                "approval 1 by Ann expired on 2013-08-01 10:00 UTC",
                "use 2 by Ann found no valid approval",
            ],
            id="used after it expired",
        ),
        pytest.param(
            [
                record(1, APPROVE),
                record(2, APPLY),
                record(7, REJECT, "Bob"),
                record(8, APPROVE, "Cy"),
            ],
            ApprovalState.REJECTED,
            7,
            ["approval 8 by Cy came after the rejection 7"],
            id="rejected after its use, before its model was champion",
        ),
        pytest.param(
            [record(1, APPROVE), record(2, REJECT, "Bob"), record(3, APPLY)],
            ApprovalState.REJECTED,
            2,
            ["use 3 by Ann came after the rejection 2"],
            id="rejected while it was being released",
        ),
    ],
)
def test_state_of_records(
    records: list[Record], state: ApprovalState, follows_from: int | None, remarks: list[str]
) -> None:
    found = resolve_approvals(records, SEEN, NOW)

    assert found.state is state
    assert (found.record.number if found.record else None) == follows_from
    assert found.remarks == remarks


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        pytest.param(-1, ApprovalState.APPROVED, id="before"),
        pytest.param(0, ApprovalState.WAITING, id="at the moment itself"),
        pytest.param(1, ApprovalState.WAITING, id="after"),
    ],
)
def test_an_approval_is_valid_strictly_before_it_expires(
    seconds: int, state: ApprovalState
) -> None:
    records = [record(1, APPROVE, expires_in=0)]

    assert resolve_approvals(records, SEEN, NOW + timedelta(seconds=seconds)).state is state


RECORDS = st.lists(
    st.builds(
        record,
        st.just(0),
        st.sampled_from(list(Action)),
        evidence=st.sampled_from([SEEN, OTHER]),
        expires_in=st.sampled_from([None, -50, -1, 1]),
    ),
    max_size=6,
).map(
    lambda records: [
        Record(**vars(record) | {"number": number, "at": NOW - timedelta(hours=100 - number)})
        for number, record in enumerate(records, 1)
    ]
)


@given(RECORDS, RECORDS, st.integers(0, 100))
def test_a_rejection_stays_for_ever_and_an_approval_no_longer_than_it_is_valid(
    records: list[Record], later: list[Record], days: int
) -> None:
    before = resolve_approvals(records, SEEN, NOW)

    after = resolve_approvals(
        [*records, *(Record(**vars(one) | {"number": one.number + 10}) for one in later)],
        SEEN,
        NOW + timedelta(days=days),
    )

    if before.state is ApprovalState.REJECTED:
        assert (after.state, after.record) == (before.state, before.record)
    if after.state in (ApprovalState.APPROVED, ApprovalState.USED):
        assert after.record is not None
        assert after.record.is_valid(NOW + timedelta(days=days))


@given(RECORDS)
def test_a_release_continues_only_by_an_approval_of_its_evidence(records: list[Record]) -> None:
    found = resolve_approvals(records, SEEN, NOW)

    if found.state in (ApprovalState.APPROVED, ApprovalState.USED):
        assert found.record is not None
        assert (found.record.action, found.record.evidence) == (APPROVE, SEEN)
    of_it = resolve_approvals([one for one in records if one.evidence == SEEN], SEEN, NOW)
    assert (found.state, found.record) == (of_it.state, of_it.record)


def test_record_of_use_has_the_first_day_that_the_model_serves() -> None:
    approval = record(3, APPROVE, expires_in=1)

    used = approval_use(approval, NOW, "2013-07-20")

    assert (used.action, used.evidence, used.serves_from) == (APPLY, SEEN, "2013-07-20")
    assert (used.reason, used.at, used.expires_at) == ("approval 3 by Ann", NOW, None)
    found = resolve_approvals([approval, used], SEEN, NOW)
    assert (found.state, found.record, found.serves_from) == (
        ApprovalState.USED,
        approval,
        "2013-07-20",
    )
    assert approval.signature == "Ann (approval 3)"


def test_records_are_rows_of_their_contract() -> None:
    records = [
        record(1, APPROVE, evidence=OTHER, expires_in=1),
        record(2, REJECT, "Bob"),
    ]

    rows = approval_rows(records, {"2013-07-09": SEEN})

    checked = validate(rows, Approvals, ["2013-07-09"])
    assert checked.dead_letters.empty
    assert checked.rows.to_dict("records") == [
        {
            DAY: "2013-07-09",
            "number": 1,
            "action": "approve",
            "by": "Ann",
            "reason": "seen and fine",
            "evidence": OTHER,
            "serves_from": "2013-07-12",
            "at": "2013-07-28T08:00:00+00:00",
            "expires_at": "2013-08-01T13:00:00+00:00",
            "remark": "approval 1 by Ann is of other evidence (fedcba98…)",
        },
        {
            DAY: "2013-07-09",
            "number": 2,
            "action": "reject",
            "by": "Bob",
            "reason": "seen and fine",
            "evidence": SEEN,
            "serves_from": "",
            "at": "2013-07-28T08:00:00+00:00",
            "expires_at": "",
            "remark": "",
        },
    ]


def test_a_release_without_records_has_no_row_and_all_columns() -> None:
    rows = approval_rows([], {"2013-07-09": SEEN})

    assert rows.empty
    assert [*rows] == [*no_rows(Approvals)]
    assert not validate(rows, Approvals, ["2013-07-09"]).quarantined
