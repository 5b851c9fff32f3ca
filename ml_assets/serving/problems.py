"""Errors of the service: what was wrong and what was expected, as ``application/problem+json``.

The format is that of RFC 9457.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"

TITLES = {
    400: "The request cannot be read",
    401: "No valid API key",
    403: "The API key is for other pipelines",
    404: "There is no such address",
    405: "The method is not allowed",
    408: "The request did not arrive in time",
    413: "The request is too large",
    422: "Rows break the contract",
    429: "Too many requests wait",
    500: "The service failed",
    503: "The service cannot answer now",
}
"""Status → title, for the statuses that the service answers with."""


class Problem(Exception):
    """A request that is not answered with predictions.

    Args:
        status: HTTP status, one of ``TITLES``.
        detail: what was wrong, what was expected, what to do.
        errors: what was wrong with single rows.
        retry_after: seconds after which the same request may succeed.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after

    def response(self) -> JSONResponse:
        """The response of the service."""
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": TITLES[self.status],
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            content["errors"] = list(self.errors)
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(content, self.status, headers, MEDIA_TYPE)


def unavailable(detail: str, retry_after: int = 1) -> Problem:
    """The problem of a request that may succeed later.

    Args:
        detail: as of ``Problem``.
        retry_after: seconds.
    """
    return Problem(503, detail, retry_after=retry_after)
