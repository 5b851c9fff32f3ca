"""Body and API key of a request: the body is read within limits."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from ml_assets.serving.problems import Problem, unavailable
from ml_assets.settings import ServingLimits

STOP_SECONDS = 1.0
"""Time that bodies have to arrive when the service is being stopped."""


class Bodies:
    """Reads bodies of requests.

    Args:
        limits: limits of requests.
    """

    def __init__(self, limits: ServingLimits) -> None:
        self._limits = limits
        self._is_stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arriving: set[asyncio.Timeout] = set()

    async def read(self, request: Request) -> bytes:
        """The body of a request, if it arrives within the time of a request.

        Raises:
            Problem: it does not, or it is larger than allowed.
        """
        self._loop = asyncio.get_running_loop()
        seconds = STOP_SECONDS if self._is_stopping else self._limits.seconds
        try:
            async with asyncio.timeout(seconds) as arriving:
                self._arriving.add(arriving)
                try:
                    return await _body(request, self._limits.max_body_bytes)
                finally:
                    self._arriving.discard(arriving)
        except TimeoutError:
            raise self._late() from None
        except ClientDisconnect:
            raise Problem(408, "The connection was closed before the body arrived.") from None

    def stop(self) -> None:
        """Wait for bodies no longer than ``STOP_SECONDS``; may be called by a signal handler."""
        self._is_stopping = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._hurry, self._loop.time() + STOP_SECONDS)

    def _hurry(self, deadline: float) -> None:
        for arriving in self._arriving:
            if not arriving.expired():
                arriving.reschedule(min(deadline, arriving.when() or deadline))

    def _late(self) -> Problem:
        if self._is_stopping:
            return unavailable("The service is being stopped, and the body had not arrived.")
        return Problem(
            408,
            f"The body did not arrive within {self._limits.seconds:g} s, or is shorter than announced.",
        )


async def _body(request: Request, limit: int) -> bytes:
    """The body of a request; a larger one is not read to its end.

    Raises:
        Problem: it is larger than allowed.
    """
    problem = Problem(413, f"The body has more than {limit:,} bytes.")
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit:
        raise problem
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise problem
    return b"".join(parts)


def bearer(authorization: str | None) -> str | None:
    """The key of an ``Authorization`` header; None without one."""
    if authorization is None:
        return None
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
