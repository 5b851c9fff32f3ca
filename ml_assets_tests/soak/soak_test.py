"""The short form of ``make soak``: a few days, each with a fault; run by CI, not by ``make test``."""

from pathlib import Path

import pytest

from ml_assets_tests.soak.runner import OUTCOMES, soak
from ml_assets_tests.soak.schedule import named

SHORT = ["C1", "D1", "kill"]
"""Late rows, a bad cell, and a killed run worker."""


@pytest.mark.soak
def test_days_with_faults_end_in_a_terminal_state_and_differences_are_explained(
    tmp_path: Path,
) -> None:
    result = soak(tmp_path, named(SHORT), len(SHORT))

    assert result.problems() == []
    assert (OUTCOMES, "2013-01-26") in result.equal, "no outcome of that day uses the bad cell"
    assert [day.fault for day in result.days] == SHORT
