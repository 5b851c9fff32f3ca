"""Models are made again from what was recorded, and what is not the same is named."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ml_assets.configuration import documents
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Read, Status
from ml_assets.lineage.changes import Change, ChangedDays
from ml_assets.lineage.pipelines import PipelineTables, pipeline
from ml_assets.lineage.recorded import ModelReference, trained_day, trained_version
from ml_assets.lineage.reproduce import Reproduction, ReproductionVerdict, Since, reproduce
from ml_assets.settings import settings
from ml_assets_tests.past import (
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


def again(lake: Lake, version: int) -> Reproduction:
    """A version made again."""
    of = pipeline("flight_delays")
    return reproduce(lake, of, trained_version(lake, of, version))


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file; SQLite's own come and go."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path): path.read_bytes() for path in found if path.suffix not in {".db-wal", ".db-shm"}
    }


def test_first_version_is_identical_and_nothing_is_written(lake: Lake, tmp_path: Path) -> None:
    before = files(tmp_path)

    made = again(lake, 1)

    assert (made.verdict, made.as_of) == (ReproductionVerdict.IDENTICAL, FIRST), made.reason
    assert made.rebuilt == made.recorded == lake.ledger.latest(MODEL)[FIRST].content_hash
    assert made.since == Since([], [], [], [])
    assert files(tmp_path) == before


def test_corrected_source_changes_no_past_model_and_is_named(retrained: Project) -> None:
    changed = retrained.sql(
        "UPDATE flights SET distance = distance + 100 WHERE time_hour LIKE '2013-01-09 12%'"
    )
    assert changed > 0
    assert retrained.materialize_daily(f"{DAY}...2013-01-20").succeeded

    made = again(retrained.lake, 1)

    assert made.verdict is ReproductionVerdict.IDENTICAL, made.reason
    changed_since = {each.table: each.days for each in made.since.inputs}
    assert [*changed_since][:2] == ["source_database/flights", "sources/flights"]
    assert changed_since["sources/flights"] == [DAY]
    assert DAY in changed_since[FEATURES]


def test_rows_altered_in_place_are_a_difference_with_table_and_day(lake: Lake) -> None:
    alter_in_place(lake, DAY)

    made = again(lake, 1)

    assert made.verdict is ReproductionVerdict.DIFFERENT
    assert made.altered == [ChangedDays(FEATURES, [DAY])]
    assert f"{FEATURES} {DAY} does not hold what was recorded" in made.reason
    assert made.rebuilt not in {made.recorded, ""}


def test_content_counts_where_the_version_is_gone(lake: Lake) -> None:
    vacuum(lake)

    made = again(lake, 1)

    assert made.verdict is ReproductionVerdict.IDENTICAL, made.reason
    assert made.since.inputs == []


def test_model_cannot_be_made_from_rows_that_are_gone(lake: Lake) -> None:
    correct(lake, DAY)
    vacuum(lake)

    made = again(lake, 1)

    assert (made.verdict, made.rebuilt) == (ReproductionVerdict.IMPOSSIBLE, "")
    assert f"of {FEATURES} is gone (vacuumed), and the newest holds other rows of {DAY}" in (
        made.reason
    )


@pytest.mark.parametrize(
    ("libraries", "told"),
    [
        pytest.param({"numpy": "1.26.4"}, "numpy was 1.26.4 and is ", id="another library"),
        pytest.param({}, "what is left is the machine", id="nothing else"),
    ],
)
def test_difference_without_altered_rows_is_told_its_likely_cause(
    lake: Lake, flight_delays: PipelineTables, libraries: dict[str, str], told: str
) -> None:
    ran_with(lake, **libraries)
    [entry] = [e for e in lake.ledger.history(MODEL, FIRST) if e.status is Status.STORED]
    lake.ledger.append([replace(entry, content_hash="another")])

    made = reproduce(lake, flight_delays, trained_day(lake, flight_delays, FIRST))

    assert (made.verdict, made.version, made.altered) == (ReproductionVerdict.DIFFERENT, None, [])
    assert told in made.reason
    assert [change.what for change in made.since.libraries] == [*libraries]


def test_changed_parameters_and_libraries_are_named_and_not_used(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran_with(lake, numpy="1.26.4")
    said = (documents.DEFS / "flight_delays" / "defs.yaml").read_text("utf-8")
    folder = tmp_path / "defs" / "flight_delays"
    folder.mkdir(parents=True)
    changed = said.replace("max_iter: 120", "max_iter: 7")
    changed = re.sub(r"^ *- visib\n", "", changed, flags=re.MULTILINE)
    assert changed != said
    (folder / "defs.yaml").write_text(changed, "utf-8")
    monkeypatch.setattr(documents, "DEFS", tmp_path / "defs")
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(labels={"delay_days": 2}))
    documents._all_documents.cache_clear()
    settings.cache_clear()

    made = again(lake, 1)
    monkeypatch.undo()
    documents._all_documents.cache_clear()
    settings.cache_clear()

    assert made.verdict is ReproductionVerdict.IDENTICAL, made.reason
    assert made.since.parameters == [
        Change("windows.label_delay_days", "0", "2"),
        Change("hyperparameters.max_iter", "120", "7"),
        Change("numeric", "visib", "–"),
    ]
    assert [(change.what, change.then) for change in made.since.libraries] == [("numpy", "1.26.4")]


def test_other_code_is_named_and_nothing_is_made(lake: Lake) -> None:
    made_by(lake, MODEL, FIRST, {"ml_assets.learning.training": "another", "ml_assets.gone": "a"})

    made = again(lake, 1)

    assert (made.verdict, made.rebuilt) == (ReproductionVerdict.IMPOSSIBLE, "")
    assert [change.what for change in made.modules] == [
        "ml_assets.gone",
        "ml_assets.learning.training",
    ]
    assert "ml_assets.gone, ml_assets.learning.training" in made.reason


def test_parameters_of_older_code_are_other_code(lake: Lake) -> None:
    made_by(lake, "flight_delays/training_dataset", FIRST, {"ml_assets.learning.dataset": "old"})
    sql(lake, "UPDATE provenance_codes SET parameters = '[{}]'")

    made = again(lake, 1)

    assert made.verdict is ReproductionVerdict.IMPOSSIBLE
    assert "ml_assets.learning.dataset" in made.reason


def test_model_from_before_provenance_says_so(lake: Lake) -> None:
    sql(lake, "DELETE FROM provenance_runs")

    made = again(lake, 2)

    assert made.verdict is ReproductionVerdict.IMPOSSIBLE
    assert f"no provenance is recorded of flight_delays/training_dataset and {MODEL} {SECOND}" in (
        made.reason
    )


def test_older_model_of_a_day_that_was_trained_again(lake: Lake) -> None:
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

    made = again(lake, 1)

    assert trained_version(lake, of, 3) == ModelReference(3, FIRST, "new")
    assert (made.verdict, made.recorded) == (ReproductionVerdict.IDENTICAL, content), made.reason
    assert ChangedDays(FEATURES, [DAY]) in made.since.inputs
