"""Class E in the registry: facts that disagree, a lost database, a data folder that was moved."""

import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.content import day_hashes
from ml_assets.errors import RegistryMismatch
from ml_assets.ledger.entries import Entry, Status
from ml_assets.registry.store import CHAMPION as CHAMPION_ALIAS
from ml_assets.release.promotion import release_command
from ml_assets.workspace import Workspace
from ml_assets_tests.prepared import ASKED_FOR, CHAMPION, RELEASED, assets, opened
from ml_assets_tests.project import Project
from ml_assets_tests.remedies import command, commands, invoked, run, run_all

PIPELINE = "flight_delays"
RELEASE_GROUP = f"group:{PIPELINE}__release"
TRAINING_GROUP = f"group:{PIPELINE}__training"
NEXT = "2013-02-04"


def forge(project: Project, noun: str, as_of: str = CHAMPION, **changes: object) -> None:
    """Write another row through lake and ledger, so that their hashes agree."""
    table = f"{PIPELINE}/{noun}"
    rows = project.lake.read(table, [as_of]).assign(**changes)
    version = project.lake.write(table, rows, [as_of]).version
    content = day_hashes(rows, [as_of])[as_of]
    entry = project.entries(table)[as_of]
    project.lake.ledger.append([replace(entry, content_hash=content, version=version)])


def forge_with_reads(project: Project, noun: str, **changes: object) -> None:
    """The same, also with the reads of the entry before."""
    table = f"{PIPELINE}/{noun}"
    reads = project.lake.ledger.reads(table, [CHAMPION])[CHAMPION]
    forge(project, noun, **changes)
    project.lake.ledger.append([replace(project.entries(table)[CHAMPION], reads=reads)])


def scored(project: Project, day: str = NEXT) -> str:
    """Score a day; returns the error if it is refused, otherwise an empty text."""
    outcome = project.materialize(assets("predictions"), day)
    return "" if outcome.succeeded else outcome.failed_steps[f"{PIPELINE}__predictions"]


@pytest.mark.slow
def test_e_a_forged_row_is_refused_until_the_suggested_command_recomputes_it(
    with_champion: Project,
) -> None:
    before = with_champion.versions(f"{PIPELINE}/champion", f"{PIPELINE}/release_decision")
    forgeries = [
        ("registered_model", {"fingerprint": "0123"}, "registered_model has fingerprint 0123"),
        ("integration_tests", {"fingerprint": "0123"}, "integration_tests are of model 0123"),
        ("champion", {"serves_from": "2013-01-15"}, "serves_from 2013-01-15"),
    ]
    for noun, changes, reported in forgeries:
        forge(with_champion, noun, **changes)
        refusal = scored(with_champion)
        assert reported in refusal
        assert f"--assets {RELEASE_GROUP} --partition {CHAMPION}" in refusal

        run_all(with_champion, refusal)

        after = with_champion.versions(f"{PIPELINE}/champion", f"{PIPELINE}/release_decision")
        assert after == before, noun
    forge_with_reads(with_champion, "release_decision", evidence="0123")
    refusal = scored(with_champion)
    assert "release_decision has evidence 0123" in refusal
    run_all(with_champion, refusal)
    assert scored(with_champion) == ""


@pytest.mark.slow
def test_e_a_model_that_was_tested_as_another_is_promoted_after_the_release_ran_again(
    measured: Project,
) -> None:
    assert measured.materialize(assets("release_decision", *RELEASED[:-2]), ASKED_FOR).succeeded
    forge(measured, "integration_tests", ASKED_FOR, fingerprint="0123")
    outcome = measured.materialize(assets("champion"), ASKED_FOR)
    refusal = " ".join(outcome.failed_steps.values())
    assert "was registered or tested" in refusal
    assert "is not the judged one" in refusal

    run(measured, commands(refusal)[0])

    assert ASKED_FOR in measured.lake.days_stored(f"{PIPELINE}/champion")


def test_unknown_versions_are_listed_by_the_command_of_the_refusal(
    with_champion: Project,
) -> None:
    with pytest.raises(RegistryMismatch, match="has no version 9") as unknown:
        Workspace.of_environment().registry.signature(PIPELINE, 9)
    unclear = str(invoked("trace", PIPELINE).exception)
    assert "Give either --prediction ID or --model N" in unclear

    for refusal in (str(unknown.value), unclear):
        assert CHAMPION in run(with_champion, command(refusal))


@pytest.mark.slow
def test_e_a_model_that_no_run_trained_is_refused_until_it_is_trained(
    with_champion: Project,
) -> None:
    table = f"{PIPELINE}/model"
    trained = with_champion.entries(table)[CHAMPION]
    with_champion.lake.ledger.append([replace(trained, content_hash="0123")])

    refusal = scored(with_champion)

    assert "model has fingerprint 0123" in refusal
    assert f"'{TRAINING_GROUP} or {RELEASE_GROUP}' --partition {CHAMPION}" in refusal
    run_all(with_champion, refusal)
    assert with_champion.entries(table)[CHAMPION].content_hash == trained.content_hash
    assert scored(with_champion) == ""


@pytest.mark.slow
def test_e6_a_lost_registry_database_gets_its_numbers_back_in_any_order(
    retrained: Project,
) -> None:
    before = retrained.versions()
    file = retrained.data / "mlflow.db"
    file.unlink()
    refusal = scored(retrained)
    assert "the registry has no version with this fingerprint" in refusal
    assert command(refusal)[-1] == ASKED_FOR

    for as_of, number in [(ASKED_FOR, 2), (CHAMPION, 1)]:
        run_all(retrained, release_command(PIPELINE, as_of))
        [version] = [
            one
            for one in Workspace.of_environment().registry.versions(PIPELINE)
            if one.as_of == as_of
        ]
        assert version.version == number

    champion = Workspace.of_environment().registry.with_alias(PIPELINE, CHAMPION_ALIAS)
    assert champion is not None
    assert (champion.as_of, champion.version) == (ASKED_FOR, 2)
    assert retrained.versions() == before
    assert scored(retrained) == ""


@pytest.mark.slow
def test_e7_a_moved_data_folder_is_corrected_when_the_registry_is_opened(
    tmp_path: Path, champion_home: Path, definitions: dg.Definitions
) -> None:
    moved = tmp_path / "elsewhere" / "home"
    shutil.copytree(champion_home, moved)
    with opened(moved, definitions) as project:
        registry = Workspace.of_environment().registry
        [version] = registry.versions(PIPELINE)

        location = registry._client.get_model_version_download_uri(PIPELINE, "1")
        assert Path(location) == registry.folder(PIPELINE, 1)
        assert Path(location).is_relative_to(moved)
        assert list(registry.signature(PIPELINE, version.version))
        table = f"{PIPELINE}/integration_tests"
        project.lake.ledger.append([Entry(table, CHAMPION, Status.WRITING, run_id="killed")])
        assert project.materialize(RELEASE_GROUP, CHAMPION).succeeded
        assert project.lake.read(table, [CHAMPION])["passed"].all()


@pytest.fixture
def deleted(with_champion: Project) -> Project:
    """A project whose champion's version was deleted in the registry."""
    Workspace.of_environment().registry._client.delete_model_version(PIPELINE, "1")
    assert Workspace.of_environment().registry.versions(PIPELINE) == []
    return with_champion


def test_a6_a_deleted_version_is_registered_again_and_nothing_that_uses_it_is_stale(
    deleted: Project,
) -> None:
    before = deleted.versions()
    assert "the registry has no version" in scored(deleted)

    assert deleted.materialize(RELEASE_GROUP, CHAMPION).succeeded

    champion = Workspace.of_environment().registry.with_alias(PIPELINE, CHAMPION_ALIAS)
    assert champion is not None
    assert champion.version == 1
    assert deleted.versions() == before
    loop = assets("predictions", "labels", "performance", "feature_profile", "drift_report")
    assert deleted.materialize(loop, NEXT).succeeded
