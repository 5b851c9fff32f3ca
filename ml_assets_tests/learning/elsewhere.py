"""Models trained in other processes, each with its own number of threads and another seed of hashes."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import pandas as pd

from ml_assets.learning.specification import ModelSpecification
from ml_assets.learning.training import train

Train = Callable[[ModelSpecification, pd.DataFrame, str], str]
"""Specification, rows and number of threads of a training → fingerprint of its model."""

Process = subprocess.Popen[bytes]


@contextmanager
def trained_elsewhere() -> Iterator[Train]:
    """Training in other processes, one for each number of threads; they end with the context."""
    with ExitStack() as processes:

        @cache
        def with_threads(count: str) -> Process:
            return processes.enter_context(_process(count))

        def fingerprint(wanted: ModelSpecification, rows: pd.DataFrame, threads: str) -> str:
            return _asked(with_threads(threads), wanted, rows)

        yield fingerprint


@contextmanager
def _process(threads: str) -> Iterator[Process]:
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        env=os.environ | limits | {"PYTHONHASHSEED": "7"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        yield process


def _asked(process: Process, wanted: ModelSpecification, rows: pd.DataFrame) -> str:
    assert process.stdin
    assert process.stdout
    pickle.dump((wanted, rows), process.stdin)
    process.stdin.flush()
    return process.stdout.readline().decode().strip()


def answer() -> None:
    """Train what is asked for on the standard input until it is closed."""
    while sys.stdin.buffer.peek(1):
        print(train(*pickle.load(sys.stdin.buffer)).fingerprint, flush=True)


if __name__ == "__main__":
    answer()
