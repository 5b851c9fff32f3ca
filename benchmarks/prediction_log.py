"""What the durable prediction log takes: entries in a second, and from submission to commit.

python -m benchmarks.prediction_log [folder]

The disk's own fsync is measured beside it, in the same folder.
"""

import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ml_assets.online.prediction_log.entry import LoggedPrediction
from ml_assets.online.prediction_log.log import PredictionLog
from ml_assets.online.prediction_log.writer import LogWriter

BUDGET_CPU_MS = 0.15
SECONDS = 5.0
CLIENTS = (1, 8, 32)
NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)
FEATURES = {f"number_{place}": place / 7 for place in range(18)} | {
    f"category_{place}": f"value {place}" for place in range(6)
}
ENTRY = LoggedPrediction(
    event_id="",
    pipeline="flight_delays",
    day="2013-05-01",
    prediction_id="2013-05-01-0123456789abcdef",
    at=NOON,
    answered_at=NOON,
    request={"carrier": "UA", "flight": 1545, "origin": "EWR", "dest": "IAH", "departs": NOON},
    features=FEATURES,
    ages={"flight_delays/origin_state": 3600.0, "flight_delays/plane_state": None},
    missing=("number_3",),
    stale=(),
    prediction={"probability": 0.1234567890123, "prediction": False},
    model_version="0123456789abcdef0123456789abcdef",
    model_as_of="2013-04-30",
    latency_ms=1.25,
)


def main() -> int:
    """Measure, print the table, end with 1 when an entry of a batch takes more CPU than its budget."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=folder) as name:
        probe = fsync(Path(name) / "probe")
        print(f"fsync of 4 KiB here: p50 {probe[0]:.2f} ms, p99 {probe[1]:.2f} ms\n")
        print("| threads | entries/s | p50, ms | p99, ms | CPU of an entry, ms |")
        print("| --- | --- | --- | --- | --- |")
        for clients in CLIENTS:
            log = PredictionLog(f"sqlite:///{name}/log_{clients}.db")
            rate, p50, p99, cpu = _measured(log, clients)
            print(f"| {clients} | {rate:,.0f} | {p50:.2f} | {p99:.2f} | {cpu:.3f} |")
        log = PredictionLog(f"sqlite:///{name}/log_of_batches.db")
        cpu = _batches(log)
        print(
            f"\nA batch of 1,000 in one transaction: {cpu:.3f} ms CPU of an entry, budget {BUDGET_CPU_MS}"
        )
    return int(cpu > BUDGET_CPU_MS)


def _measured(log: PredictionLog, clients: int) -> tuple[float, float, float, float]:
    """Entries in a second, p50 and p99 in ms, and CPU of an entry in ms."""
    writer = LogWriter(log, capacity=10_000)
    taken: list[list[float]] = [[] for _ in range(clients)]
    stop = time.perf_counter() + SECONDS

    def client(number: int) -> None:
        while (start := time.perf_counter()) < stop:
            entry = replace(ENTRY, event_id=f"{number}-{len(taken[number])}")
            writer.submit([entry]).result()
            taken[number].append(time.perf_counter() - start)

    before = _cpu()
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = _cpu() - before
    writer.close()
    all_taken = [1000 * seconds for of_client in taken for seconds in of_client]
    count = len(all_taken)
    assert sum(log.counts(ENTRY.pipeline).values()) == count
    quantiles = statistics.quantiles(all_taken, n=100)
    return count / SECONDS, quantiles[49], quantiles[98], 1000 * cpu / count


def _batches(log: PredictionLog) -> float:
    entries = [replace(ENTRY, event_id=f"batch-{number}") for number in range(20_000)]
    log.append(entries[:1000])
    before = _cpu()
    with log.one_connection():
        for start in range(1000, len(entries), 1000):
            log.append(entries[start : start + 1000])
    return 1000 * (_cpu() - before) / (len(entries) - 1000)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def fsync(file: Path) -> tuple[float, float]:
    """p50 and p99 in ms of writing 4 KiB to a new file and waiting for the disk."""
    taken = []
    with file.open("wb", buffering=0) as probe:
        for _ in range(500):
            start = time.perf_counter()
            probe.write(b"x" * 4096)
            os.fsync(probe.fileno())
            taken.append(1000 * (time.perf_counter() - start))
    quantiles = statistics.quantiles(taken, n=100)
    return quantiles[49], quantiles[98]


if __name__ == "__main__":
    sys.exit(main())
