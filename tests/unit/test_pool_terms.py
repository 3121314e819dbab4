"""A host's engine against the terms of its pool."""

from __future__ import annotations

import pytest

from shared.pools import Mode, Pool
from worker.engines.engine import UNKNOWN_VERSION, Description, EngineError, FailureClass
from worker.pool_terms import broken_terms, check_version

NARROW = Mode(name="nb", reference_rates_hz=(8000,), degraded_rates_hz=(8000,), same_rate=True, ceiling=4.5)
WIDE = Mode(name="swb", reference_rates_hz=(48000,), degraded_rates_hz=(48000,), same_rate=True, ceiling=4.75)
POOL = Pool(name="polqa-3", engine="polqa", version_family="3", modes=(NARROW, WIDE), default_mode="swb")


def engine(name: str = "polqa", version: str = "3.1", modes: tuple[Mode, ...] = (NARROW, WIDE)) -> Description:
    return Description(name, version, modes, modes[0].name)


@pytest.mark.parametrize("version", ["3", "3.1", "3.1.4-rc", "3 (2018)", "3-beta", UNKNOWN_VERSION])
def test_a_version_of_the_family_and_one_that_nobody_knows_are_no_reason_to_stop(version: str) -> None:
    assert broken_terms(POOL, engine(version=version)) == []
    check_version(POOL, version)


@pytest.mark.parametrize("version", ["2.4", "30", "3b", "", "2.3", "v3"])
def test_a_version_of_another_family_is_named_beside_what_is_wanted(version: str) -> None:
    [line] = broken_terms(POOL, engine(version=version))
    assert f"for version 3 of its engine, this is {version}." in line
    with pytest.raises(EngineError) as caught:
        check_version(POOL, version)
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.CONFIG, "wrong_version")


def test_a_pool_that_names_no_family_takes_any_version() -> None:
    assert broken_terms(POOL.model_copy(update={"version_family": ""}), engine(version="2.4")) == []


def test_everything_that_does_not_match_is_told_at_once() -> None:
    shorter = WIDE.model_copy(update={"max_seconds": 30.0, "reference_rates_hz": (16000, 48000)})
    lines = broken_terms(POOL, engine("visqol", "2.0", (shorter,)))
    assert [line.split(". Mend")[0] for line in lines] == [
        "The pool polqa-3 is for the engine polqa, this is visqol",
        "The pool polqa-3 is for version 3 of its engine, this is 2.0",
        "The pool polqa-3 has the mode nb, this engine only swb",
        "In mode swb the pool polqa-3 has reference_rates_hz 48000, this engine 16000, 48000",
        "In mode swb the pool polqa-3 has max_seconds 600, this engine 30",
    ]


def test_an_engine_may_have_modes_that_its_pool_does_not_offer() -> None:
    pool = POOL.model_copy(update={"modes": (WIDE,)})
    assert broken_terms(pool, engine()) == []


def test_rates_in_another_order_are_the_same_terms() -> None:
    both = WIDE.model_copy(update={"degraded_rates_hz": (8000, 48000)})
    turned = WIDE.model_copy(update={"degraded_rates_hz": (48000, 8000)})
    pool = Pool(name="p", engine="polqa", modes=(both,), default_mode="swb")
    assert broken_terms(pool, Description("polqa", "unknown", (turned,), "swb")) == []
