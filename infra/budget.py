"""The budget: somebody is told before a month costs more than was meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk.aws_budgets import CfnBudget

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration
    from infra.settings.watch import Budget

# Spent, and expected to be spent by the month's end: in per cent of the limit.
NOTICES = (("ACTUAL", 80), ("FORECASTED", 100))


def monthly_budget(scope: Construct, configuration: Configuration, told: Budget) -> CfnBudget:
    """Of the whole account: to tell one deployment's costs, an account's owner must first switch on its tags."""
    people = [CfnBudget.SubscriberProperty(subscription_type="EMAIL", address=email) for email in told.emails]
    return CfnBudget(
        scope,
        "Budget",
        budget=CfnBudget.BudgetDataProperty(
            budget_name=configuration.name("budget"),
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=CfnBudget.SpendProperty(amount=told.monthly_usd, unit="USD"),
        ),
        notifications_with_subscribers=[
            CfnBudget.NotificationWithSubscribersProperty(
                notification=CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=people,
            )
            for kind, percent in NOTICES
        ],
    )
