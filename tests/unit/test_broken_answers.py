"""Answers that break off: whatever way they do, they are read again."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

import boto3
import pytest
from botocore.config import Config

from tests.unit.waits import quick

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from types_boto3_s3 import S3Client
    from urllib3 import HTTPResponse


def whole(answer: BaseHTTPRequestHandler) -> None:
    answer.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")


def cut_short(answer: BaseHTTPRequestHandler) -> None:
    answer.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwh")


def cut_in_a_chunk(answer: BaseHTTPRequestHandler) -> None:
    answer.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwh")


def reset(answer: BaseHTTPRequestHandler) -> None:
    cut_short(answer)
    answer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    answer.connection.close()


def silent(answer: BaseHTTPRequestHandler) -> None:
    cut_short(answer)
    answer.connection.recv(1)  # until the client has gone


def refusal_cut_short(answer: BaseHTTPRequestHandler) -> None:
    answer.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 500\r\n\r\n<Error><Code>NoSuch")


def silent_refusal(answer: BaseHTTPRequestHandler) -> None:
    refusal_cut_short(answer)
    answer.connection.recv(1)


def page_of_a_proxy(answer: BaseHTTPRequestHandler) -> None:
    """It says that it closes: else the next try may go to a connection whose end the client has not heard of yet."""
    head = b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 18\r\n\r\n"
    answer.wfile.write(head + b"<p>nicht verf\xfcgbar")


def nothing_at_all(_: BaseHTTPRequestHandler) -> None:
    """The connection ends."""


class BreakingServer(ThreadingHTTPServer):
    """Answers the first request in such a `way`, all others whole."""

    daemon_threads = True

    def __init__(self, way: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.ways = [way]
        super().__init__(("127.0.0.1", 0), BreakingAnswers)


class BreakingAnswers(BaseHTTPRequestHandler):
    """What a BreakingServer answers with."""

    def do_GET(self) -> None:
        assert isinstance(self.server, BreakingServer)
        way = self.server.ways.pop() if self.server.ways else whole
        way(self)

    def log_message(self, *_: object) -> None:
        """Nothing, for tests."""


@contextmanager
def serving(way: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    with BreakingServer(way) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def as_the_worker_reads(s3: S3Client) -> bytes:
    with cast("AbstractContextManager[HTTPResponse]", s3.get_object(Bucket="bucket", Key="key")["Body"]) as body:
        return b"".join(iter(partial(body.read1, 1024), b""))


@pytest.mark.parametrize(
    "way",
    [
        cut_short,
        cut_in_a_chunk,
        reset,
        silent,
        refusal_cut_short,
        silent_refusal,
        page_of_a_proxy,
        nothing_at_all,
    ],
)
def test_an_object_whose_answer_breaks_off_in_whatever_way_is_read_again(
    way: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    with serving(way) as endpoint:
        config = Config(read_timeout=0.5, retries={"total_max_attempts": 1})
        s3 = boto3.client("s3", endpoint_url=endpoint, config=config)
        patience, waits = quick()
        assert patience(lambda: as_the_worker_reads(s3)) == b"whole"
    assert len(waits.seconds) == 1
