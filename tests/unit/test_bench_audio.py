"""The files of audio that the bench makes."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from bench.audio import SPEECH, speech


@pytest.mark.parametrize("size", [100_000, 622_712, 2_750_000])  # less than the recording, just it, and more
def test_speech_is_as_long_as_is_asked(size: int) -> None:
    assert len(speech(size)) == size


def test_speech_that_is_longer_than_the_recording_says_it_again() -> None:
    recorded, _ = soundfile.read(SPEECH, dtype="int16")
    said, _ = soundfile.read(io.BytesIO(speech(2_750_000)), dtype="int16")
    assert np.array_equal(said[: len(recorded)], recorded)
    assert np.array_equal(said[len(recorded) : 2 * len(recorded)], recorded)
