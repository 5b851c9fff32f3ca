"""A report of a project, some files of which cannot be read, is about all that can."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_assets.configuration import documents
from ml_assets.configuration.files.yaml_files import change_times
from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.lineage.status.loading import load_state
from ml_assets.lineage.status.report import report
from ml_assets.lineage.status.state import ProjectState
from ml_assets.release.approvals.approval_log import ApprovalLog
from ml_assets_tests.project_files import documents_below

LABELS, FLIGHTS = "flight_delays/flight_outcomes", "sources/flights"
Loaded = Callable[[], ProjectState]


@pytest.fixture
def defs(tmp_path: Path) -> Iterator[Path]:
    """A copy of the documents of the project, which may be changed."""
    folder = tmp_path / "defs"
    shutil.copytree(documents.DEFS, folder)
    with documents_below(folder):
        yield folder


@pytest.fixture
def loaded(tmp_path: Path, defs: Path) -> Loaded:
    """Loads the state of a project in which a day was processed."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    lake = Lake(str(tmp_path / "lake"), ledger)
    ledger.append([Entry(one, "2013-02-01", Status.STORED) for one in (FLIGHTS, LABELS)])

    def load() -> ProjectState:
        return load_state(lake, ApprovalLog(ledger.url), None, ledger.tables(), {}, alerts=[])

    return load


def changed(file: Path, old: str, new: str) -> None:
    """Replace the first place of a text in a file."""
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def begun(state: ProjectState) -> list[str]:
    """Pipelines that a report shows as begun, and that can be read."""
    return [one.pipeline for one in report(state).pipelines if one.is_begun and not one.problem]


def test_a_file_that_is_no_yaml_is_named_and_the_pipelines_of_others_are_shown(
    defs: Path, loaded: Loaded
) -> None:
    changed(defs / "flight_ensemble" / "defs.yaml", "type:", "type: [")

    state = loaded()

    assert begun(state) == ["flight_delays"]
    [problem] = report(state).unreadable
    assert "flight_ensemble/defs.yaml is not valid YAML" in problem
    with pytest.raises(ConfigurationError, match=r"flight_ensemble/defs\.yaml is not valid YAML"):
        state.of_pipeline("flight_forest")


def test_a_source_table_that_is_not_usable_is_named_and_all_pipelines_are_shown(
    defs: Path, loaded: Loaded
) -> None:
    changed(defs / "sources" / "defs.yaml", "  key: sources/weather", "  kez: 1\n  key: a/b")

    state = loaded()

    assert "flight_delays" in begun(state)
    [problem] = filter(None, (one.problem for one in report(state).sources.values()))
    assert "'kez' is unknown" in problem


def test_a_pipeline_that_is_not_usable_is_named_and_the_others_are_shown(
    defs: Path, loaded: Loaded
) -> None:
    changed(defs / "flight_ensemble" / "defs.yaml", "  pipeline: flight_forest", "  pipeline: flight_forest\n  nonsense: 1")  # fmt: skip

    found = report(loaded())

    problems = {one.pipeline: one.problem for one in found.pipelines if one.problem}
    assert "'nonsense' is unknown" in problems["flight_forest"]
    assert "flight_delays" not in problems
    assert found.unreadable == []


def test_a_project_that_can_be_read_has_no_problem(loaded: Loaded) -> None:
    assert loaded().unreadable == []
    assert begun(loaded()) == ["flight_delays"]


def test_a_file_that_is_new_is_read_when_files_are_read_anew(defs: Path, loaded: Loaded) -> None:
    file = defs / "flight_ensemble" / "defs.yaml"
    before = change_times(defs), {one.name for one in loaded().pipelines}
    (defs / "new").mkdir()
    text = file.read_text("utf-8").replace("pipeline: flight_forest", "pipeline: newcomer")
    (defs / "new" / "defs.yaml").write_text(text, "utf-8")
    documents.read_anew()

    names = {one.name for one in loaded().pipelines}

    assert change_times(defs) != before[0]
    assert names - before[1] == {"newcomer"}
