"""Names, owners and lineage of all assets: rules for all specs, and a snapshot."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.lineage.columns import downstream
from ml_assets.orchestration.assets.columns import LINEAGE_KEY
from ml_assets_tests.project import ROOT

DEFS = ROOT / "ml_assets" / "defs"
SNAPSHOT = Path(__file__).with_name("definitions_snapshot.json")
NOUN = re.compile(r"^[a-z]+(_[a-z]+)*$")
CHECKS = ("checks", "--partition", "2013-01-05")
ORIGINS = {"source_database", "source_files"}
"""First part of the keys of assets that stand for tables of source systems."""

VERBS = ("extract", "train_", "compute", "build_", "make_", "load_", "get_", "run_", "create_")


def snapshot(definitions: dg.Definitions) -> dict[str, dict[str, list[str]]]:
    """asset → its inputs and checks."""
    graph = definitions.resolve_asset_graph()
    return {
        key.to_user_string(): {
            "inputs": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "checks": sorted(check.name for check in graph.get(key).check_keys),
        }
        for key in sorted(graph.get_all_asset_keys())
    }


def test_lineage_is_the_one_that_was_agreed_on(definitions: dg.Definitions) -> None:
    expected = json.loads(SNAPSHOT.read_text("utf-8"))
    assert snapshot(definitions) == expected, (
        "Assets, checks or lineage changed. If that is meant, run "
        "'python -m ml_assets_tests.definitions_test' and commit the new snapshot."
    )


@pytest.fixture
def specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    """All specs of the project."""
    return list(definitions.resolve_all_asset_specs())


def test_keys_are_a_pipeline_and_a_noun(specs: list[dg.AssetSpec]) -> None:
    assert not [
        spec.key
        for spec in specs
        if len(spec.key.path) != 2
        or not all(NOUN.match(part) for part in spec.key.path)
        or spec.key.path[1].startswith(VERBS)
    ]


def test_every_asset_says_who_owns_it_what_it_is_and_what_it_is_made_with(
    specs: list[dg.AssetSpec],
) -> None:
    incomplete = {
        spec.key.to_user_string(): problems
        for spec in specs
        if (
            problems := [
                name
                for name, is_there in {
                    "owner": any(owner.startswith("team:") for owner in spec.owners),
                    "kinds": bool(spec.kinds),
                    "description": len(spec.description or "") > 30,
                    "group": spec.group_name.startswith(f"{spec.key.path[0]}__")
                    or spec.key.path[0] in ORIGINS,
                }.items()
                if not is_there
            ]
        )
    }
    assert incomplete == {}


def test_assets_with_as_of_days_say_why_most_days_are_empty(specs: list[dg.AssetSpec]) -> None:
    as_of = [spec for spec in specs if spec.metadata.get("ml_assets/as_of")]
    of_pipelines = Counter(spec.key.path[0] for spec in as_of)
    assert len(of_pipelines) > 1
    compared = {spec.key.path[0] for spec in as_of if spec.key.path[1] == "member_comparison"}
    assert {name: 13 + (name in compared) for name in of_pipelines} == of_pipelines
    assert all("Most days are empty, because" in (spec.description or "") for spec in as_of)


def test_every_executable_asset_has_a_code_version_a_pool_and_a_check(
    definitions: dg.Definitions,
) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.executable_asset_keys:
        node = graph.get(key)
        assert node.code_version, key
        assert node.pools, key
        assert node.check_keys, key


def test_every_column_declares_its_inputs_and_only_existing_ones(
    specs: list[dg.AssetSpec],
) -> None:
    lineage: dict[dg.AssetKey, dict[str, list[dg.TableColumnDep]]] = {
        spec.key: dict(spec.metadata[LINEAGE_KEY].deps_by_column)
        for spec in specs
        if spec.key.path[0] not in ORIGINS
    }
    shown = {
        spec.key: [column.name for column in spec.metadata["dagster/column_schema"].columns]
        for spec in specs
        if spec.key in lineage
    }
    assert {key: list(columns) for key, columns in lineage.items()} == shown
    assert not [
        f"{key.to_user_string()}.{column} ← {source}"
        for key, columns in lineage.items()
        for column, sources in columns.items()
        for source in sources
        if source.asset_key.path[0] not in ORIGINS
        and source.column_name not in lineage.get(source.asset_key, {})
    ]


def test_the_path_from_a_source_column_to_a_prediction_is_connected(
    specs: list[dg.AssetSpec],
) -> None:
    made_from = {
        ("/".join(spec.key.path), name): [
            ("/".join(source.asset_key.path), source.column_name) for source in sources
        ]
        for spec in specs
        if LINEAGE_KEY in spec.metadata
        for name, sources in spec.metadata[LINEAGE_KEY].deps_by_column.items()
    }
    found = downstream(made_from, [("source_database/flights", "dep_delay")])
    path = [
        ("sources/flights", "dep_delay"),
        ("flight_delays/flight_features", "origin_delay_3h"),
        ("flight_delays/training_dataset", "origin_delay_3h"),
        ("flight_delays/model", "prediction"),
        ("flight_delays/evaluation", "value"),
        ("flight_delays/release_decision", "challenger"),
        ("flight_delays/champion", "fingerprint"),
        ("flight_delays/predictions", "prediction"),
        ("flight_delays/performance", "value"),
        ("flight_delays/retraining_decision", "verdict"),
        ("flight_delays/model_card", "markdown"),
    ]
    assert [column for column in path if column not in found] == []
    assert ("flight_delays/flight_features", "temp") not in found


def test_templates_and_plain_packages_know_no_pipeline() -> None:
    general = [
        file
        for folder in (
            "components",
            "contracts",
            "lake",
            "learning",
            "ledger",
            "lineage",
            "monitoring",
            "orchestration",
            "planning",
            "provenance",
            "registry",
            "release",
            "reports",
            "sources",
        )
        for file in (ROOT / "ml_assets" / folder).rglob("*.py")
    ]
    assert len(general) > 40
    assert not [
        file.name
        for file in general
        if re.search(r"flight|airport|carrier", file.read_text("utf-8"), re.IGNORECASE)
    ]


def checks_of_project_with(home: Path, kept: Sequence[str], files: Mapping[str, str]) -> str:
    """What ``ml-assets checks`` prints in a copy of the project.

    Args:
        home: an empty folder.
        kept: folders of ``defs`` that the copy has.
        files: path below ``defs`` → text that is added to the file.
    """
    shutil.copytree(
        ROOT / "ml_assets",
        home / "ml_assets",
        ignore=lambda at, names: [
            name
            for name in names
            if Path(at) == DEFS and (DEFS / name).is_dir() and name not in kept
        ],
    )
    for copied in ("dg.toml", "dagster.yaml"):
        shutil.copy(ROOT / copied, home)
    for name, text in files.items():
        file = home / "ml_assets" / "defs" / name
        file.parent.mkdir(exist_ok=True)
        with file.open("a") as added:
            added.write(text)
    done = subprocess.run(
        [sys.executable, "-c", "from ml_assets.commands.cli import main; main()", *CHECKS],
        cwd=home,
        env={
            **os.environ,
            "DAGSTER_HOME": str(home),
            "ML_ASSETS_PIPELINES": "{}",
            "ML_ASSETS_DATA": str(home / "data"),
            "ML_ASSETS_COMPUTE_LOGS": str(home / "logs"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return " ".join(done.stdout.split())


@pytest.mark.slow
def test_folders_that_cannot_be_read_are_shown_as_broken_and_the_others_load(
    tmp_path: Path,
) -> None:
    output = checks_of_project_with(
        tmp_path,
        ["sources"],
        {
            "not_yaml/defs.yaml": "[",
            "unknown_template/defs.yaml": "type: ml_assets.components.Model\nattributes: {}\n",
        },
    )

    assert "not_yaml/broken_folder" in output
    assert "not_yaml/defs.yaml is not valid YAML: while parsing a flow node" in output
    assert "unknown_template/broken_folder" in output
    assert (
        "unknown_template/defs.yaml is not usable: 'type' is 'ml_assets.components.Model'" in output
    )
    assert "sources/airlines" in output


def test_a_folder_whose_python_fails_is_shown_as_broken_and_the_others_load(
    tmp_path: Path,
) -> None:
    output = checks_of_project_with(
        tmp_path,
        ["sources", "flight_delays"],
        {"flight_delays/__init__.py": "import no_such_library\n"},
    )

    assert "flight_delays/broken_ModelPipeline" in output
    assert "No module named 'no_such_library'" in output
    assert "sources/airlines" in output


def test_dg_accepts_every_document() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("dg"), "check", "yaml", "--target-path", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


if __name__ == "__main__":
    from ml_assets.definitions import project_definitions

    SNAPSHOT.write_text(json.dumps(snapshot(project_definitions()), indent=2) + "\n", "utf-8")
