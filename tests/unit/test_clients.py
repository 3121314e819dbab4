"""The worker's clients: what they leave out of the calls that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.answering_aws import AnsweringAws, Said
from worker import clients

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest


def test_a_result_is_put_in_one_go_and_not_asked_for_first() -> None:
    s3, expected = clients.make(threads=1).s3, []

    def note(request: AWSPreparedRequest, **_: object) -> None:
        expected.append(request.headers.get("Expect"))

    AnsweringAws([s3], lambda _: Said(form="xml"))
    s3.meta.events.register_first("before-send", note)
    s3.put_object(Bucket="bucket", Key="jobs/1/result.json", Body=b"{}", ContentType="application/json")
    assert expected == [None]
