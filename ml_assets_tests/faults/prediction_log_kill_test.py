"""A process that logs predictions is killed with SIGKILL ten times: nothing acknowledged is lost."""

import os
from multiprocessing import get_context
from pathlib import Path

import pytest

from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets_tests.faults import log_writer
from ml_assets_tests.forks import in_fork
from ml_assets_tests.project import ROOT

pytestmark = pytest.mark.slow

ROUNDS, ACKNOWLEDGED, REPEATED = 10, 200, 40


def acknowledged(url: str, current: int, first: int) -> list[tuple[str, float]]:
    """Events that a process acknowledged before it was killed, with the round that is logged."""
    heard, telling = get_context("forkserver").Pipe(duplex=False)
    process = in_fork(ROOT, log_writer.main, telling, url, float(current), first)
    telling.close()
    with heard, os.fdopen(os.dup(heard.fileno())) as output:
        lines = [output.readline() for _ in range(ACKNOWLEDGED)]
        process.kill()
        lines += output.readlines()
    process.join()
    told = [line.split() for line in lines if line.endswith("\n")]
    return [(f"e{number}", float(logged)) for number, logged in told]


def test_every_acknowledged_prediction_is_logged_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    told: list[tuple[str, float]] = []
    for current in range(ROUNDS):
        first = max((int(event_id[1:]) for event_id, _ in told), default=REPEATED) - REPEATED
        told += acknowledged(url, current, first)

    entries = PredictionLog(url).read("meters", ["2013-05-01"])
    logged = {one.event_id: one.request["number"] for one in entries}

    assert len(logged) == len(entries)
    assert len(told) >= ROUNDS * ACKNOWLEDGED
    assert [one for one in told if logged.get(one[0]) != one[1]] == []
    assert {current for _, current in told} == {float(current) for current in range(ROUNDS)}
