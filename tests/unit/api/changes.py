"""Records of the table's stream, as Lambda hands them to the stream reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api import stream_reader
from api.stream_reader import Change, Record
from shared import items

if TYPE_CHECKING:
    from pydantic import JsonValue

Item = dict[str, "JsonValue"]


def changed(before: Item | None, after: Item | None, number: str = "1") -> Record:
    """One item was inserted, modified or removed."""
    known = before or after or {}
    change: Change = {
        "Keys": items.pack({"pk": known["pk"], "sk": known["sk"]}),
        "SequenceNumber": number,
    }
    if before:
        change["OldImage"] = items.pack(before)
    if after:
        change["NewImage"] = items.pack(after)
    name = "MODIFY" if before and after else "INSERT" if after else "REMOVE"
    return {"eventName": name, "dynamodb": change}


def tell(*records: Record) -> list[str]:
    """Hand records to the reader; the sequence numbers of those that it tells as failed."""
    answer = stream_reader.handler({"Records": records}, None)
    assert list(answer) == ["batchItemFailures"]
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
