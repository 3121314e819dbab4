"""Who is told when something is wrong, and from when on it is."""

from __future__ import annotations

from pydantic import Field

from infra.settings.part import Email, Part, Some


class AlarmSettings(Part):
    """The alarms. Waits in minutes."""

    emails: tuple[Email, ...] = ()
    interactive_wait: int = Field(15, ge=1, le=24 * 60, description="Of the oldest message: somebody waits for it.")
    bulk_wait: int = Field(24 * 60, ge=1, le=9 * 24 * 60, description="Of the oldest message of a batch.")


class Budget(Part):
    """What a month may cost before somebody is told. Whole US dollars."""

    monthly_usd: int = Field(ge=1)
    emails: Some[Email] = Field(max_length=10)  # AWS Budgets quota: subscribers of a notification
