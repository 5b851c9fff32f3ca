"""The HTTP interface of the service: addresses, headers, and answers as JSON."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import FastAPI, Header, Path, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from ml_assets.errors import sentence
from ml_assets.names import shortened, suggestion
from ml_assets.serving.documents import (
    predict_document,
    responses,
    row_schema,
    security,
    with_api_keys,
)
from ml_assets.serving.ensembles.documents import answers_document, ensemble_record, with_examples
from ml_assets.serving.lane import Answered
from ml_assets.serving.problems import TITLES, Problem, unavailable
from ml_assets.serving.requests import Row, event_ids, moment, parsed, typed
from ml_assets.serving.served import ServedPipeline
from ml_assets.serving.service import Service
from ml_assets.serving.transfer import Bodies, bearer

Key = Annotated[str | None, Header(alias="Authorization", include_in_schema=False)]


def create_app(
    service: Service, bodies: Bodies, started: Callable[[], None] = lambda: None
) -> FastAPI:
    """The application; the service starts and closes with it.

    Args:
        service: the service.
        bodies: reads the bodies of requests.
        started: called when it answers.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.start)
        started()
        yield
        await asyncio.to_thread(service.close)

    app = _Application(
        title="ml_assets",
        description="Predictions on request by the champion of each pipeline.",
        version=version("ml-assets"),
        lifespan=lifespan,
        responses=responses(405, 500),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(Exception, _defect)
    for pipeline in service.pipelines.values():
        _add_pipeline(app, service, pipeline, bodies)
    _add_health(app, service)
    _add_unknown(app, service)
    app.openapi_schema = with_examples(app.openapi(), service.pipelines)
    return app


class _Application(FastAPI):
    """The application, whose OpenAPI document names the API keys."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return with_api_keys(super().openapi())


def _add_pipeline(app: FastAPI, service: Service, pipeline: ServedPipeline, bodies: Bodies) -> None:
    """The addresses of one pipeline."""
    path, secured = f"/v1/{pipeline.name}", security(is_required=service.requires_key)

    @app.post(
        f"{path}/predict",
        operation_id=f"predict_{pipeline.name}",
        summary=f"Predictions of {pipeline.name}.",
        tags=[pipeline.name],
        openapi_extra={**predict_document(pipeline, service.limits.max_rows), **secured},
        responses={
            **answers_document(pipeline),
            **responses(400, 401, 403, 408, 413, 422, 429, 503),
        },
    )
    async def predict(request: Request) -> Response:
        arrived, status, headers = time.monotonic(), 500, request.headers
        try:
            service.authorize(pipeline.name, bearer(headers.get("Authorization")))
            body = await bodies.read(request)
            at = request.query_params.get("at")
            now = moment(at, is_replay=service.is_replay, now=datetime.now(UTC))
            given, is_one = parsed(body, service.limits.max_rows)
            key = headers.get("Idempotency-Key")
            rows = typed(pipeline, given, event_ids(key, len(given)), now)
            answered = await _in_time(service, pipeline, rows, arrived, key is not None)
            status = 200
        except Problem as problem:
            status = problem.status
            raise
        finally:
            service.metrics.answered(pipeline.name, status, time.monotonic() - arrived)
        return _json(_answer(answered, is_one=is_one))

    @app.get(
        path,
        operation_id=f"describe_{pipeline.name}",
        summary=f"Champion, contract and freshness of {pipeline.name}.",
        tags=[pipeline.name],
        openapi_extra=secured,
        responses=responses(401, 403, 503),
    )
    def describe(authorization: Key = None) -> Response:
        service.authorize(pipeline.name, bearer(authorization))
        return _json(_description(service, pipeline))


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Whether the process runs.", tags=["service"])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/readyz",
        summary="Whether every pipeline has a model that answers.",
        tags=["service"],
        responses=responses(503),
    )
    def readyz() -> dict[str, str]:
        if problems := service.problems():
            raise unavailable("; ".join(problems), retry_after=5)
        return {"status": "ok"}

    @app.get(
        "/metrics",
        summary="Figures for Prometheus.",
        tags=["service"],
        response_class=Response,
        openapi_extra=security(is_required=service.requires_key),
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **responses(401, 503),
        },
    )
    def metrics(authorization: Key = None) -> Response:
        service.authorize(None, bearer(authorization))
        states = {name: service.champions.state(name) for name in service.pipelines}
        return Response(service.metrics.text(states), media_type=CONTENT_TYPE_LATEST)


def _add_unknown(app: FastAPI, service: Service) -> None:
    """Addresses of pipelines that are not served."""

    async def unknown(pipeline: Annotated[str, Path()]) -> Response:
        known = ", ".join(service.pipelines)
        raise Problem(
            404,
            f"There is no pipeline '{shortened(pipeline)}' here.{suggestion(pipeline, service.pipelines)} "
            f"Expected one of {known}.",
        )

    app.add_api_route("/v1/{pipeline}", unknown, include_in_schema=False)
    app.add_api_route("/v1/{pipeline}/predict", unknown, methods=["POST"], include_in_schema=False)


async def _in_time(
    service: Service,
    pipeline: ServedPipeline,
    rows: Sequence[Row],
    arrived: float,
    is_repeatable: bool,
) -> Answered:
    submitted = service.submit(pipeline, rows, arrived, is_repeatable=is_repeatable)
    future = asyncio.wrap_future(submitted)
    try:
        return await asyncio.wait_for(future, service.limits.seconds)
    except TimeoutError:
        raise unavailable(
            f"There was no answer within {service.limits.seconds:g} s. It may have been logged: send the "
            "request again with the same Idempotency-Key."
        ) from None


def _answer(answered: Answered, *, is_one: bool) -> Any:
    found = [
        {
            "event_id": entry.event_id,
            "prediction_id": entry.prediction_id,
            **entry.prediction,
            **ensemble_record(entry.ensemble),
            "model_as_of": entry.model_as_of,
            "model_version": entry.model_version,
            "at": entry.at.isoformat(),
            "ages_seconds": entry.ages,
            "stale": entry.stale,
            "missing": entry.missing,
            "logged": answered.is_logged,
        }
        for entry in answered.entries
    ]
    return found[0] if is_one else found


def _description(service: Service, pipeline: ServedPipeline) -> dict[str, Any]:
    state = service.champions.state(pipeline.name)
    served = state.served
    return {
        "pipeline": pipeline.name,
        "champion": served
        and {
            "as_of": served.champion.as_of,
            "fingerprint": served.champion.fingerprint,
            "metric": served.champion.metric,
            "value": served.champion.value,
            "served_by": served.model.scorer.served_by,
            "since": served.since,
        },
        "problem": state.problem,
        "request": row_schema(pipeline),
        "features": list(pipeline.features),
        "freshness": [
            {"table": table, "newest": newest, "ttl_seconds": ttl}
            for table, newest, ttl in service.freshness(pipeline)
        ],
    }


def _json(content: Any) -> Response:
    return Response(
        json.dumps(content, default=_plain, allow_nan=False), media_type="application/json"
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else list(value)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return error.response()


async def _http_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = error.status_code if error.status_code in TITLES else 400
    problem = Problem(
        status, f"{request.method} {shortened(request.url.path)}: {sentence(error.detail)}"
    ).response()
    problem.headers.update(error.headers or {})
    return problem


async def _defect(_: Request, error: Exception) -> JSONResponse:
    return Problem(
        500,
        f"{type(error).__name__}, which the log of the service describes. Nothing was answered.",
    ).response()
