"""How the API is reached, and how much of it each caller may have."""

from __future__ import annotations

from pydantic import Field, IPvAnyNetwork

from infra.settings.part import Part


class PlanSettings(Part):
    """A usage plan: best effort by API Gateway; the tenant's quota in the table is the limit."""

    requests_per_second: float = Field(gt=0, le=10_000)  # API Gateway's own limit of an account and region
    burst: int = Field(ge=1, le=5_000)
    requests_per_month: int = Field(ge=1)


class Plans(Part):
    """The usage plans that keys are put on (`infra.ops keys add --plan`)."""

    basic: PlanSettings = PlanSettings(requests_per_second=5, burst=20, requests_per_month=1_000_000)
    standard: PlanSettings = PlanSettings(requests_per_second=50, burst=200, requests_per_month=10_000_000)
    heavy: PlanSettings = PlanSettings(requests_per_second=500, burst=1_000, requests_per_month=200_000_000)


class Domain(Part):
    """A name of one's own, and whom it lets in: with a truststore, callers show a certificate (mutual TLS)."""

    name: str = Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", max_length=253)
    certificate_arn: str = Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$")
    truststore: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S+$",
        description="A PEM file of the authorities whose certificates callers may show.",
    )


class ApiSettings(Part):
    """The API."""

    plans: Plans = Plans()
    requests_per_5_minutes: int = Field(
        30_000, ge=10, le=2_000_000_000, description="From one address; the web ACL refuses what is above it."
    )
    callers: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Where they call from; nothing here lets everybody call."
    )
    concurrency: int | None = Field(
        None, ge=1, description="Reserved for the API's function, and its most. Without it, the account's own limit."
    )
    domain: Domain | None = None
