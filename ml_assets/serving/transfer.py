"""What a request transfers besides its address: the body, within limits, and the API key."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from ml_assets.serving.problems import Problem
from ml_assets.settings import ServingLimits


async def body_in_time(request: Request, limits: ServingLimits) -> bytes:
    """The body of a request, if it arrives within the time of a request.

    Raises:
        Problem: it does not, or it is larger than allowed.
    """
    try:
        async with asyncio.timeout(limits.seconds):
            return await _body(request, limits.max_body_bytes)
    except TimeoutError:
        raise Problem(
            408,
            f"The body did not arrive within {limits.seconds:g} s, or is shorter than announced.",
        ) from None
    except ClientDisconnect:
        raise Problem(408, "The connection was closed before the body arrived.") from None


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
