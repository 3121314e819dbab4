"""The problem document as a model, for OpenAPI: `api.problems` makes the documents themselves."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from api.documents import Timestamp
from shared.job import Role
from shared.limits import Quota

Absent = SkipJsonSchema[None]  # a member that is not there, and never null


class FieldErrorDocument(BaseModel):
    """What is wrong in one place of the request."""

    pointer: str = Field(
        description="Where: a JSON pointer (RFC 6901) into the body; or `/query/` or `/header/`, and the name."
    )
    detail: str


class ProblemDocument(BaseModel):
    """What is wrong and what to do (RFC 9457). Which members there are beside the first four goes by the `type`."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(pattern="^urn:mosaic:problem:[a-z_]+$")
    title: str = Field(description="The status in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="For people: what is wrong, and what to do.")
    errors: list[FieldErrorDocument] | Absent = Field(None, description="The first 20 wrong places of the request.")
    job: str | Absent = Field(None, description="The job that it is about.")
    batch: str | Absent = Field(None, description="The batch that it is about.")
    state: str | Absent = Field(None, description="The state that it is in.")
    pool: str | Absent = Field(None, description="What is not served any more.")
    missing: list[Role] | Absent = Field(None, description="Files that are not uploaded yet.")
    rule: str | Absent = Field(None, description="The rule that a file breaks, for machines.")
    file: Role | Absent = Field(None, description="The file that breaks it.")
    quota: Quota | Absent = Field(None, description="What is used up.")
    limit: int | Absent = Field(None, description="How much of it there is.")
    resets_at: Timestamp | Absent = Field(None, description="When it begins anew; absent where jobs must end first.")
    request_id: str | Absent = Field(None, description="What to tell the operator.")
