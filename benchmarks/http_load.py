"""Load on an HTTP server: clients that each send the next request when the last is answered.

It runs as a process of its own, so that it shares no interpreter with what is measured. Requests are bytes made
before, and answers are read no further than their status and length: a request takes about 0.1 ms of CPU here.

python -m benchmarks.http_load < PLAN    PLAN: JSON, see ``Plan``. Prints a ``Load`` as JSON.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Plan:
    """What is sent.

    Attributes:
        port: port on this machine.
        clients: connections, each with one open request.
        seconds: for how long requests are sent.
        requests: whole HTTP requests, which are sent in turn.
    """

    port: int
    clients: int
    seconds: float
    requests: Sequence[str]


@dataclass(frozen=True)
class Load:
    """What came back.

    Attributes:
        rate: answers with status 200 in a second.
        p50: milliseconds from the request to the whole answer.
        p99: the same.
        answers: number of answers.
        errors: status, or what happened to a connection → number.
        cpu_ms: of this process for each answer.
    """

    rate: float
    p50: float
    p99: float
    answers: int
    errors: Mapping[str, int]
    cpu_ms: float


def measure(plan: Plan) -> Load:
    """Send requests from another process.

    Args:
        plan: what to send.
    """
    command = [sys.executable, "-m", "benchmarks.http_load"]
    text = json.dumps(asdict(plan))
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
    return Load(**json.loads(done.stdout))


class _Client(asyncio.Protocol):
    """One connection that is kept alive."""

    def __init__(self, requests: Iterator[bytes], until: float, answered: "_Answered") -> None:
        self._requests, self._until, self._answered = requests, until, answered
        self._received = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = LENGTH.search(self._received, 0, end)
        if length is None or len(self._received) < end + 4 + int(length[1]):
            return
        self._answered(self._received[9:12], time.perf_counter() - self._sent)
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._answered(type(exc).__name__.encode() if exc else b"closed", 0)
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        if self._sent >= self._until:
            self.done.set_result(None)
            self._transport.close()
        else:
            self._transport.write(next(self._requests))


_Answered = Callable[[bytes, float], None]


async def _load(plan: Plan) -> Load:
    loop = asyncio.get_running_loop()
    requests = cycle([each.encode() for each in plan.requests])
    until = time.perf_counter() + plan.seconds
    taken: list[float] = []
    errors: Counter[str] = Counter()

    def answered(status: bytes, seconds: float) -> None:
        if status == b"200":
            taken.append(1000 * seconds)
        else:
            errors[status.decode()] += 1

    cpu = time.process_time()
    clients = [
        (
            await loop.create_connection(
                lambda: _Client(requests, until, answered), "127.0.0.1", plan.port
            )
        )[1]
        for _ in range(plan.clients)
    ]
    await asyncio.gather(*(client.done for client in clients))
    cpu_ms = 1000 * (time.process_time() - cpu) / max(1, len(taken))
    quantiles = statistics.quantiles(taken, n=100)
    rate = len(taken) / plan.seconds
    return Load(rate, quantiles[49], quantiles[98], len(taken), errors, cpu_ms)


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_load(Plan(**json.load(sys.stdin)))))))
