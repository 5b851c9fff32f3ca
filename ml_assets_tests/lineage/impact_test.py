"""Impact of a day, from a ledger and recorded column lineage."""

from pathlib import Path

import pytest

from ml_assets.errors import ConfigurationError
from ml_assets.lake.store import Lake
from ml_assets.ledger.entries import Entry, Read, Status
from ml_assets.ledger.ledger import Ledger
from ml_assets.lineage.graph import Graph
from ml_assets.lineage.impact import Impact, impact
from ml_assets_tests.releases import release

DAY, NEXT, AS_OF, LATER = "2013-01-01", "2013-01-02", "2013-01-08", "2013-01-09"
SOURCE, FEATURES = "sources/flights", "flight_delays/flight_features"
MODEL, CHAMPION = "flight_delays/model", "flight_delays/champion"
PREDICTIONS = "flight_delays/predictions"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A day of a source, its features and two models; one of them scored two days."""
    lake = Lake(str(tmp_path / "lake"), Ledger(f"sqlite:///{tmp_path / 'ledger.db'}"))
    source, features = Read(SOURCE, DAY, "s1", 1), Read(FEATURES, DAY, "f1", 1)
    release(lake, AS_OF, 1, "gates")
    champion = lake.ledger.latest(CHAMPION)[AS_OF]
    model = Read(MODEL, AS_OF, "m1", None)
    used_model = [
        Read(CHAMPION, AS_OF, champion.content_hash, 1, is_pinned=True),
        Read(MODEL, AS_OF, "m1", None, is_pinned=True),
    ]
    lake.ledger.append(
        [
            _stored(SOURCE, DAY, "s1", 100),
            _stored(SOURCE, NEXT, "s2", 90),
            _stored(FEATURES, DAY, "f1", 100, source),
            _stored(MODEL, AS_OF, "m1", 80, features),
            _stored(MODEL, LATER, "m2", 80, features),
            _stored(CHAMPION, AS_OF, champion.content_hash, 1, model),
            _stored(PREDICTIONS, AS_OF, "p1", 70, *used_model),
            _stored(PREDICTIONS, LATER, "p2", 60, *used_model),
        ]
    )
    lake.provenance.record_columns(
        FEATURES, {"delay": [(SOURCE, "dep_delay")], "distance": [(SOURCE, "distance")]}
    )
    lake.provenance.record_columns(MODEL, {"prediction": [(FEATURES, "delay")]})
    lake.provenance.record_columns(CHAMPION, {"fingerprint": [(MODEL, "prediction")]})
    lake.provenance.record_columns(PREDICTIONS, {"prediction": [(CHAMPION, "fingerprint")]})
    return lake


def _stored(table: str, day: str, content: str, rows: int, *reads: Read) -> Entry:
    return Entry(table, day, Status.STORED, content_hash=content, rows=rows, reads=reads)


def _impact(lake: Lake, table: str = SOURCE, day: str = DAY, column: str = "") -> Impact:
    return impact(lake, Graph.of(lake.ledger), table, day, column)


def test_tables_have_days_and_rows_the_nearest_first(lake: Lake) -> None:
    found = _impact(lake)

    assert [(table.table, list(table.days), table.rows) for table in found.tables] == [
        (FEATURES, [DAY], 100),
        (MODEL, [AS_OF, LATER], 160),
        (CHAMPION, [AS_OF], 1),
        (PREDICTIONS, [AS_OF, LATER], 130),
    ]
    assert found.state == "stored, 100 rows"
    assert found.reaches_champion


def test_models_have_the_number_of_their_predictions(lake: Lake) -> None:
    released, other = _impact(lake).models

    assert (released.version, released.is_champion, released.predictions) == (1, True, 130)
    assert (released.first, released.last) == (AS_OF, LATER)
    assert (other.version, other.is_champion, other.predictions) == (None, False, 0)


def test_impact_does_not_reach_a_newer_champion_that_did_not_use_the_day(lake: Lake) -> None:
    release(lake, "2013-02-01", 2, "gates")

    assert not _impact(lake).reaches_champion


def test_impact_of_a_model_includes_the_model(lake: Lake) -> None:
    [model] = _impact(lake, MODEL, AS_OF).models

    assert (model.as_of, model.is_champion, model.predictions) == (AS_OF, True, 130)


def test_a_day_without_dependents_has_no_impact(lake: Lake) -> None:
    found = _impact(lake, day=NEXT)

    assert (found.tables, found.models) == ([], [])


def test_days_computed_from_changed_content_are_stale(lake: Lake) -> None:
    lake.ledger.append([_stored(SOURCE, DAY, "s1 corrected", 100)])

    stale = {table.table: table.stale for table in _impact(lake).tables}

    assert stale == {FEATURES: 1, MODEL: 0, CHAMPION: 0, PREDICTIONS: 0}


def test_state_of_a_quarantined_day_contains_the_reason(lake: Lake) -> None:
    lake.ledger.append([Entry(SOURCE, DAY, Status.QUARANTINED, reason="no rows")])

    assert _impact(lake).state == "quarantined: no rows"


def test_impact_of_a_column_follows_column_lineage(lake: Lake) -> None:
    used, unused = _impact(lake, column="dep_delay"), _impact(lake, column="distance")

    assert [(table.table, list(table.columns)) for table in used.tables] == [
        (FEATURES, ["delay"]),
        (MODEL, ["prediction"]),
        (CHAMPION, ["fingerprint"]),
        (PREDICTIONS, ["prediction"]),
    ]
    assert [(table.table, list(table.columns)) for table in unused.tables] == [
        (FEATURES, ["distance"])
    ]
    assert unused.models == []


def test_a_table_without_column_lineage_may_depend_on_any_column(lake: Lake) -> None:
    lake.provenance.record_columns(MODEL, {})

    assert {
        table.table: list(table.columns) for table in _impact(lake, column="distance").tables
    } == {
        FEATURES: ["distance"],
        MODEL: [],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("sources/flight",), "Did you mean 'sources/flights'?", id="table"),
        pytest.param((SOURCE, "2013-01-03"), "Did you mean '2013-01-02'?", id="day"),
        pytest.param((SOURCE, "snapshot"), "choose one with --partition", id="no day"),
        pytest.param((SOURCE, DAY, "dep_dely"), "Did you mean 'dep_delay'?", id="column"),
    ],
)
def test_unknown_names_are_refused_with_the_most_similar_one(
    lake: Lake, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _impact(lake, *arguments)
    assert message in str(caught.value)
