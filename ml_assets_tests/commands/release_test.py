"""The commands about releases as a shell sees them: output and exit codes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ml_assets.lake.store import Lake
from ml_assets.ledger.ledger import Ledger
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets.release.approvals.approvals import Action
from ml_assets_tests.commands.shell import ml_assets
from ml_assets_tests.releases import EVIDENCE, PIPELINE, decide, release, score

AS_OF = "2013-07-09"
SAID = ["--by", "Ann", "--reason", "the holidays [are] over"]

Command = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """URL of the project's ledger."""
    return f"sqlite:///{tmp_path / 'data' / 'ledger.db'}"


@pytest.fixture
def lake(tmp_path: Path, url: str) -> Lake:
    """The project's lake."""
    return Lake(str(tmp_path / "data" / "lake"), Ledger(url))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in this process, in an empty project."""
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    for name in ("LAKE", "POSTGRES_URL", "SHARED"):
        monkeypatch.delenv(f"ML_ASSETS_{name}", raising=False)

    return partial(ml_assets, tmp_path)


def test_an_approval_is_recorded_and_reported(command: Command, lake: Lake, url: str) -> None:
    decide(lake, AS_OF)
    score(lake, "2013-07-11")

    done = command("approve", PIPELINE, AS_OF, *SAID, "--expires", "7d")

    assert done.returncode == 0, done.stderr
    (found,) = ApprovalLog(url).records(PIPELINE, AS_OF)
    assert (found.action, found.by, found.reason) == (
        Action.APPROVE, "Ann", "the holidays [are] over",
    )  # fmt: skip
    assert found.expires_at is not None
    assert (found.expires_at - found.at).days == 7
    assert abs((datetime.now(UTC) - found.at).total_seconds()) < 120
    assert f"Recorded approval 1 by Ann of {PIPELINE} as of {AS_OF}, evidence {EVIDENCE}" in (
        done.stdout
    )
    assert "serves from the first day that is not scored" in done.stdout
    assert (
        f"dg launch -m ml_assets.definitions --assets group:{PIPELINE}__release --partition {AS_OF}"
        in done.stdout
    )


def test_after_a_rejection_nobody_can_approve(command: Command, lake: Lake, url: str) -> None:
    decide(lake, AS_OF)

    rejected = command("reject", PIPELINE, AS_OF, *SAID)
    approved = command("approve", PIPELINE, AS_OF, *SAID)

    assert rejected.returncode == 0, rejected.stderr
    assert "Recorded rejection 1 by Ann" in rejected.stdout
    assert approved.returncode == 2
    assert approved.stdout == ""
    assert approved.stderr.startswith("ConfigurationError: ")
    assert "rejected already (rejection 1 by Ann: the holidays [are] over)" in approved.stderr
    assert approved.stderr.count("\n") == 1
    assert len(ApprovalLog(url).records(PIPELINE)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["approve", "flight_delay", AS_OF, *SAID],
            "flight_ensemble, flight_forecast, flight_forest, flight_linear. Did you mean 'flight_delays'?",
            id="nearly a pipeline",
        ),
        pytest.param(
            ["audit", "sources"],
            "airport_wind, flight_chain, flight_delays, flight_ensemble, flight_forecast, flight_forest, ",
            id="no pipeline",
        ),
        pytest.param(["audit", "../x"], "There is no pipeline '../x'", id="no name"),
        pytest.param(
            ["reject", PIPELINE, AS_OF, *SAID],
            "has no release decision yet",
            id="nothing was decided",
        ),
        pytest.param(["approve", PIPELINE, AS_OF, "--by", "Ann"], "--reason", id="no reason"),
        pytest.param(
            ["reject", PIPELINE, AS_OF, *SAID, "--expires", "1d"], "--expires", id="option"
        ),
        pytest.param(
            ["approve", PIPELINE, AS_OF, *SAID, "--expires", "soon"], "'7d' or '36h'", id="expires"
        ),
    ],
)
def test_arguments_that_cannot_be_used_exit_2(
    command: Command, arguments: list[str], message: str
) -> None:
    done = command(*arguments)

    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_audit_of_an_empty_project_says_so(command: Command) -> None:
    as_text, as_json = command("audit", PIPELINE), command("audit", PIPELINE, "--json")

    assert (as_text.returncode, as_json.returncode) == (0, 0), as_text.stderr
    assert "No release of flight_delays was decided yet" in as_text.stdout
    assert json.loads(as_json.stdout) == []


def test_an_audit_tells_who_released_which_version(command: Command, lake: Lake) -> None:
    decide(lake, "2013-04-01", "passed", reason="auc rose")
    release(lake, "2013-04-01", 1, "gates")
    decide(lake, AS_OF, reason="no_segment_degraded: origin=[JFK] fell")
    assert command("approve", PIPELINE, AS_OF, *SAID).returncode == 0
    release(lake, AS_OF, 2, "Ann (approval 1)")

    as_text, as_json = command("audit", PIPELINE), command("audit", PIPELINE, "--json")

    assert (as_text.returncode, as_json.returncode) == (0, 0), as_text.stderr + as_json.stderr
    events = json.loads(as_json.stdout)
    assert [(event["as_of"], event["what"], event["who"]) for event in events] == [
        ("2013-04-01", "decided: passed", "gates"),
        ("2013-04-01", "champion: version 1 by gates", "gates"),
        (AS_OF, "decided: awaiting approval", "gates"),
        (AS_OF, "approved by Ann (approval 1)", "Ann"),
        (AS_OF, "champion: version 2 by Ann (approval 1)", "Ann (approval 1)"),
    ]
    assert {event["evidence"] for event in events} == {EVIDENCE}
    assert [event["version"] for event in events] == [None, 1, None, None, 2]
    assert all(datetime.fromisoformat(event["at"]).tzinfo == UTC for event in events)
    places = [as_text.stdout.index(event["what"]) for event in events]
    assert places == sorted(places)
    assert "origin=[JFK] fell" in as_text.stdout
    assert "01234567…" in as_text.stdout
