"""A process that logs predictions from eight threads and tells each one that it acknowledged.

A line is ``event number, round whose entry is logged``. Events are numbered from FIRST on.
"""

import itertools
import os
import threading
from multiprocessing.connection import Connection

from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.online.prediction_log.writer import LogWriter
from ml_assets_tests.online.prediction_log.entries import entry

THREADS = 8


def main(telling: Connection, url: str, current: float, first: int) -> None:
    """Log until the process is killed."""
    writer = LogWriter(PredictionLog(url), capacity=1_000)
    numbers = itertools.count(first)

    def client() -> None:
        for number in numbers:
            given = entry(f"e{number}", current)
            others = writer.submit([given]).result()
            logged = others.get(given.event_id, given)
            os.write(telling.fileno(), f"{number} {logged.request['number']}\n".encode())

    for _ in range(THREADS):
        threading.Thread(target=client).start()
