"""Fixtures that every kind of test may use."""

from __future__ import annotations

import os

# No test may ever reach a real account; botocore reads these when a client is made.
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_EC2_METADATA_DISABLED="true",
)

pytest_plugins = ["tests.cloud", "tests.recorder"]
