"""``Defaults`` that cannot be read: wherever documents of their file are, their own error is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_assets import components
from ml_assets.configuration import documents
from ml_assets.configuration.file_defaults import TEMPLATES
from ml_assets.configuration.models import pipeline, pipelines
from ml_assets.configuration.serving.online_tables import online_table
from ml_assets.configuration.watching.pipelines import watched_pipelines
from ml_assets.configuration.watching.tables import watched_tables
from ml_assets.errors import ConfigurationError
from ml_assets.lineage.status.loading import nothing_stored
from ml_assets_tests.project_files import documents_below

FILE = """
type: ml_assets.components.Defaults
attributes:
  owners: ["team:shop"]
  days: {first: "2024-01-01"}
---
type: ml_assets.components.SourceTable
attributes:
  key: shop/raw
  table: raw
  contract: ml_assets_tests.components.shop.Orders
  time_column: at
---
type: ml_assets.components.FeatureTable
attributes:
  key: shop/orders
  function: ml_assets_tests.components.shop.orders
  contract: ml_assets_tests.components.shop.Orders
  inputs: {raw: {asset: shop/raw}}
"""
MODEL = """
type: ml_assets.components.ModelPipeline
attributes:
  features: shop/orders
  labels: {asset: shop/orders, column: items}
  estimator: {task: regression, path: sklearn.linear_model.Ridge}
"""
TYPING_ERRORS = [
    pytest.param(
        "owners:",
        "fresh_withn: 6h\n  owners:",
        "'fresh_withn' is unknown, expected one of owners, days, fresh_within. Did you mean "
        "'fresh_within'? (line 4)",
        id="a key",
    ),
    pytest.param(
        "owners:",
        "fresh_within: 6 hours\n  owners:",
        "'fresh_within': '6 hours' is not a duration, expected for example '7d' or '36h' (line 4)",
        id="a duration",
    ),
    pytest.param(
        '["team:shop"]', "team:shop", "'owners' is 'team:shop': expected a list (line 4)", id="text"
    ),
    pytest.param("first:", "frist:", "'days.frist' is unknown", id="a key of days"),
    pytest.param(
        '{first: "2024-01-01"}',
        '{first: "2024-01-01", cadence: dayly}',
        "'days.cadence' is 'dayly', expected one of hourly, daily, weekly, monthly. Did you mean 'daily'?",
        id="a cadence",
    ),
    pytest.param(
        ' ["team:shop"]', "", "owners has no value: give one, or remove it", id="no value"
    ),
    pytest.param('"team:shop"', "shop", "'owners.0' is 'shop': ", id="an owner"),
    pytest.param(
        "attributes:\n  owners", "atributes:\n  owners", "none of owners", id="attributes"
    ),
    pytest.param(
        'attributes:\n  owners: ["team:shop"]\n  days: {first: "2024-01-01"}',
        'attributes: ["team:shop"]',
        "it is ['team:shop']: expected a mapping",
        id="no mapping",
    ),
]


@pytest.fixture
def defs(tmp_path: Path) -> Iterator[Path]:
    """Folder of the files of a project."""
    with documents_below(tmp_path) as folder:
        yield folder


def write(defs: Path, folder: str, text: str) -> None:
    """Write the ``defs.yaml`` of a folder."""
    (defs / folder).mkdir()
    (defs / folder / "defs.yaml").write_text(text, "utf-8")


@pytest.mark.parametrize(("right", "wrong", "message"), TYPING_ERRORS)
def test_their_error_is_that_of_every_document_of_the_file(
    defs: Path, right: str, wrong: str, message: str
) -> None:
    write(defs, "shop", f"{FILE}---{MODEL}".replace(right, wrong, 1))

    tables, broken = watched_tables()
    models, unusable = watched_pipelines()
    sources, unread = documents.source_tables()

    assert (tables, models, sources) == ([], [], {})
    assert (broken.keys(), unusable.keys()) == ({"shop/raw", "shop/orders"}, {"shop"})
    assert unread.keys() == {"shop/raw"}
    texts = {str(one) for one in [*broken.values(), *unusable.values(), *unread.values()]}
    [text] = texts
    assert text.startswith("Defaults in shop/defs.yaml is not usable: ")
    assert message in text


def test_a_pipeline_whose_name_follows_from_its_features_keeps_it(defs: Path) -> None:
    write(defs, "shop", f"{FILE}---{MODEL}".replace("owners:", "owner:", 1))

    assert pipelines() == ["shop"]
    with pytest.raises(ConfigurationError, match="Did you mean 'owners'"):
        pipeline("shop")


def test_it_is_told_of_a_model_whose_features_are_in_the_file(defs: Path) -> None:
    write(defs, "shop", FILE.replace("first:", "frist:"))
    write(defs, "sales", MODEL)

    with pytest.raises(ConfigurationError, match=r"Defaults in shop/defs.yaml .* 'days.frist'"):
        pipeline("shop")


def test_it_is_told_of_a_table_of_the_online_store(defs: Path) -> None:
    write(defs, "shop", FILE.replace("first:", "frist:"))

    with pytest.raises(ConfigurationError, match=r"Defaults in shop/defs.yaml"):
        online_table("shop/orders")


def test_an_error_of_a_table_itself_has_its_line(defs: Path) -> None:
    write(defs, "shop", FILE.replace("inputs:", "input:"))

    _, broken = watched_tables()

    text = str(broken["shop/orders"])
    assert text.startswith(
        "shop/orders in shop/defs.yaml is not usable: 'inputs' is missing; 'input'"
    )
    assert text.endswith("Did you mean 'inputs'? (line 19).")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        pytest.param(
            "components.Defaults",
            "components.Defualts",
            "'type' is 'ml_assets.components.Defualts' (line 2), expected one of Defaults, ",
            id="a template",
        ),
        pytest.param("  owners:", "    owners:", "is not valid YAML: ", id="indentation"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_place_of_its_pipelines(
    defs: Path, right: str, wrong: str, message: str
) -> None:
    write(defs, "shop", f"{FILE}---{MODEL}".replace(right, wrong, 1))

    models, unusable = watched_pipelines()

    assert (models, unusable.keys()) == ([], {"shop"})
    assert str(unusable["shop"]).startswith("shop/defs.yaml is")
    assert message in str(unusable["shop"])
    assert nothing_stored().unreadable == [str(unusable["shop"])]


def test_the_known_templates_are_those_of_the_project() -> None:
    assert {*TEMPLATES} == {*components.__all__}


def test_what_a_document_lacks_has_no_line_of_another_one(defs: Path) -> None:
    write(defs, "shop", FILE.replace("ml_assets.components.Defaults", "others.Others"))

    _, broken = watched_tables()

    assert (
        str(broken["shop/raw"]) == "shop/raw in shop/defs.yaml is not usable: 'owners' is missing."
    )
