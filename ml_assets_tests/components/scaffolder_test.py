"""``dg scaffold defs`` writes a pipeline as ``ml-assets new`` does, and leaves nothing behind when refused.

dg's command is not started: it parses its options and calls ``scaffold_object``.
"""

from pathlib import Path

import click
import pytest
from dagster.components.component_scaffolding import scaffold_object

from ml_assets.components.scaffolder import NewPipeline
from ml_assets.settings import settings
from ml_assets_tests.commands.new_test import good
from ml_assets_tests.prepared import new_home

TYPE = "ml_assets.components.ModelPipeline"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with a table."""
    new_home(tmp_path)
    files = tmp_path / "data" / "source_files"
    files.mkdir(parents=True)
    good().to_csv(files / "bikes.csv", index=False)
    code = tmp_path / "ml_assets" / "defs"
    code.mkdir(parents=True)
    (code / "__init__.py").touch()
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    settings.cache_clear()
    return tmp_path


def scaffold(project: Path, name: str, target: str = "rides") -> None:
    """What dg does for ``dg scaffold defs TYPE NAME --from bikes.csv --target TARGET``."""
    options = NewPipeline.model_validate({"from": "bikes.csv", "target": target})
    place = project / "ml_assets" / "defs" / name
    scaffold_object(place, TYPE, options.model_dump_json(), "yaml", project)


def files_of(project: Path) -> set[str]:
    """Files and folders of the project's code and tests."""
    return {
        str(path.relative_to(project))
        for folder in ("ml_assets", "ml_assets_tests")
        for path in (project / folder).rglob("*")
    }


def test_a_pipeline_and_its_test_are_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scaffold(project, "bikes")

    assert {
        "ml_assets/defs/bikes/defs.yaml",
        "ml_assets/defs/bikes/features.py",
        "ml_assets_tests/defs/bikes/features_test.py",
    } <= files_of(project)
    assert "dg launch --assets 'key:\"bikes/rows\"'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        pytest.param("bikes", "ride", "There is no column 'ride'", id="unknown column"),
        pytest.param("team/bikes", "rides", "ModelPipeline bikes --from bikes.csv", id="nested"),
        pytest.param("Bikes", "rides", "cannot name a pipeline", id="name"),
    ],
)
def test_a_refused_pipeline_leaves_nothing_behind(
    project: Path, name: str, target: str, message: str
) -> None:
    before = files_of(project)

    with pytest.raises(click.ClickException, match=message):
        scaffold(project, name, target)

    assert files_of(project) == before


def test_files_of_a_pipeline_are_never_overwritten(project: Path) -> None:
    folder = project / "ml_assets" / "defs" / "bikes"
    folder.mkdir()
    (folder / "defs.yaml").write_text("type: mine", "utf-8")

    with pytest.raises(click.ClickException, match="exists already and is never overwritten"):
        scaffold(project, "bikes")

    assert (folder / "defs.yaml").read_text("utf-8") == "type: mine"
