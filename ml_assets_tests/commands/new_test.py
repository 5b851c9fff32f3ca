"""``ml-assets new`` refuses bad tables in one line and leaves nothing behind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ml_assets.commands import new
from ml_assets.commands.cli import app
from ml_assets.errors import MLAssetsError
from ml_assets.scaffolding.reading import MAX_ROWS
from ml_assets.settings import settings

DAYS = pd.date_range("2024-01-01", periods=120, freq="D")


def good() -> pd.DataFrame:
    """A table that a pipeline can be made from."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "day": DAYS.strftime("%Y-%m-%d"),
            "rides": random.normal(100, 10, len(DAYS)).round(1),
            "rain": random.exponential(2, len(DAYS)).round(1),
        }
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with a folder of source files."""
    (tmp_path / "data" / "source_files").mkdir(parents=True)
    monkeypatch.setattr(new, "ROOT", tmp_path)
    monkeypatch.setenv("ML_ASSETS_DATA", str(tmp_path / "data"))
    settings.cache_clear()
    return tmp_path


def file_of(project: Path, content: pd.DataFrame | str | bytes, name: str = "bikes.csv") -> str:
    """A file of the project with some content; returns its name."""
    file = project / "data" / "source_files" / name
    if isinstance(content, pd.DataFrame):
        content.to_csv(file, index=False)
    else:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def run(*arguments: str) -> str:
    """What ``ml-assets new`` prints."""
    result = CliRunner().invoke(app, ["new", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(project: Path, *arguments: str) -> str:
    """The line with which ``ml-assets new`` refuses; no file was written."""
    before = files(project)
    with pytest.raises(MLAssetsError) as error:
        run(*arguments)
    assert files(project) == before
    assert "\n" not in str(error.value)
    return str(error.value)


def files(project: Path) -> set[Path]:
    """Everything below the project."""
    return {path for path in project.rglob("*") if path.name != ".private"}


def changed(**columns: object) -> Callable[[], pd.DataFrame]:
    """The good table with other columns."""
    return lambda: good().assign(**columns)


MONTHS = [f"{n % 12 + 1:02}/{n % 12 + 1:02}/2024" for n in range(len(DAYS))]
TABLES: dict[str, tuple[Callable[[], pd.DataFrame | str | bytes], str]] = {
    "an empty file": (lambda: "", "it is empty"),
    "a header alone": (lambda: "day,rides\n", "has no rows"),
    "one column": (lambda: good()[["rides"]], "only the column 'rides'"),
    "no time": (lambda: good()[["rides", "rain"]], "No column is a time"),
    "two times": (changed(known=DAYS.strftime("%Y-%m-%d")), "day, known may be the time"),
    "mixed time formats": (
        changed(day=["01.02.2024", *DAYS[1:].strftime("%Y-%m-%d")]),
        "No column is a time",
    ),
    "day or month first": (changed(day=MONTHS), "may be read as %m/%d/%Y or %d/%m/%Y"),
    "one class": (changed(rides=1), "is 1 in every row"),
    "no target": (changed(rides=None), "has no value in any row"),
    "two rows": (lambda: good().head(2), "a first model needs"),
    "two columns of one name": (
        lambda: "day,rides,rides\n2024-01-01,1,2\n",
        "a column occurs twice",
    ),
    "bytes that are no UTF-8": (
        lambda: "day,rides,where\n2024-01-01,1,Köln\n".encode("latin1"),
        "'where' of 'bikes.csv' is not UTF-8",
    ),
    "a column with a blank": (lambda: good().rename(columns={"rain": "much rain"}), "'much rain'"),
    "several columns": (
        lambda: good().rename(columns={"rain": "Much rain"}).assign(ds=1),
        "such as 'much_rain'; 'ds' has a name that every pipeline uses itself. Change them in",
    ),
    "a column with a dot": (lambda: good().rename(columns={"rain": "rain.mm"}), "'rain.mm'"),
    "a word of Python": (lambda: good().rename(columns={"rain": "class"}), "'class'"),
    "a column of the project": (lambda: good().rename(columns={"rain": "ds"}), "'ds'"),
    "a column of predictions": (lambda: good().rename(columns={"rain": "is_late"}), "'is_late'"),
    "numbers and texts": (changed(rain=["?", *range(119)]), "numbers in 99% of its rows"),
    "the target copied": (lambda: good().assign(copy=good()["rides"].shift(-1)), "--exclude copy"),
}


@pytest.mark.parametrize(
    ("make", "message"), [pytest.param(*case, id=name) for name, case in TABLES.items()]
)
def test_a_bad_table_gets_one_line(
    project: Path, make: Callable[[], pd.DataFrame | str | bytes], message: str
) -> None:
    table = file_of(project, make())
    assert message in refused(project, "bikes", "--from", table, "--target", "rides")


def test_ten_million_rows_are_refused_without_reading_them(project: Path) -> None:
    table = file_of(project, b"day,rides\n" + b"2024-01-01,1\n" * 10_000_000)
    message = refused(project, "bikes", "--from", table, "--target", "rides")
    assert f"at most {MAX_ROWS:,}" in message


@pytest.mark.parametrize("name", ["my bikes", "bikes.daily", "Bikes", "class", "print", "1st", ""])
def test_a_bad_name_gets_one_line(project: Path, name: str) -> None:
    table = file_of(project, good())
    assert "cannot name a pipeline" in refused(project, name, "--from", table, "--target", "rides")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(("--target", "ride"), "Did you mean 'rides'?", id="target"),
        pytest.param(("--target", "rides", "--time", "when"), "no column 'when'", id="time"),
        pytest.param(("--target", "rides", "--cadence", "day"), "expected one of", id="cadence"),
        pytest.param(("--target", "rides", "--task", "classes"), "expected one of", id="task"),
        pytest.param(("--target", "rides", "--entity", "shop"), "no column 'shop'", id="entity"),
        pytest.param(("--target", "day"), "the time and the target", id="target is the time"),
    ],
)
def test_a_bad_option_gets_one_line(project: Path, options: tuple[str, ...], message: str) -> None:
    table = file_of(project, good())
    assert message in refused(project, "bikes", "--from", table, *options)


def test_a_missing_file_and_one_without_connection_get_one_line(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert "There is no file" in refused(project, "bikes", "--from", "b.csv", "--target", "rides")
    file_of(project, good(), "Bikes.csv")
    message = refused(project, "bikes", "--from", "bikes.csv", "--target", "rides")
    assert "Did you mean 'Bikes.csv'?" in message
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "bikes.csv"
    good().to_csv(elsewhere, index=False)
    message = refused(project, "bikes", "--from", str(elsewhere), "--target", "rides")
    assert f"ML_ASSETS_CONNECTIONS__MY_FILES={elsewhere.parent}" in message


def test_existing_files_are_never_overwritten(project: Path) -> None:
    table = file_of(project, good())
    run("bikes", "--from", table, "--target", "rides")
    before = {path: path.read_bytes() for path in files(project) if path.is_file()}
    message = refused(project, "bikes", "--from", table, "--target", "rain")
    assert "exists already and is never overwritten" in message
    assert {path: path.read_bytes() for path in files(project) if path.is_file()} == before


def test_tests_of_that_name_are_never_overwritten(project: Path) -> None:
    table = file_of(project, good())
    (project / "ml_assets_tests" / "defs" / "bikes").mkdir(parents=True)
    message = refused(project, "bikes", "--from", table, "--target", "rides")
    assert "ml_assets_tests/defs/bikes exists already" in message


def test_excluded_columns_are_not_in_the_contract(project: Path) -> None:
    table = file_of(project, good().rename(columns={"rain": "much rain"}))
    run("bikes", "--from", table, "--target", "rides", "--exclude", "much rain")
    text = (project / "ml_assets" / "defs" / "bikes" / "contracts.py").read_text("utf-8")
    assert "much rain" not in text


def test_features_name_the_few_texts_that_a_column_had_and_take_others(project: Path) -> None:
    sky = ["clear", "rain", "fog"] * 40
    table = file_of(project, good().assign(sky=sky, note=[f"note {n}" for n in range(120)]))
    run("bikes", "--from", table, "--target", "rides")
    text = (project / "ml_assets" / "defs" / "bikes" / "contracts.py").read_text("utf-8")
    assert 'seen=["clear", "fog", "rain"]' in text
    assert text.count("seen=") == 1
    assert "isin" not in text


def test_what_is_printed_fits_80_columns_and_names_the_decisions(project: Path) -> None:
    printed = run("bikes", "--from", file_of(project, good()), "--target", "rides")
    said = printed.partition("Next,")[0]
    assert max(map(len, said.splitlines())) <= 80
    assert "120 daily partitions" in said
    assert "task regression" in said


@pytest.mark.parametrize(
    ("times", "options"),
    [
        pytest.param(DAYS.date, (), id="dates"),
        pytest.param(DAYS.strftime("%Y%m%d").astype(int), ("--time", "day"), id="numbers"),
    ],
)
def test_days_of_a_parquet_file_may_be_dates_and_numbers(
    project: Path, times: object, options: tuple[str, ...]
) -> None:
    file = project / "data" / "source_files" / "bikes.parquet"
    good().assign(day=times).to_parquet(file)

    printed = run("bikes", "--from", file.name, "--target", "rides", *options)

    assert "120 daily partitions" in printed


def test_a_column_that_names_series_is_pointed_out(project: Path) -> None:
    shops = pd.concat([good().assign(shop="a"), good().assign(shop="b", rides=range(120))])
    table = file_of(project, shops)

    printed = run("bikes", "--from", table, "--target", "rides")

    assert "with --entity shop, earlier values" in " ".join(printed.split())


def test_columns_that_are_needed_are_not_proposed_to_be_left_out(project: Path) -> None:
    names = {"day": "the day", "rides": "all rides", "rain": "much rain"}
    table = file_of(project, good().rename(columns=names))

    message = refused(project, "bikes", "--from", table, "--target", "all rides")

    assert "or add --exclude 'much rain' and change only 'the day' and 'all rides'." in message


def test_what_is_decided_is_told_before_files_are_written_and_how_to_remove_them(
    project: Path,
) -> None:
    printed = run("bikes", "--from", file_of(project, good()), "--target", "rides")

    assert printed.index("task regression") < printed.index("Written")
    assert "rm -r ml_assets/defs/bikes ml_assets_tests/defs/bikes" in printed
