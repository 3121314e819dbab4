"""While the function comes up: what it imports is no garbage, so that nobody looks for any until `done`.

The collector would go through all of it ten times over, for 7 % of the start (`python -m bench.api_import`), and again
and again in the requests after it. Nor does Pydantic look for plugins in the metadata of every package: that is 1 %,
and there are none (Pydantic, "Plugins", `PYDANTIC_DISABLE_PLUGINS`). Import this module before all others.
"""

from __future__ import annotations

import gc
import os

gc.disable()
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"


def done() -> None:
    """Look for garbage from now on, and only in what is made from now on."""
    gc.freeze()
    gc.enable()
