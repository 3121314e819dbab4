"""The OpenAPI document is generated from the code."""

from __future__ import annotations

import json

from api.app import app


def test_the_document_can_be_made_and_knows_every_call() -> None:
    document = json.loads(app.get_openapi_json_schema())
    calls = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert calls == {
        ("get", "/v1/jobs"),
        ("post", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("delete", "/v1/jobs/{job_id}"),
        ("post", "/v1/jobs/{job_id}/start"),
        ("post", "/v1/jobs/{job_id}/uploads"),
        ("post", "/v1/batches"),
        ("get", "/v1/batches/{batch_id}"),
        ("post", "/v1/batches/{batch_id}/jobs"),
        ("post", "/v1/batches/{batch_id}/start"),
        ("get", "/v1/batches/{batch_id}/results"),
        ("get", "/v1/references"),
        ("post", "/v1/references"),
        ("get", "/v1/references/{sha256}"),
        ("delete", "/v1/references/{sha256}"),
        ("post", "/v1/score"),
        ("get", "/v1/service"),
    }


def test_every_reference_in_it_leads_somewhere() -> None:
    text = app.get_openapi_json_schema()
    known = json.loads(text)["components"]["schemas"]
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= set(known)
    assert {"NewJob", "CreatedJob", "JobDocument", "Uploads", "UploadPolicy"} <= named
