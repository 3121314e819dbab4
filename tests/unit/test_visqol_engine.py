"""ViSQOL as the worker runs it: in a seat, on real speech where it is at hand and on generated signals elsewhere.

One seat serves every test, since compiling ViSQOL takes 10 s the first time; after that its kernels are cached.
"""

import getpass
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from shared.job import Role
from worker import engines
from worker.cancellation import Cancellation
from worker.engines.engine import EngineError, FailureClass, Score
from worker.engines.visqol import VisqolEngine
from worker.seat import Seat
from worker.spawner import Spawner

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "visqol"
KERNELS = Path(tempfile.gettempdir(), f"mosaic-visqol-kernels-{getpass.getuser()}")
RATE_HZ = 16000

ScorePair = Callable[[Path, Path], Score]
SaveWav = Callable[..., Path]
Samples = NDArray[np.float64]

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real speech is not at hand")


@pytest.fixture(scope="module")
def seat() -> Iterator[Seat]:
    spawner = Spawner()
    spawner.start()
    seat = Seat("visqol", 0, {"NUMBA_CACHE_DIR": str(KERNELS)}, spawner)
    seat.start()
    seat.wait_ready(100)
    yield seat
    seat.stop()
    spawner.stop()


@pytest.fixture
def score(seat: Seat, tmp_path: Path) -> ScorePair:
    def score_pair(reference: Path, degraded: Path) -> Score:
        with Cancellation() as never:
            return seat.score(reference, degraded, "wb", tmp_path, 60, never)

    return score_pair


def speech(seconds: float = 2, rate_hz: int = RATE_HZ) -> Samples:
    """Noise in four syllables a second, the same at each call."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(seed=1).standard_normal(times.size)
    samples: Samples = 0.1 * noise * np.sin(4 * np.pi * times) ** 2
    return samples


def with_noise(samples: Samples, level: float) -> Samples:
    noise = np.random.default_rng(seed=2).standard_normal(samples.size)
    return np.clip(samples + level * noise, -1, 1)


@pytest.fixture
def save(tmp_path: Path) -> SaveWav:
    def save_wav(name: str, samples: Samples, rate_hz: int = RATE_HZ) -> Path:
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, rate_hz, subtype="PCM_16")
        return path

    return save_wav


@needs_corpus
def test_real_speech_gets_the_scores_that_google_published(score: ScorePair) -> None:
    clean, transcoded = CORPUS / "CA01_01.wav", CORPUS / "transcoded_CA01_01.wav"
    assert score(clean, transcoded).mos_lqo == pytest.approx(3.312923, abs=0.01)
    assert score(clean, clean).mos_lqo == pytest.approx(4.505550, abs=0.01)


@needs_corpus
def test_details_tell_how_alike_the_speech_is_over_time_and_frequency(score: ScorePair) -> None:
    details: Any = score(CORPUS / "CA01_01.wav", CORPUS / "transcoded_CA01_01.wav").details
    assert len(details["patches"]) == 5
    bands = details["bands_hz"]
    assert bands == sorted(bands)
    assert bands[0] == pytest.approx(50)
    assert bands[-1] < 8000
    assert {len(details[series]) for series in ("fvnsim", "fvnsim10", "fstdnsim", "fvdegenergy")} == {len(bands)}
    assert np.mean(details["fvnsim"]) == pytest.approx(details["vnsim"])


def test_patches_come_in_the_order_of_the_reference_and_lie_within_it(score: ScorePair, save: SaveWav) -> None:
    reference = save("reference", speech())
    patches: Any = score(reference, reference).details["patches"]
    spans = [patch["reference_seconds"] for patch in patches]
    assert all(0 <= begin < end <= 2 for begin, end in spans)
    assert spans == sorted(spans)
    assert [patch["degraded_seconds"] for patch in patches] == spans
    assert [patch["similarity"] for patch in patches] == pytest.approx([1] * len(patches))


def test_noise_lowers_similarity_step_by_step_and_the_score_in_the_end(score: ScorePair, save: SaveWav) -> None:
    reference = save("reference", speech())
    scores = [score(reference, save("degraded", with_noise(speech(), level))) for level in (0, 0.001, 0.01, 0.05)]
    similarities: list[Any] = [each.details["vnsim"] for each in scores]
    assert all(more > less for more, less in pairwise(similarities))
    assert scores[0].mos_lqo > scores[-1].mos_lqo + 1


def test_speech_at_48_khz_is_scored_too(score: ScorePair, save: SaveWav) -> None:
    reference = save("reference", speech(rate_hz=48000), 48000)
    assert score(reference, reference).details["vnsim"] == pytest.approx(1)


def test_the_shortest_speech_that_it_says_it_takes_is_scored(score: ScorePair, save: SaveWav) -> None:
    shortest = engines.load("visqol").describe().mode("wb").min_seconds
    reference = save("reference", speech(shortest))
    assert math.isfinite(score(reference, reference).mos_lqo)


def silence(samples: Samples) -> Samples:
    return np.zeros_like(samples)


def stereo(samples: Samples) -> Samples:
    return np.column_stack([samples, samples])


@pytest.mark.parametrize(
    ("reference", "degraded", "rates_hz", "code", "words", "file"),
    [
        (stereo(speech()), speech(), (16000, 16000), "stereo", "prepare.reference.channel", Role.REFERENCE),
        (speech(), stereo(speech()), (16000, 16000), "stereo", "prepare.degraded.channel", Role.DEGRADED),
        (speech(), speech(), (8000, 8000), "sample_rate", r"prepare.reference.resample: 16000", Role.REFERENCE),
        (speech(), speech(), (16000, 8000), "sample_rate", r"prepare.degraded.resample: 16000", Role.DEGRADED),
        (speech(), speech(4), (16000, 48000), "rate_mismatch", "prepare.degraded.resample: 16000", Role.DEGRADED),
        (speech(0.6), speech(0.6), (16000, 16000), "too_short", "0.64", Role.REFERENCE),
        (silence(speech()), speech(), (16000, 16000), "silent_reference", "digital silence", Role.REFERENCE),
        (speech(), silence(speech()), (16000, 16000), "silent_degraded", "digital silence", Role.DEGRADED),
    ],
    ids=[
        "stereo reference",
        "stereo degraded",
        "8 kHz",
        "8 kHz degraded",
        "two rates",
        "too short",
        "silent reference",
        "silent degraded",
    ],
)
def test_what_visqol_would_quietly_score_wrongly_is_refused_as_bad_input(
    score: ScorePair,
    save: SaveWav,
    reference: Samples,
    degraded: Samples,
    rates_hz: tuple[int, int],
    code: str,
    words: str,
    file: Role,
) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        score(save("reference", reference, rates_hz[0]), save("degraded", degraded, rates_hz[1]))
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.BAD_INPUT, code)
    assert caught.value.file is file


def test_files_that_visqol_cannot_compare_are_refused_in_words_of_ours(
    monkeypatch: pytest.MonkeyPatch, save: SaveWav, tmp_path: Path
) -> None:
    library = Mock()
    library.measure_from_arrays.side_effect = ValueError("too short, different, or misaligned: /srv/visqol/model")
    monkeypatch.setattr(VisqolEngine, "_api", library)
    with pytest.raises(EngineError, match="Check that both hold the same speech") as caught:
        VisqolEngine().score(save("reference", speech()), save("degraded", speech()), "wb", tmp_path)
    assert (caught.value.failure_class, caught.value.code) == (FailureClass.BAD_INPUT, "not_comparable")
    assert "/" not in caught.value.message


def test_it_keeps_its_compiled_kernels_where_it_is_told(seat: Seat) -> None:
    assert seat.is_alive()
    assert list(KERNELS.rglob("*.nbc"))


def test_a_damaged_kernel_is_compiled_anew(seat: Seat, tmp_path: Path) -> None:
    damaged = tmp_path / "kernels"
    shutil.copytree(KERNELS, damaged)
    indices = list(damaged.rglob("*_dp_backtrace-*.nbi"))  # one for each installation that was ever tested here
    for index in indices:
        index.write_bytes(b"")
    spawner = Spawner()
    spawner.start()
    other = Seat("visqol", 1, {"NUMBA_CACHE_DIR": str(damaged)}, spawner)
    other.start()
    try:
        other.wait_ready(100)
    finally:
        other.stop()
        spawner.stop()
    assert any(index.exists() and index.stat().st_size for index in indices)


def test_it_is_described_without_loading_any_of_it() -> None:
    program = (
        "import sys; from worker.engines import load; description = load('visqol').describe(); "
        "print(description.name, description.version, sorted({'numba', 'numpy', 'visqol'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told == "visqol 3.8.0 []\n"
