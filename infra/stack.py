"""What the stacks of a deployment have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Environment, Stack

if TYPE_CHECKING:
    from constructs import Construct

    from infra.configuration import Configuration


class DeploymentStack(Stack):
    """A stack by its part of a deployment's name, in its account and region; a kept one is not deleted by mistake."""

    def __init__(
        self, scope: Construct, configuration: Configuration, part: str, description: str, *, kept: bool = False
    ) -> None:
        super().__init__(
            scope,
            part.title(),
            stack_name=configuration.name(part),
            description=f"Mosaic: {description}",
            env=Environment(account=configuration.account, region=configuration.region),
            termination_protection=kept,
        )
