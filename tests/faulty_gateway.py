"""A faulty way to AWS: an HTTP proxy on loopback before the embedded cloud, where a test says what goes wrong.

A worker is pointed at it by AWS_ENDPOINT_URL (`before` gives the resources to start it with), so what goes wrong does
so on real sockets, below everything that the worker is made of. `tests.aws_faults` has what can be injected.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TypeVar

import aiohttp
from aiohttp import web
from botocore.exceptions import ClientError

from sandbox.cloud import HOST
from tests.aws_faults import ANY, BROKEN, EXPIRED, JSON, Call, Cut, Fault, Injected, InPart, Late, Lost, Refused
from tests.cloud import Cloud, Resources

R = TypeVar("R")

_SERVICES = {"AmazonSQS": "sqs", "DynamoDB_20120810": "dynamodb", "Logs_20140328": "logs"}
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "host"})


@dataclass(frozen=True)
class Delivery:
    """A message that was handed out and was not deleted since. `swallowed`: the answer with it never arrived."""

    queue_url: str
    receipt: str
    body: str
    key_id: str
    swallowed: bool


class FaultyGateway:
    """Passes every call on to the cloud, but for what was injected. Its methods may be called from any thread."""

    def __init__(self, cloud: Cloud, seed: int = 0) -> None:
        self.calls: Counter[str] = Counter()  # by operation, whatever became of them
        self.struck: Counter[str] = Counter()  # by kind of fault
        self.deliveries: Counter[str] = Counter()  # by message body
        self.hidden: defaultdict[str, list[int]] = defaultdict(list)  # by message body: for how long, each time
        self.date_offset = 0.0  # seconds added to the Date of each answer
        self.expired_keys: set[str] = set()  # access keys whose calls are answered with ExpiredToken
        self._cloud = cloud
        self._chance = random.Random(seed)  # noqa: S311 - chance, not a secret
        self._injected: list[Injected] = []
        self._flying: dict[str, Delivery] = {}  # by receipt
        self._loop = asyncio.new_event_loop()
        self._port = 0

    @property
    def endpoint(self) -> str:
        """What AWS_ENDPOINT_URL must be."""
        return f"http://{HOST}:{self._port}"

    def before(self, resources: Resources) -> Resources:
        """The same resources, reached through here."""
        return replace(resources, cloud=replace(resources.cloud, endpoint=self.endpoint))

    def inject(
        self,
        fault: Fault,
        operation: str = ANY,
        times: float = 1,
        share: float = 1.0,
        where: Callable[[Call], bool] = lambda _: True,
    ) -> Injected:
        """Let the next `times` calls of that operation fail so, each with a probability of `share`."""
        injected = Injected(fault, operation, times, share, where)
        self._injected.append(injected)
        return injected

    def calm(self) -> None:
        """Nothing that was injected strikes any more."""
        self._injected.clear()

    def shut(self) -> None:
        """The endpoint is gone: connections end at once, answers on the way are lost, new ones are refused."""
        self._run(self._shut())

    def open(self) -> None:
        """The endpoint is there, at the same address as before."""
        self._run(self._open())

    def show_swallowed(self) -> int:
        """Messages whose answer never arrived are seen again, as after a minute that a test does not have."""
        return self._show(lambda delivery: delivery.swallowed)

    def show(self, key_id: str | None = None) -> int:
        """Messages in flight are seen again as if their time were over: all, or those of whoever signs with a key."""
        return self._show(lambda delivery: key_id in (None, delivery.key_id))

    def _show(self, wanted: Callable[[Delivery], bool]) -> int:
        chosen = [delivery for delivery in list(self._flying.values()) if wanted(delivery)]
        for delivery in chosen:
            self._flying.pop(delivery.receipt, None)
            with suppress(ClientError):  # received again meanwhile, or deleted
                self._cloud.clients.sqs.change_message_visibility(
                    QueueUrl=delivery.queue_url, ReceiptHandle=delivery.receipt, VisibilityTimeout=0
                )
        return len(chosen)

    def serve(self, ready: Future[None]) -> None:
        """Serve until stopped; the body of the gateway's own thread."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        ready.set_result(None)
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    def stop(self) -> None:
        """End the thread that serves."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, step: Coroutine[None, None, R]) -> R:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), auto_decompress=False, timeout=aiohttp.ClientTimeout(60)
        )
        self._server = web.Server(self._handle)
        await self._open()

    async def _open(self) -> None:
        self._listening = await self._loop.create_server(self._server, HOST, self._port, reuse_address=True)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        self._listening.close()
        for connection in self._server.connections:
            if connection.transport:
                connection.transport.abort()

    async def _end(self) -> None:
        await self._shut()
        await self._session.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if "Expect" in request.headers:
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            call = Call(_operation(request), _key_id(request), await request.read())
            return await self._handle_call(request, call)
        except ConnectionError:  # whoever called is gone: nobody hears this
            return web.Response(status=499)

    async def _handle_call(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        self.calls[call.operation] += 1
        if call.key_id in self.expired_keys:
            return EXPIRED.answer(call.service)
        try:
            return await self._answer_or_fault(request, call)
        except aiohttp.ClientError:  # the cloud is gone, or the gateway ends
            return BROKEN.answer(call.service)

    async def _answer_or_fault(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        injected = next((each for each in self._injected if each.strikes(call, self._chance)), None)
        if injected is None:
            return await self._answer(request, call)
        self.struck[type(injected.fault).__name__] += 1
        answer = await self._faulty(injected.fault, request, call)
        injected.happened.set()
        return answer

    async def _faulty(self, fault: Fault, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        match fault:
            case Refused():
                return fault.answer(call.service)
            case Late(seconds):
                await asyncio.sleep(seconds)
                return await self._answer(request, call)
            case Lost():
                return await self._lose(request, call)
            case Cut():
                return await self._cut(request, call)
            case InPart():
                return await self._answer_in_part(request, call)

    async def _answer(self, request: web.BaseRequest, call: Call) -> web.Response:
        answer = await self._made(request, call)
        gone = request.transport is None or request.transport.is_closing()
        self._note(call, answer, swallowed=gone)
        return answer

    async def _lose(self, request: web.BaseRequest, call: Call) -> web.Response:
        answer = await self._made(request, call)
        self._note(call, answer, swallowed=True)
        if request.transport:
            request.transport.close()
        return answer

    async def _cut(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        answer = await self._made(request, call)
        self._note(call, answer, swallowed=True)
        whole = answer.body if isinstance(answer.body, bytes) else b""
        beginning = web.StreamResponse(status=answer.status, headers=answer.headers)
        await beginning.prepare(request)
        await beginning.write(whole[: len(whole) // 2])
        if request.transport:
            request.transport.close()
        return beginning

    async def _answer_in_part(self, request: web.BaseRequest, call: Call) -> web.Response:
        told = json.loads(call.body)
        kept, failed = told["Entries"][1::2], told["Entries"][::2]
        answer = await self._answer(request, replace(call, body=json.dumps({**told, "Entries": kept}).encode()))
        done = json.loads(answer.body) if kept and isinstance(answer.body, bytes) else {}
        fault = {"SenderFault": False, "Code": "InternalError", "Message": "injected"}
        failures = [*done.get("Failed", []), *({"Id": entry["Id"], **fault} for entry in failed)]
        return web.json_response({**done, "Failed": failures}, content_type=JSON)

    async def _made(self, request: web.BaseRequest, call: Call) -> web.Response:
        """Make the call; what the cloud answers."""
        async with self._session.request(
            request.method,
            f"{self._cloud.endpoint}{request.raw_path}",
            data=call.body,
            headers=_end_to_end(request.headers.items(), "content-length"),
            allow_redirects=False,
        ) as made:
            answer = web.Response(status=made.status, body=await made.read(), headers=_end_to_end(made.headers.items()))
        answer.headers["Date"] = formatdate(time.time() + self.date_offset, usegmt=True)
        return answer

    def _note(self, call: Call, answer: web.Response, *, swallowed: bool) -> None:
        """Note which messages an answer hands out, and which a call deleted."""
        if answer.status != 200 or call.service != "sqs" or not isinstance(answer.body, bytes):
            return
        told = json.loads(call.body)
        match call.operation:
            case "sqs.ReceiveMessage":
                for message in json.loads(answer.body).get("Messages") or []:
                    body, receipt = message["Body"], message["ReceiptHandle"]
                    self.deliveries[body] += not swallowed
                    self._flying[receipt] = Delivery(told["QueueUrl"], receipt, body, call.key_id, swallowed)
            case "sqs.ChangeMessageVisibility" if told["ReceiptHandle"] in self._flying:
                self.hidden[self._flying[told["ReceiptHandle"]].body].append(told["VisibilityTimeout"])
            case "sqs.DeleteMessageBatch":
                for entry in told["Entries"]:  # deleted, or gone, or not to be deleted by this receipt
                    self._flying.pop(entry["ReceiptHandle"], None)


@contextmanager
def faulty_gateway(cloud: Cloud, seed: int = 0) -> Iterator[FaultyGateway]:
    """A gateway before that cloud, on a thread of its own."""
    gateway, ready = FaultyGateway(cloud, seed), Future[None]()
    thread = threading.Thread(target=gateway.serve, args=(ready,), name="faulty-gateway", daemon=True)
    thread.start()
    ready.result(10)
    try:
        yield gateway
    finally:
        gateway.stop()
        thread.join()


def _operation(request: web.BaseRequest) -> str:
    target = request.headers.get("X-Amz-Target")
    if target:
        service, _, operation = target.partition(".")
        return f"{_SERVICES[service]}.{operation}"
    _, _, key = request.path.strip("/").partition("/")
    return f"s3.{request.method.capitalize()}{'Object' if key else 'Bucket'}"


def _key_id(request: web.BaseRequest) -> str:
    """Of `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ...`: IAM User Guide, "Signing"."""
    return request.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]


def _end_to_end(headers: Iterable[tuple[str, str]], *but_not: str) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in (*_HOP_BY_HOP, *but_not)}
