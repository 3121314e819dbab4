"""Fixtures that every kind of test may use."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# No test may ever reach a real account; botocore reads these when a client is made.
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_EC2_METADATA_DISABLED="true",
)

# A shell that runs this in the background lets SIGINT be ignored, and children inherit that: Ctrl-C is tested too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A property says what is true, not how fast a busy machine finds it so.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

pytest_plugins = ["tests.cloud", "tests.fauxqs_process", "tests.recorder"]
