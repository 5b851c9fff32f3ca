"""The demo; ``.ci/run`` runs all of it."""

import pickle

from ml_assets.commands import demo


def test_the_loader_of_definitions_can_be_sent_to_the_processes_of_a_backtest() -> None:
    assert pickle.loads(pickle.dumps(demo._definitions)) is demo._definitions
