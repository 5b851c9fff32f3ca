"""Whether days follow from the inputs they recorded is found out by computing them again."""

from dataclasses import replace
from pathlib import Path

import dagster as dg

from ml_assets.ledger.entries import Status
from ml_assets_tests.prepared import FEATURES, opened_copy
from ml_assets_tests.soak.home import histories
from ml_assets_tests.soak.runner import OUTCOMES, other_when_computed_again

DAY, WRONG = "2013-02-13", "2013-02-14"


def test_a_day_that_does_not_follow_from_its_inputs_is_found(
    tmp_path: Path, features_home: Path, definitions: dg.Definitions
) -> None:
    with opened_copy(features_home, tmp_path / "home", definitions) as project:
        nodes = [(FEATURES, DAY), (FEATURES, WRONG), (OUTCOMES, DAY)]
        ledger = project.lake.ledger
        rows = project.lake.read(FEATURES, [WRONG])
        written = project.lake.write(FEATURES, rows.assign(temp=rows["temp"] + 1), [WRONG])
        entry = replace(ledger.latest(FEATURES, [WRONG])[WRONG], status=Status.STORED)
        reads = ledger.reads(FEATURES, [WRONG])[WRONG]
        ledger.append([written.complete(replace(entry, reads=reads))])

        assert other_when_computed_again(project, nodes, histories(project)) == [(FEATURES, WRONG)]
