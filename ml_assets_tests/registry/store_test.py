"""The registry: one version per fingerprint, an alias, and the files beside a stored model."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from ml_assets.errors import RegistryMismatch, RegistryUnavailable, UnsafeModel
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.model_files.boosters import model_files
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import FittedModel
from ml_assets.registry import database
from ml_assets.registry.numbers import VersionNumbers
from ml_assets.registry.store import CHAMPION, DESCRIPTION_LENGTH, STAGING, Registry
from ml_assets.registry.versions import FINGERPRINT, RegisteredVersion
from ml_assets.settings import Settings
from ml_assets_tests.postgres import postgres_url
from ml_assets_tests.project import ROOT

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

NAME = "late_model"
TABLE = "late_model/model"
DAY = "2013-07-08"
SPECIFICATION = ModelSpecification(
    "classification", "sklearn.ensemble.HistGradientBoostingClassifier", "late", ["size", "price"]
)
ROWS = pd.DataFrame({"size": np.arange(200), "price": np.linspace(0, 1, 200)})


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """A small fitted model."""
    estimator = HistGradientBoostingClassifier(max_iter=5, early_stopping=False, random_state=0)
    return Pipeline([("estimator", estimator)]).fit(ROWS, ROWS["size"] % 7 > 3)


@pytest.fixture
def models(tmp_path: Path) -> ModelStore:
    """The model store."""
    return ModelStore(tmp_path / "models")


@pytest.fixture
def registry(tmp_path: Path, models: ModelStore, empty_database: Path) -> Registry:
    """An empty registry on SQLite."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", models)


def mlflow_version(registry: Registry, version: int) -> "ModelVersion":
    """A version as MLflow reads it."""
    return registry._client.get_model_version(NAME, str(version))


def fitted(pipeline: Pipeline, fingerprint: str) -> FittedModel:
    """A fitted pipeline under any fingerprint."""
    files, _ = model_files(pipeline)
    return FittedModel(pipeline, fingerprint, ROWS, len(ROWS), SPECIFICATION, files)


def register(registry: Registry, pipeline: Pipeline, fingerprint: str, as_of: str = DAY) -> int:
    """Store and register a model as the project does."""
    registry.models.save(TABLE, fitted(pipeline, fingerprint))
    return registry.register(
        NAME,
        pipeline,
        fingerprint=fingerprint,
        as_of=as_of,
        example=ROWS,
        predictions=pipeline.predict_proba(ROWS)[:, 1],
        tags={"run": "r1"},
    )


def test_a_fingerprint_is_registered_once(registry: Registry, pipeline: Pipeline) -> None:
    numbers = [register(registry, pipeline, fingerprint) for fingerprint in ("a", "b", "a")]

    assert numbers == [1, 2, 1]
    assert registry.versions(NAME) == [
        RegisteredVersion(1, "a", DAY),
        RegisteredVersion(2, "b", DAY),
    ]
    assert mlflow_version(registry, 1).tags["run"] == "r1"


# Numbers


@pytest.fixture
def numbered(tmp_path: Path, models: ModelStore, empty_database: Path) -> Callable[[], Registry]:
    """Opens a registry with version numbers; an empty one if its database is gone."""
    numbers = VersionNumbers(f"sqlite:///{tmp_path / 'ledger.db'}")

    def opened() -> Registry:
        file = tmp_path / "mlflow.db"
        if not file.exists():
            shutil.copy(empty_database, file)
        return Registry(f"sqlite:///{file}", models, numbers)

    return opened


@pytest.mark.parametrize("order", ["abc", "cba", "bca"])
def test_e6_numbers_survive_the_loss_of_the_database_whatever_is_registered_first(
    numbered: Callable[[], Registry], pipeline: Pipeline, tmp_path: Path, order: str
) -> None:
    assert [register(numbered(), pipeline, name) for name in "abc"] == [1, 2, 3]
    (tmp_path / "mlflow.db").unlink()

    registry = numbered()
    found = {name: register(registry, pipeline, name) for name in order}

    assert found == {"a": 1, "b": 2, "c": 3}
    assert registry.versions(NAME) == [
        RegisteredVersion(number, name, DAY) for name, number in sorted(found.items())
    ]
    assert mlflow_version(registry, 2).tags["run"] == "r1"
    assert registry.set_alias(NAME, CHAMPION, "b") == 2


def test_e6_a_new_model_never_gets_a_number_that_another_had(
    numbered: Callable[[], Registry], pipeline: Pipeline, tmp_path: Path
) -> None:
    for name in "ab":
        register(numbered(), pipeline, name)
    (tmp_path / "mlflow.db").unlink()

    assert register(numbered(), pipeline, "c") == 3
    numbered()._client.delete_model_version(NAME, "3")
    assert register(numbered(), pipeline, "d") == 4
    assert [version.version for version in numbered().versions(NAME)] == [4]


def test_e6_a_number_of_another_model_in_mlflow_is_not_reused(
    numbered: Callable[[], Registry], pipeline: Pipeline
) -> None:
    register(numbered(), pipeline, "a")
    numbered()._client.create_model_version(NAME, "elsewhere")

    assert register(numbered(), pipeline, "b") == 3


@pytest.mark.parametrize("is_numbered", [True, False])
def test_a6_a_deleted_version_is_registered_under_its_number(
    numbered: Callable[[], Registry], registry: Registry, pipeline: Pipeline, is_numbered: bool
) -> None:
    registry = numbered() if is_numbered else registry
    for name in "ab":
        register(registry, pipeline, name)
    registry._client.delete_model_version(NAME, "1")
    assert registry.lookup(NAME, "a") is None

    assert register(registry, pipeline, "a") == (1 if is_numbered else 3)

    assert registry.lookup(NAME, "a") == next(
        version for version in registry.versions(NAME) if version.fingerprint == "a"
    )


def test_e6_numbers_of_a_registry_from_before_they_were_kept_are_taken_over(
    numbered: Callable[[], Registry], registry: Registry, pipeline: Pipeline, tmp_path: Path
) -> None:
    for name in "ab":
        register(registry, pipeline, name)
    assert register(numbered(), pipeline, "b") == 2
    (tmp_path / "mlflow.db").unlink()

    assert register(numbered(), pipeline, "b") == 2


def test_e6_a_version_under_a_wrong_number_gets_its_own_with_its_aliases(
    numbered: Callable[[], Registry], registry: Registry, pipeline: Pipeline, tmp_path: Path
) -> None:
    for name in "ab":
        register(numbered(), pipeline, name)
    (tmp_path / "mlflow.db").unlink()
    numbered()
    assert register(registry, pipeline, "b") == 1, "as an older release of this project did"
    registry.set_alias(NAME, CHAMPION, "b")

    assert register(numbered(), pipeline, "b") == 2

    assert numbered().with_alias(NAME, CHAMPION) == RegisteredVersion(2, "b", DAY)
    assert register(numbered(), pipeline, "a") == 1


def test_e6_a_number_that_is_in_use_is_refused_until_it_is_deleted(
    numbered: Callable[[], Registry], pipeline: Pipeline, tmp_path: Path
) -> None:
    register(numbered(), pipeline, "a")
    (tmp_path / "mlflow.db").unlink()
    client = numbered()._client
    client.create_registered_model(NAME)
    client.create_model_version(NAME, "elsewhere")

    with pytest.raises(RegistryMismatch, match="delete that version there"):
        register(numbered(), pipeline, "a")
    client.delete_model_version(NAME, "1")
    assert register(numbered(), pipeline, "a") == 1


def test_a_lookup_creates_no_database_and_does_not_import_mlflow(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ml_assets.registry.store import ModelStore, Registry; "
        "found = Registry(sys.argv[1], ModelStore(Path('models'))).lookup('a', 'f'); "
        "print(found, 'mlflow' in sys.modules)"
    )
    url = f"sqlite:///{tmp_path / 'mlflow.db'}"
    done = subprocess.run(
        [sys.executable, "-c", code, url], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "None False\n"
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_was_never_registered_has_no_versions(registry: Registry) -> None:
    assert registry.versions(NAME) == []
    assert registry.with_alias(NAME, CHAMPION) is None
    with pytest.raises(RegistryMismatch, match="version"):
        registry.folder(NAME, 1)


def test_models_do_not_share_versions(registry: Registry, pipeline: Pipeline) -> None:
    register(registry, pipeline, "a")

    assert registry.versions("shop/other") == []
    assert registry.versions("shop") == []


def test_versions_are_in_the_order_of_their_numbers(registry: Registry, pipeline: Pipeline) -> None:
    register(registry, pipeline, "1")
    for number in range(2, 12):
        registry._client.create_model_version(NAME, "x", tags={FINGERPRINT: f"{number}"})

    assert [version.version for version in registry.versions(NAME)] == list(range(1, 12))


def test_the_alias_follows(registry: Registry, pipeline: Pipeline) -> None:
    register(registry, pipeline, "a", "2013-07-01")
    register(registry, pipeline, "b", DAY)
    assert registry.with_alias(NAME, CHAMPION) is None

    assert registry.set_alias(NAME, CHAMPION, "b") == 2
    assert registry.with_alias(NAME, CHAMPION) == RegisteredVersion(2, "b", DAY)
    assert registry.with_alias(NAME, STAGING) is None
    assert registry.set_alias(NAME, STAGING, "b") == 2
    assert registry.set_alias(NAME, CHAMPION, "a") == 1
    assert registry.with_alias(NAME, STAGING) == RegisteredVersion(2, "b", DAY)
    assert registry.with_alias(NAME, CHAMPION) == RegisteredVersion(1, "a", "2013-07-01")


def test_mlflow_reads_the_same_versions_and_aliases(registry: Registry, pipeline: Pipeline) -> None:
    for fingerprint in "ab":
        register(registry, pipeline, fingerprint)
    registry.set_alias(NAME, CHAMPION, "b")

    by_mlflow = registry._client.search_model_versions(f"name = '{NAME}'")

    assert {(int(each.version), each.tags[FINGERPRINT]) for each in by_mlflow} == {
        (each.version, each.fingerprint) for each in registry.versions(NAME)
    }
    champion = registry._client.get_model_version_by_alias(NAME, CHAMPION)
    assert registry.with_alias(NAME, CHAMPION) == RegisteredVersion(2, "b", DAY)
    assert champion.version == 2
    assert champion.source == str(registry.folder(NAME, 2))


def test_only_a_registered_model_becomes_champion(registry: Registry, pipeline: Pipeline) -> None:
    register(registry, pipeline, "a")

    with pytest.raises(RegistryMismatch, match="no version with fingerprint b"):
        registry.set_alias(NAME, CHAMPION, "b")
    with pytest.raises(RegistryMismatch, match="no version"):
        registry.set_alias("shop/other", CHAMPION, "a")

    assert registry.with_alias(NAME, CHAMPION) is None


def test_versions_that_others_made_are_not_ours(registry: Registry, pipeline: Pipeline) -> None:
    register(registry, pipeline, "a")
    registry._client.create_model_version(NAME, "elsewhere")
    registry._client.set_registered_model_alias(NAME, CHAMPION, "2")

    assert [version.fingerprint for version in registry.versions(NAME)] == ["a"]
    with pytest.raises(RegistryMismatch, match="has no fingerprint"):
        registry.with_alias(NAME, CHAMPION)


def test_files_name_their_types_and_packages_and_hold_no_pickle(
    registry: Registry, pipeline: Pipeline, models: ModelStore
) -> None:
    register(registry, pipeline, "a")
    folder = models.folder(TABLE, "a")

    assert sorted(file.name for file in models.root.rglob("*") if file.is_file()) == [
        "MLmodel", "conda.yaml", "model.json", "model.skops", "probe.parquet", "python_env.yaml",
        "requirements.txt",
    ]  # fmt: skip
    assert models.is_intact(TABLE, "a")
    assert "serialization_format: skops" in (folder / "MLmodel").read_text("utf-8")
    assert '"name": "price"' in (folder / "MLmodel").read_text("utf-8")
    size = sum(
        (folder / name).stat().st_size for name in ("model.json", "model.skops", "probe.parquet")
    )
    assert f"model_size_bytes: {size}\n" in (folder / "MLmodel").read_text("utf-8")
    requirements = (folder / "requirements.txt").read_text("utf-8")
    assert re.findall(r"^(\S+)==\S+$", requirements, re.MULTILINE)[-3:] == [
        "scikit-learn", "skops", "pandas",
    ]  # fmt: skip


def test_mlflow_shows_the_model_but_does_not_load_it(
    registry: Registry, pipeline: Pipeline
) -> None:
    import mlflow.sklearn
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    register(registry, pipeline, "a")
    source = mlflow_version(registry, 1).source

    assert Model.load(source).signature.inputs.input_names() == ["size", "price"]
    with pytest.raises(MlflowException, match="disallowed"):
        mlflow.sklearn.load_model(source)


def test_registering_prints_nothing(
    registry: Registry, pipeline: Pipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    register(registry, pipeline, "a")
    registry.set_alias(NAME, CHAMPION, "a")

    assert capfd.readouterr() == ("", "")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


@pytest.mark.parametrize("damage", [_cut, Path.unlink])
def test_a_model_that_is_not_stored_or_was_altered_is_not_registered(
    registry: Registry, pipeline: Pipeline, models: ModelStore, damage: Callable[[Path], None]
) -> None:
    model = models.save(TABLE, fitted(pipeline, "a"))
    damage(model / "model.skops")

    with pytest.raises(UnsafeModel, match=r"not in|altered"):
        registry.register(
            NAME,
            pipeline,
            fingerprint="a",
            as_of=DAY,
            example=ROWS,
            predictions=pipeline.predict(ROWS),
        )

    assert registry.versions(NAME) == []


@pytest.mark.parametrize("damage", [_cut, Path.unlink])
def test_lost_files_of_mlflow_are_written_by_registering_again(
    registry: Registry, pipeline: Pipeline, models: ModelStore, damage: Callable[[Path], None]
) -> None:
    register(registry, pipeline, "a")
    registry.set_alias(NAME, CHAMPION, "a")
    damage(models.folder(TABLE, "a") / "MLmodel")
    with pytest.raises(RegistryMismatch, match="register the model again"):
        registry.signature(NAME, 1)

    assert register(registry, pipeline, "a") == 1

    assert list(registry.signature(NAME, 1)) == ["size", "price"]
    assert registry.with_alias(NAME, CHAMPION) == RegisteredVersion(1, "a", DAY)


def test_signature_is_what_was_registered(registry: Registry, pipeline: Pipeline) -> None:
    version = register(registry, pipeline, "a")

    signature = registry.signature(NAME, version)

    assert list(signature.items()) == [("size", "long"), ("price", "double")]


@pytest.mark.parametrize(
    "content", [None, "", "signature: 3", "\0", "flavors: {}", "signature: {inputs: '[{}]'}"]
)
def test_unreadable_signature_is_one_line(
    registry: Registry, pipeline: Pipeline, models: ModelStore, content: str | None
) -> None:
    version = register(registry, pipeline, "a")
    file = models.folder(TABLE, "a") / "MLmodel"
    file.unlink() if content is None else file.write_text(content)

    with pytest.raises(RegistryMismatch, match="signature of model late_model version 1"):
        registry.signature(NAME, version)


def test_description_and_files_leave_the_model_as_it_is(
    registry: Registry, pipeline: Pipeline, models: ModelStore
) -> None:
    version = register(registry, pipeline, "a")
    files = {"model_card.md": "# Première", "model_card.html": "<h1>1</h1>"}
    folder = registry.folder(NAME, version)
    assert folder == models.folder(TABLE, "a")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    registry.describe(NAME, version, "# Première", files)
    registry.describe(NAME, version, "# Second", {"model_card.md": "# Second"})

    assert mlflow_version(registry, version).description == "# Second"
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert after == before | {"model_card.md": b"# Second", "model_card.html": b"<h1>1</h1>"}
    assert [file.name for file in folder.parent.iterdir()] == ["a"]
    assert registry.models.is_intact(TABLE, "a")


def test_description_is_as_long_as_the_database_allows(
    registry: Registry, pipeline: Pipeline
) -> None:
    version = register(registry, pipeline, "a")

    registry.describe(NAME, version, "é" * (DESCRIPTION_LENGTH + 1), {})

    description = mlflow_version(registry, version).description
    assert (len(description), description[-2:]) == (DESCRIPTION_LENGTH, "é…")


@pytest.mark.parametrize("file", ["model.skops", "MLmodel", "../other/model.skops", "/tmp/x", ".."])
def test_a_text_cannot_take_the_place_of_a_model_file(
    registry: Registry, pipeline: Pipeline, models: ModelStore, file: str
) -> None:
    version = register(registry, pipeline, "a")
    before = {found: found.stat().st_mtime_ns for found in models.root.rglob("*")}

    with pytest.raises(RegistryMismatch, match="Choose another name"):
        registry.describe(NAME, version, "", {"model_card.md": "", file: ""})

    assert {found: found.stat().st_mtime_ns for found in models.root.rglob("*")} == before


def test_only_a_registered_version_is_described(registry: Registry, models: ModelStore) -> None:
    with pytest.raises(RegistryMismatch, match="version"):
        registry.describe(NAME, 1, "text", {"model_card.md": "text"})
    with pytest.raises(RegistryMismatch, match="version"):
        registry.signature(NAME, 1)
    assert not models.root.exists()


def test_relative_addresses_stay_valid_in_another_folder(
    registry: Registry, pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry, pipeline, "a")
    monkeypatch.chdir(tmp_path)

    relative = Registry("sqlite:///mlflow.db", ModelStore(Path("models")))

    assert (relative.url, relative.models) == (registry.url, registry.models)


@pytest.mark.parametrize("is_copied", [True, False], ids=["copied", "moved"])
@pytest.mark.parametrize("folder", ["data", "data of 2013", "dätä"])
def test_e7_the_data_folder_can_be_moved(
    registry: Registry,
    pipeline: Pipeline,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    folder: str,
    is_copied: bool,
) -> None:
    for name in "ab":
        register(registry, pipeline, name)
    moved = tmp_path_factory.mktemp("moved") / folder
    shutil.copytree(tmp_path, moved)
    if not is_copied:
        shutil.rmtree(tmp_path / "models")

    elsewhere = Registry(f"sqlite:///{moved / 'mlflow.db'}", ModelStore(moved / "models"))

    assert elsewhere.relocate() == 2
    for number in (1, 2):
        version = mlflow_version(elsewhere, number)
        location = elsewhere._client.get_model_version_download_uri(NAME, str(number))
        assert version.source == location == str(elsewhere.folder(NAME, number))
        assert (Path(location) / "MLmodel").is_file()
    again = Registry(f"sqlite:///{moved / 'mlflow.db'}", ModelStore(moved / "models"))
    assert again.relocate() == 0


def test_e7_what_others_registered_and_what_is_nowhere_stays_as_it_is(
    registry: Registry, pipeline: Pipeline, tmp_path: Path, models: ModelStore
) -> None:
    register(registry, pipeline, "a")
    registry._client.create_model_version(NAME, "elsewhere")

    other = Registry(str(registry.url), ModelStore(tmp_path / "empty"))

    assert other.relocate() == 0
    assert [mlflow_version(other, number).source for number in (1, 2)] == [
        str(models.folder(TABLE, "a")),
        "elsewhere",
    ]


def test_unreachable_database_is_transient_and_its_password_is_not_shown(
    models: ModelStore,
) -> None:
    registry = Registry("postgresql+psycopg2://u:hunter2@127.0.0.1:1/d", models)

    with pytest.raises(RegistryUnavailable, match="is not reachable") as caught:
        registry.versions(NAME)
    assert "hunter2" not in str(caught.value)


def test_database_that_cannot_be_opened_is_transient(tmp_path: Path, models: ModelStore) -> None:
    (tmp_path / "mlflow.db").mkdir()

    with pytest.raises(RegistryUnavailable, match="is not reachable: unable to open"):
        Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", models).versions(NAME)


def test_damaged_database_is_terminal(tmp_path: Path, models: ModelStore) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database" * 100)

    with pytest.raises(RegistryMismatch, match="not a database"):
        Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", models).versions(NAME)


def test_tables_of_another_program_are_left_alone(tmp_path: Path, models: ModelStore) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'dagster.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE runs (id INTEGER)"))

    with pytest.raises(RegistryMismatch, match="not MLflow's"):
        Registry(str(engine.url), models).relocate()
    assert sa.inspect(engine).get_table_names() == ["runs"]


def test_interrupted_first_use_leaves_nothing_half_made(
    tmp_path: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(url: sa.URL) -> None:
        Path(str(url.database)).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "_connect", half)

    with pytest.raises(KeyboardInterrupt):
        Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", models).relocate()
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db.lock"]


TWO_PROCESSES = """
import os, sys

def no_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        sys.stderr.write(f"{event} {arguments}")

sys.addaudithook(no_network)

from pathlib import Path
from ml_assets.registry.database import prepare_mlflow
from ml_assets.learning.artifacts import ModelStore
from ml_assets.learning.model_files.boosters import model_files
from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import FittedModel
from ml_assets.registry.store import Registry
assert "mlflow" not in sys.modules, "importing the module is cheap"
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
prepare_mlflow()
import mlflow.sklearn
import mlflow.store.tracking.sqlalchemy_store

rows = pd.DataFrame({"x": [1, 2, 3]})
pipeline = Pipeline([("estimator", LinearRegression())]).fit(rows, rows["x"])
child = os.fork()
models = ModelStore(Path(sys.argv[2]))
linear = ModelSpecification("regression", "sklearn.linear_model.LinearRegression", "x", ["x"])
models.save("a/model", FittedModel(pipeline, "f", rows, 3, linear, model_files(pipeline)[0]))
number = Registry(sys.argv[1], models).register(
    "a", pipeline, fingerprint="f", as_of="", example=rows, predictions=pipeline.predict(rows)
)
if child:
    os.waitpid(child, 0)
print(number, flush=True)
"""


@pytest.mark.slow
def test_two_processes_create_the_database_and_register_the_same_model_at_once(
    tmp_path: Path, models: ModelStore
) -> None:
    url = f"sqlite:///{tmp_path / 'mlflow.db'}"
    telemetry_is_off_by = ("MLFLOW_", "PYTEST_", "CI", "GITHUB_", "DO_NOT_TRACK")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(telemetry_is_off_by)
    }

    result = subprocess.run(
        [sys.executable, "-c", TWO_PROCESSES, url, str(models.root)],
        cwd=tmp_path,
        env={
            **environment,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.stdout, result.stderr) == ("1\n1\n", "")
    assert Registry(url, models).versions("a") == [RegisteredVersion(1, "f", "")]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "mlflow.db", "mlflow.db.lock", "models",
    ]  # fmt: skip


@pytest.mark.slow
def test_postgres_next_to_dagsters_tables(
    pipeline: Pipeline, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ML_ASSETS_REGISTRY_URL", raising=False)
    with postgres_url() as server:
        url = Settings(postgres_url=server).registry_database_url
        engine = sa.create_engine(server.replace("postgresql", "postgresql+psycopg2"))
        with engine.begin() as connection:
            for table in ("runs", "alembic_version"):
                connection.execute(sa.text(f"CREATE TABLE {table} (id INTEGER)"))

        with ThreadPoolExecutor(2) as pool:
            numbers = pool.map(lambda _: register(Registry(url, models), pipeline, "a"), range(2))
            assert list(numbers) == [1, 1]
        registry = Registry(url, models)
        assert registry.set_alias(NAME, CHAMPION, "a") == 1
        assert registry.with_alias(NAME, CHAMPION) == RegisteredVersion(1, "a", DAY)
        registry.describe(NAME, 1, "é" * (DESCRIPTION_LENGTH + 1), {"model_card.md": "é"})
        assert list(registry.signature(NAME, 1)) == ["size", "price"]
        with pytest.raises(RegistryMismatch, match="not MLflow's"):
            Registry(str(engine.url), models).relocate()
        assert sorted(sa.inspect(engine).get_table_names()) == ["alembic_version", "runs"]
        engine.dispose()

    with pytest.raises(RegistryUnavailable, match="is not reachable"):
        registry.versions(NAME)
