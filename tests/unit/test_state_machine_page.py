"""The page about a job's life shows the transitions that there are, and no others."""

import re
from pathlib import Path

from shared.states import ENDS, TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "state_machine.md"


def test_the_drawing_is_the_table() -> None:
    arrows = re.findall(r"^    (\S+) --> ([^\s:]+)", PAGE.read_text(), re.MULTILINE)
    between = {(source, target) for source, target in arrows if "[*]" not in (source, target)}
    assert between == {(source, target) for source, targets in TRANSITIONS.items() for target in targets}
    assert {source for source, target in arrows if target == "[*]"} == ENDS
