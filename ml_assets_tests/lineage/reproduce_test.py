"""Models are rebuilt from their records, and the reason of a difference is reported."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ml_assets.configuration import documents
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Read, Status
from ml_assets.lineage.changes import Change, ChangedDays
from ml_assets.lineage.pipelines import PipelineTables, pipeline
from ml_assets.lineage.recorded import ModelReference, model_of_day, model_of_version
from ml_assets.lineage.reproduction.reproduce import (
    Reproduction,
    ReproductionVerdict,
    Since,
    reproduce,
)
from ml_assets.settings import settings
from ml_assets_tests.model_records import (
    DAY,
    FEATURES,
    MODEL,
    alter_in_place,
    correct,
    made_by,
    ran_with,
    sql,
    store,
    vacuum,
)
from ml_assets_tests.project import Project, overridden

FIRST, SECOND = "2013-02-01", "2013-02-04"


@pytest.fixture
def flight_delays() -> PipelineTables:
    """The pipeline."""
    return pipeline("flight_delays")


def reproduced(lake: Lake, version: int) -> Reproduction:
    """The reproduction of a version."""
    of = pipeline("flight_delays")
    return reproduce(lake, of, model_of_version(lake, of, version))


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file, without SQLite's temporary files."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path): path.read_bytes() for path in found if path.suffix not in {".db-wal", ".db-shm"}
    }


def test_first_version_is_identical_and_nothing_is_written(lake: Lake, tmp_path: Path) -> None:
    before = files(tmp_path)

    result = reproduced(lake, 1)

    assert (result.verdict, result.as_of) == (ReproductionVerdict.IDENTICAL, FIRST), result.reason
    assert result.rebuilt == result.recorded == lake.ledger.latest(MODEL)[FIRST].content_hash
    assert result.since == Since([], [], [], [])
    assert files(tmp_path) == before


@pytest.mark.slow
def test_corrected_source_changes_no_past_model_and_is_reported(retrained: Project) -> None:
    changed = retrained.sql(
        "UPDATE flights SET distance = distance + 100 WHERE time_hour LIKE '2013-01-09 12%'"
    )
    assert changed > 0
    assert retrained.materialize_daily(f"{DAY}...2013-01-20").succeeded

    result = reproduced(retrained.lake, 1)

    assert result.verdict is ReproductionVerdict.IDENTICAL, result.reason
    changed_since = {each.table: each.days for each in result.since.inputs}
    assert [*changed_since][:2] == ["source_database/flights", "sources/flights"]
    assert changed_since["sources/flights"] == [DAY]
    assert DAY in changed_since[FEATURES]


def test_rows_altered_in_place_are_reported_with_table_and_day(lake: Lake) -> None:
    alter_in_place(lake, DAY)

    result = reproduced(lake, 1)

    assert result.verdict is ReproductionVerdict.DIFFERENT
    assert result.altered == [ChangedDays(FEATURES, [DAY])]
    assert f"{FEATURES} {DAY} differs from its recorded content" in result.reason
    assert result.rebuilt not in {result.recorded, ""}


def test_newest_version_with_the_same_content_replaces_a_deleted_one(lake: Lake) -> None:
    vacuum(lake)

    result = reproduced(lake, 1)

    assert result.verdict is ReproductionVerdict.IDENTICAL, result.reason
    assert result.since.inputs == []


def test_model_cannot_be_rebuilt_from_deleted_rows(lake: Lake) -> None:
    correct(lake, DAY)
    vacuum(lake)

    result = reproduced(lake, 1)

    assert (result.verdict, result.rebuilt) == (ReproductionVerdict.IMPOSSIBLE, "")
    assert (
        f"of {FEATURES} was deleted by vacuum, and the newest version has different rows for {DAY}"
        in result.reason
    )


@pytest.mark.parametrize(
    ("libraries", "cause"),
    [
        pytest.param({"numpy": "1.26.4"}, "numpy was 1.26.4 and is ", id="another library"),
        pytest.param({}, "the remaining possible cause is the machine", id="nothing else"),
    ],
)
def test_difference_without_altered_rows_is_reported_with_its_likely_cause(
    lake: Lake, flight_delays: PipelineTables, libraries: dict[str, str], cause: str
) -> None:
    ran_with(lake, **libraries)
    [entry] = [e for e in lake.ledger.history(MODEL, FIRST) if e.status is Status.STORED]
    lake.ledger.append([replace(entry, content_hash="another")])

    result = reproduce(lake, flight_delays, model_of_day(lake, flight_delays, FIRST))

    assert (result.verdict, result.version, result.altered) == (
        ReproductionVerdict.DIFFERENT,
        None,
        [],
    )
    assert cause in result.reason
    assert [change.what for change in result.since.libraries] == [*libraries]


def test_changed_parameters_and_libraries_are_reported_and_not_used(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran_with(lake, numpy="1.26.4")
    document = (documents.DEFS / "flight_delays" / "defs.yaml").read_text("utf-8")
    folder = tmp_path / "defs" / "flight_delays"
    folder.mkdir(parents=True)
    changed = document.replace("max_iter: 120", "max_iter: 7")
    changed = re.sub(r"^ *- visib\n", "", changed, flags=re.MULTILINE)
    assert changed != document
    (folder / "defs.yaml").write_text(changed, "utf-8")
    monkeypatch.setattr(documents, "DEFS", tmp_path / "defs")
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(labels={"delay": "2d"}))
    documents.read_anew()
    settings.cache_clear()

    result = reproduced(lake, 1)
    monkeypatch.undo()
    documents.read_anew()
    settings.cache_clear()

    assert result.verdict is ReproductionVerdict.IDENTICAL, result.reason
    assert result.since.parameters == [
        Change("label_delay_hours", "0", "48"),
        Change("windows.label_delay_days", "0", "2"),
        Change("hyperparameters.max_iter", "120", "7"),
        Change("numeric", "visib", "–", is_of_items=True),
    ]
    assert [(change.what, change.then) for change in result.since.libraries] == [
        ("numpy", "1.26.4")
    ]


def test_changed_code_is_reported_and_nothing_is_rebuilt(lake: Lake) -> None:
    made_by(lake, MODEL, FIRST, {"ml_assets.learning.training": "another", "ml_assets.gone": "a"})

    result = reproduced(lake, 1)

    assert (result.verdict, result.rebuilt) == (ReproductionVerdict.IMPOSSIBLE, "")
    assert [change.what for change in result.modules] == [
        "ml_assets.gone",
        "ml_assets.learning.training",
    ]
    assert "ml_assets.gone, ml_assets.learning.training" in result.reason


def test_unreadable_parameters_of_older_code_are_changed_code(lake: Lake) -> None:
    made_by(lake, "flight_delays/training_dataset", FIRST, {"ml_assets.learning.dataset": "old"})
    sql(lake, "UPDATE provenance_codes SET parameters = '[{}]'")

    result = reproduced(lake, 1)

    assert result.verdict is ReproductionVerdict.IMPOSSIBLE
    assert "ml_assets.learning.dataset" in result.reason


def test_model_without_provenance_is_reported(lake: Lake) -> None:
    sql(lake, "DELETE FROM provenance_runs")

    result = reproduced(lake, 2)

    assert result.verdict is ReproductionVerdict.IMPOSSIBLE
    assert f"no provenance is recorded for flight_delays/training_dataset and {MODEL} {SECOND}" in (
        result.reason
    )


def test_older_model_of_a_retrained_day_is_identical(lake: Lake) -> None:
    registered = "flight_delays/registered_model"
    rows = lake.read(registered, [FIRST])
    content = rows["fingerprint"].iloc[0]
    correct(lake, DAY)
    for table in ("flight_delays/training_dataset", MODEL):
        entry = lake.ledger.latest(table)[FIRST]
        of_others = [Read(FEATURES, DAY, "others", 9)]
        lake.ledger.append([replace(entry, content_hash="new", run_id="new", reads=of_others)])
    store(lake, registered, FIRST, rows.assign(version=3, fingerprint="new"))
    of = pipeline("flight_delays")

    result = reproduced(lake, 1)

    assert model_of_version(lake, of, 3) == ModelReference(3, FIRST, "new")
    assert (result.verdict, result.recorded) == (ReproductionVerdict.IDENTICAL, content), (
        result.reason
    )
    assert ChangedDays(FEATURES, [DAY]) in result.since.inputs
