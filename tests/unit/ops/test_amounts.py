"""Limits as they are written: every one of them is understood or refused with a reason, whatever is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ops.amounts import NewLimit, limit_of, shown
from shared.limits import Limits, Quota

QUOTAS = st.sampled_from([*Quota])


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("jobs_per_day=5000", 5000),
        ("in_flight=0", 0),
        ("bytes_per_day=50GB", 50_000_000_000),
        ("bytes_per_day=7kb", 7000),
        ("bytes_per_day=12", 12),
        ("batch_items=50", 50),
        ("jobs_per_day=default", None),
        ("jobs_per_day=100000", None),  # which is the default
    ],
)
def test_what_can_be_written(text: str, amount: int | None) -> None:
    assert NewLimit.parse(text) == NewLimit(Quota(text.partition("=")[0]), amount)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("jobs_per_hour=5", "there are jobs_per_day, bytes_per_day, in_flight, batch_items"),
        ("jobs_per_day", "Write jobs_per_day=5000"),
        ("jobs_per_day=-1", "a whole number, or 'default'"),
        ("jobs_per_day=5GB", "a whole number, or 'default'"),
        ("jobs_per_day=", "a whole number"),
        ("jobs_per_day=٣", "a whole number"),
        ("bytes_per_day=5 GB", "with kB, MB, GB or TB"),
        ("bytes_per_day=5.5GB", "with kB, MB, GB or TB"),
        ("batch_items=50001", "more than the service lets anybody have"),
        ("in_flight=" + "9" * 16, "a whole number"),
    ],
)
def test_what_cannot_be_written_is_told_with_what_can(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        NewLimit.parse(text)


@given(
    st.one_of(st.text(), st.builds("{}={}".format, QUOTAS, st.text(st.sampled_from("0123456789kKMGTBb-.e= default"))))
)
def test_whatever_is_written_is_an_amount_that_the_quotas_take_or_refused(text: str) -> None:
    try:
        limit = NewLimit.parse(text)
    except ValueError:
        return
    if limit.amount is not None:
        taken = Limits.model_validate({limit.quota: limit.amount})
        assert limit_of(taken, limit.quota) == limit.amount != limit_of(Limits(), limit.quota)


@given(QUOTAS, st.integers(0, 10**15))
def test_a_whole_number_is_itself(quota: Quota, number: int) -> None:
    if number <= 50_000 and number != limit_of(Limits(), quota):
        assert NewLimit.parse(f"{quota}={number}").amount == number


@given(st.integers(0, 10**15))
def test_bytes_are_shown_to_three_digits(number: int) -> None:
    amount, unit = shown(Quota.BYTES_PER_DAY, number).split()
    size = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert float(amount.replace(",", "")) * size == pytest.approx(number, rel=0.005)
    assert size <= number or unit == "B"
