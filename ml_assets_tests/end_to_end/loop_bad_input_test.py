"""Bad data, files and policies in the loop: each fault is reported, and nothing is lost.

Covered: labels of one class only; a day before any champion; the same label twice, and one that
moves to another day; a label whose prediction is unknown; a feature that is missing on all days and
one that is always the same; a champion's file that is deleted or altered; a policy that is missing
or broken.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_assets.content import DAY
from ml_assets.definitions import project_definitions
from ml_assets.ledger.entries import Entry, Status
from ml_assets.orchestration.runs.runs import broken_assets
from ml_assets.settings import settings
from ml_assets_tests.prepared import (
    ASKED_FOR,
    DECISION,
    LABELS,
    LOOP,
    PREDICTIONS,
    RELEASE,
    SCORED_DAYS,
    assets,
)
from ml_assets_tests.project import DAILY, Project, overridden

LAST, NEXT = "2013-02-03", "2013-02-04"
OF_LAST = "year = 2013 AND month = 2 AND day = 3"
DRIFT, PROFILE = "flight_delays/drift_report", "flight_delays/feature_profile"


def test_a_day_before_any_champion_ends_as_not_predicted(with_champion: Project) -> None:
    day = "2013-01-31"

    outcome = with_champion.materialize(LOOP, day)

    assert outcome.succeeded, outcome.failed_steps
    for noun, reason in (
        ("predictions", f"not predicted: no champion serves on {day}. Materialize a model"),
        ("performance", f"flight_delays/predictions {day} is skipped: not predicted"),
        ("feature_profile", f"no champion on {day}, so"),
        ("drift_report", f"no champion on {day}, so"),
    ):
        entry = with_champion.entries(f"flight_delays/{noun}")[day]
        assert entry.status is Status.SKIPPED
        assert entry.reason.startswith(reason)
    assert with_champion.entries(LABELS)[day].rows == 0
    [reason] = with_champion.lake.read(DECISION, [day])["reason"]
    assert reason == "there is no champion yet, and 10 training days (28 required)"


@pytest.mark.slow
def test_a_range_that_begins_before_the_champion_scores_the_days_it_has(
    with_champion: Project,
) -> None:
    before = with_champion.versions(PREDICTIONS)

    outcome = with_champion.materialize(assets("predictions"), f"2013-01-31...{LAST}")

    assert outcome.succeeded, outcome.failed_steps
    assert "no champion" in with_champion.entries(PREDICTIONS)["2013-01-31"].reason
    assert with_champion.versions(PREDICTIONS) == before


@pytest.mark.slow
def test_a_flight_with_two_contradicting_rows_has_no_label_and_keeps_its_prediction(
    with_champion: Project,
) -> None:
    predicted = set(with_champion.lake.read(PREDICTIONS, [LAST])["prediction_id"])
    with_champion.sql(
        f"CREATE TABLE copies AS SELECT * FROM flights WHERE {OF_LAST} "
        "AND arr_delay IS NOT NULL LIMIT 5"
    )
    with_champion.sql("UPDATE copies SET arr_delay = arr_delay + 1")
    with_champion.sql("INSERT INTO flights SELECT * FROM copies")
    assert with_champion.materialize(DAILY, f"{LAST}...{NEXT}").succeeded
    assert len(with_champion.dead_letters("sources/flights")) == 2 * 5

    outcome = with_champion.materialize(LOOP, f"{LAST}...{NEXT}")

    assert outcome.succeeded, outcome.failed_steps
    assert set(with_champion.lake.read(PREDICTIONS, [LAST])["prediction_id"]) == predicted
    labels = with_champion.lake.read(LABELS)
    assert labels["prediction_id"].is_unique
    labelled = set(labels.loc[labels["prediction_day"] == LAST, "prediction_id"])
    assert labelled < predicted
    assert len(predicted - labelled) >= 5
    assert not with_champion.dead_letters(LABELS)


@pytest.mark.slow
def test_a_label_that_moves_to_another_day_is_stored_once(with_champion: Project) -> None:
    [[flight, carrier]] = (
        with_champion.lake.read("sources/flights", [LAST])
        .query("arr_delay == arr_delay and arr_delay < 0")
        .sort_values("time_hour")
        .head(1)[["flight", "carrier"]]
        .to_numpy()
        .tolist()
    )
    assert with_champion.sql(
        f"UPDATE flights SET arr_delay = arr_delay + 1200 WHERE {OF_LAST} AND flight = ? "
        "AND carrier = ?",
        flight,
        carrier,
    )
    before = set(with_champion.lake.read(LABELS, [LAST])["prediction_id"])
    assert with_champion.materialize(DAILY, f"{LAST}...{NEXT}").succeeded

    outcome = with_champion.materialize(LOOP, f"{LAST}...{NEXT}")

    assert outcome.succeeded, outcome.failed_steps

    labels = with_champion.lake.read(LABELS)
    assert labels["prediction_id"].is_unique
    [moved] = before - set(labels.loc[labels[DAY] == LAST, "prediction_id"])
    assert list(labels.loc[labels["prediction_id"] == moved, [DAY, "label"]].iloc[0]) == [NEXT, 1.0]


def test_a_label_whose_prediction_is_unknown_is_a_dead_letter(with_champion: Project) -> None:
    labels = with_champion.lake.read(LABELS, [LAST])
    predictions = with_champion.lake.read(PREDICTIONS, [LAST])
    lost = labels.loc[labels["prediction_day"] == LAST, "prediction_id"].iloc[0]
    written = with_champion.lake.write(
        PREDICTIONS, predictions[predictions["prediction_id"] != lost], [LAST]
    )
    with_champion.lake.ledger.append(
        [
            written.complete(with_champion.entries(PREDICTIONS)[LAST]),
            Entry(LABELS, LAST, Status.WRITING, run_id="killed"),
        ]
    )

    outcome = with_champion.materialize(assets("labels"), LAST)

    assert outcome.succeeded, outcome.failed_steps
    [letter] = with_champion.dead_letters(LABELS)
    assert letter[DAY] == LAST
    assert "prediction: must not be null" in str(letter["rule"])
    assert lost in str(letter["row"])
    assert set(with_champion.lake.read(LABELS, [LAST])["prediction_id"]) == {
        *labels["prediction_id"]
    } - {lost}


@pytest.mark.slow
def test_a_feature_without_values_and_a_constant_one_are_reported_as_drifted(
    with_champion: Project,
) -> None:
    with_champion.sql(
        "UPDATE weather SET pressure = NULL, visib = 1 WHERE time_hour > '2013-01-31'"
    )
    assert with_champion.materialize(DAILY, SCORED_DAYS).succeeded

    outcome = with_champion.materialize(LOOP, SCORED_DAYS)

    assert outcome.succeeded, outcome.failed_steps
    profiles = with_champion.lake.read(PROFILE, [LAST]).set_index("feature")
    assert profiles.loc["pressure", "missing"] == profiles.loc["pressure", "rows"] > 0
    assert profiles.loc["visib", "missing"] == 0
    report = with_champion.lake.read(DRIFT, [LAST]).set_index("feature")
    assert len(report) == len(profiles)
    assert bool(report.loc["pressure", "drifted"])
    assert report.loc["pressure", "missing_share"] == 1.0
    assert report["distance"].isna()["pressure"]
    assert bool(report.loc["visib", "drifted"])
    assert report.loc["visib", "distance"] > report.loc["visib", "threshold"]
    assert report.loc[["pressure", "visib"], "likely_cause_rank"].max() <= 5
    assert not [
        result
        for result in with_champion.check(assets("drift_report"), SCORED_DAYS)
        if result.is_bad
    ]


def delete(folder: Path) -> None:
    shutil.rmtree(folder)


def alter(folder: Path) -> None:
    file = folder / "model.skops"
    file.write_bytes(file.read_bytes()[:-1] + b"!")


def swap(folder: Path) -> None:
    """Another good model in its place."""
    [other] = [found for found in folder.parent.iterdir() if found.name != folder.name]
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(delete, "Materialize it again", id="deleted"),
        pytest.param(alter, "was altered after it was stored. It was not loaded", id="altered"),
        pytest.param(
            swap, "was altered after it was stored. It was not loaded", id="another model"
        ),
    ],
)
def test_without_the_champions_file_no_day_is_scored_and_old_predictions_are_kept(
    retrained: Project, damage: Callable[[Path], None], message: str
) -> None:
    before = retrained.versions(PREDICTIONS)
    [fingerprint] = retrained.lake.read(RELEASE, [ASKED_FOR])["challenger"]
    damage(retrained.data / "models" / "flight_delays" / "model" / fingerprint)

    outcome = retrained.materialize(assets("predictions"), f"2013-02-01...{NEXT}")

    assert not outcome.succeeded
    reported = outcome.failed_steps["flight_delays__predictions"]
    assert message in reported
    assert "flight_delays/model" in reported
    checked = retrained.check(assets("model"), ASKED_FOR)
    [told] = [one.reason for one in checked if one.check == "loads_as_trained"]
    for text in (reported, told):
        assert f"It is the champion, the model as of {ASKED_FOR}" in text
        assert ".. " not in text.replace("...", "")
    assert retrained.versions(PREDICTIONS) == before
    assert set(retrained.lake.read(PREDICTIONS)[DAY]) == {day for _, day in before}
    assert retrained.materialize(assets("predictions"), SCORED_DAYS).succeeded


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The policy file in the settings, which does not exist yet."""
    file = tmp_path / "mine.yaml"
    monkeypatch.setenv("ML_ASSETS_PIPELINES", overridden(monitoring={"policy": str(file)}))
    settings.cache_clear()
    yield file
    settings.cache_clear()


def refused() -> str:
    """The problem shown for the broken pipeline."""
    return broken_assets(project_definitions().resolve_asset_graph())[
        "flight_delays/broken_ModelPipeline"
    ]


def test_a_missing_policy_is_reported(policy: Path) -> None:
    assert refused().startswith(
        f"flight_delays/defs.yaml: Policy file {policy} cannot be read (there is no such file; its folder "
        "has none). Expected a YAML file"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("name: [", "while parsing", id="no YAML"),
        pytest.param("", "has 0 documents, expected one", id="empty"),
        pytest.param("evaluation_window: 14d", "'name' is missing", id="no name"),
        pytest.param(
            "name: x\nperformance_dorp: 0.1",
            "Did you mean 'performance_drop'? (line 2)",
            id="misspelled",
        ),
        pytest.param(
            "name: x\nbudget: -1", "greater than or equal to 0 (line 2)", id="negative budget"
        ),
        pytest.param("name: x\nwindows: many", "'windows' is 'many'", id="no number"),
        pytest.param("name: \x00", "the character #x0000 at position 6 is not", id="binary"),
    ],
)
def test_an_invalid_policy_is_reported_with_the_problem(
    policy: Path, text: str, problem: str
) -> None:
    policy.write_text(text, "utf-8")

    reported = refused()

    assert reported.startswith("flight_delays/defs.yaml: Policy file mine.yaml ")
    assert problem in reported
