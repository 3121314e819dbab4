"""`GET /v1/service`: what there is to score with, how busy it is, and what limits everybody has."""

from __future__ import annotations

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from pydantic import Field

from api import audio_body, waiting
from api.answers import answer
from api.batch_documents import MOST_ITEMS
from api.documents import Answer, Timestamp, timestamp
from api.outcomes import Success, outcomes
from api.service import Service, service
from api.tenants import caller
from shared.hosts import Host, Hosts, HostState
from shared.job import MAX_UPLOAD_BYTES
from shared.limits import MOST_BATCH_ITEMS
from shared.pools import Lane, Mode, Pool

router = Router()


class HostDocument(Answer):
    """A host that was heard of within the last minute."""

    state: HostState
    version: str
    seats: int
    busy: int
    paused_until: Timestamp | None = Field(description="Null: it is not paused, or until somebody resumes it.")


class LaneDocument(Answer):
    """How a queue stands, as it was within the last seconds."""

    waiting: int = Field(description="Jobs, of all tenants.")
    expected_wait_seconds: float | None = Field(description="For a job that comes now. Null: no seat is ready.")


class PoolDocument(Answer):
    """An engine, the modes that it scores in, and the hosts that run it."""

    name: str
    engine: str
    versions: list[str] = Field(description="Of the engine, on the hosts that are alive.")
    modes: list[Mode]
    default_mode: str
    seats: int = Field(description="On hosts that are ready: so many jobs run at once.")
    hosts: list[HostDocument]
    lanes: dict[Lane, LaneDocument]


class LimitsDocument(Answer):
    """What nobody may exceed; a tenant's own quotas may be lower."""

    upload_bytes: int = MAX_UPLOAD_BYTES
    score_bytes: int = Field(audio_body.MOST_BYTES, description="Of the body of POST /v1/score.")
    batch_items: int = MOST_BATCH_ITEMS
    items_per_call: int = Field(MOST_ITEMS, description="Of POST /v1/batches/{id}/jobs.")


class ServiceDocument(Answer):
    """The service. The first pool has the default engine."""

    pools: list[PoolDocument]
    limits: LimitsDocument


@router.get("/v1/service", responses=outcomes(Success(HTTPStatus.OK, "The service.", ServiceDocument, ["service"])))
def get_service() -> Response[ServiceDocument]:
    """Engines and their modes, seats and hosts, queues and how long they take, and limits."""
    parts = service()
    caller(router.current_event.raw_event, parts.table)
    pools = [_pool(parts, pool) for pool in parts.settings.pools]
    return answer(HTTPStatus.OK, ServiceDocument(pools=pools, limits=LimitsDocument()))


def _pool(parts: Service, pool: Pool) -> PoolDocument:
    hosts = Hosts(parts.table).alive(pool.name)
    seats = sum(host.seats for host in hosts if host.state is HostState.READY)
    return PoolDocument(
        name=pool.name,
        engine=pool.engine,
        versions=sorted({host.version for host in hosts}),
        modes=list(pool.modes),
        default_mode=pool.default_mode,
        seats=seats,
        hosts=[_host(host) for host in hosts],
        lanes={lane: _lane(parts, pool, lane) for lane in Lane},
    )


def _host(host: Host) -> HostDocument:
    until = timestamp(host.paused_until) if host.paused_until is not None else None
    return HostDocument(state=host.state, version=host.version, seats=host.seats, busy=host.busy, paused_until=until)


def _lane(parts: Service, pool: Pool, lane: Lane) -> LaneDocument:
    load = waiting.lane_load(parts, pool.name, lane)
    seconds = load.wait_seconds
    return LaneDocument(waiting=load.waiting, expected_wait_seconds=None if seconds is None else round(seconds, 1))
