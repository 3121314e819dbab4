"""ViSQOL v3 in speech mode, by visqol-python: the engine where there is no licence. Its score is never POLQA's.

It is loaded in the self-test, not on import, so that it can be described where no engine runs. Its kernels are compiled
by numba on first use, which takes 10 s; numba keeps them in `NUMBA_CACHE_DIR`, to be set before the process starts and
to be a directory that survives it. Two threads of one process must not score at once: numba aborts the process.
"""

import logging
import os
import tempfile
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from pydantic import JsonValue

from shared import logs
from shared.audio_rules import BadAudio, check_pair, inspect
from shared.job import Role
from shared.pools import Mode
from shared.wav import WavHeader
from worker.engines.engine import Description, EngineError, FailureClass, Score
from worker.hardening import unit_lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from visqol import SimilarityResult, VisqolApi

_WIDEBAND = Mode(
    name="wb",  # the gammatone filters end at 8 kHz, whatever the files hold
    reference_rates_hz=(16000, 48000),
    degraded_rates_hz=(16000, 48000),
    same_rate=True,
    # The top of the ACR scale. The lattice model bounds itself less: identical files reach 3.6 to 4.7 by their spectrum
    # (the conformance pair of google/visqol 4.505550), and no input to the model was found to give more than 4.92.
    ceiling=5.0,
    # 29 frames of 80 ms, 20 ms apart: with fewer, ViSQOL finds no patch to compare and fails (visqol/patch_creator.py).
    min_seconds=0.64,
    max_seconds=600,
)
_SETTINGS: dict[str, JsonValue] = {"speech_mode": True, "mapping": "lattice"}
_UNIT = unit_lines(["executable_memory"])  # numba's

log = logs.get(__name__)


class VisqolEngine:
    """visqol-python's speech mode with the lattice mapping, which is that of the original by default."""

    def describe(self) -> Description:
        """ViSQOL at the version that is installed; raises EngineError (`config`) where none is."""
        return Description("visqol", _version(), (_WIDEBAND,), _WIDEBAND.name, _SETTINGS, unit=_UNIT)

    def self_test(self) -> None:
        """Score two seconds of noise shaped like speech, clean and spoilt: loads and compiles all that a score needs.

        Raises EngineError (`config`) where it cannot be loaded, or where spoiling the noise does not lower its score.
        """
        try:
            self._score_test_signals()
        except (EOFError, UnpicklingError):  # a cache cut short, as by a power cut: numba does not mend it
            _forget_kernels()
            self._score_test_signals()

    def score(self, reference: Path, degraded: Path, mode: str, scratch: Path) -> Score:
        """Score 16-bit mono WAV files of one rate. Details: patches and bands, as ViSQOL compared them.

        Raises EngineError (`bad_input`) where a file breaks a rule of the mode, or where they cannot be compared.
        """
        rate_hz = _common_rate(reference, degraded, self.describe().mode(mode))
        api = self._api
        clean, spoilt = _samples(reference, Role.REFERENCE), _samples(degraded, Role.DEGRADED)
        try:
            result = api.measure_from_arrays(clean, spoilt, rate_hz)
        except ValueError as error:
            log.warning("not_comparable", why=str(error), directory=str(scratch))
            message = "ViSQOL finds no part of one that it could compare with the other. "
            message += "Check that both hold the same speech, and begin and end with it."
            raise EngineError(FailureClass.BAD_INPUT, "not_comparable", message) from error
        return Score(float(result.moslqo), _details(result))

    def _score_test_signals(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            clean, spoilt = Path(directory, "clean.wav"), Path(directory, "spoilt.wav")
            _write_test_signal(clean, noise_level=0)
            _write_test_signal(spoilt, noise_level=0.05)
            best = self.score(clean, clean, _WIDEBAND.name, Path(directory))
            lower = self.score(clean, spoilt, _WIDEBAND.name, Path(directory))
        if not lower.mos_lqo < best.mos_lqo:
            message = f"ViSQOL gave {lower.mos_lqo} to spoilt and {best.mos_lqo} to clean speech. Install it again."
            raise EngineError(FailureClass.CONFIG, "self_test_failed", message)

    @cached_property
    def _api(self) -> "VisqolApi":
        """The library with its model loaded, for every score of this process."""
        try:
            import numba
            from visqol import VisqolApi

            logging.getLogger("visqol").setLevel(logging.ERROR)  # it warns at each file of 48 kHz
            numba.set_num_threads(1)  # a seat is a core; its neighbours have their own
            api = VisqolApi()
            api.create(mode="speech", use_lattice_model=True)  # left out, it depends on what is installed: 1 to 2 MOS
        except ImportError as error:
            message = f"ViSQOL cannot be loaded: {error}. Install the locked requirements of the worker."
            raise EngineError(FailureClass.CONFIG, "engine_not_installed", message) from error
        return api


@cache
def _version() -> str:
    try:
        return metadata.version("visqol-python")
    except metadata.PackageNotFoundError:
        message = "ViSQOL is not installed. Install the locked requirements of the worker."
        raise EngineError(FailureClass.CONFIG, "engine_not_installed", message) from None


def _common_rate(reference: Path, degraded: Path, mode: Mode) -> int:
    """The rate of both files in Hz. ViSQOL itself mixes stereo down and takes any rate, quietly, and scores it wrongly.

    Raises EngineError (`bad_input`) where a file breaks a rule of the mode.
    """
    try:
        header = _header(reference, mode, Role.REFERENCE)
        check_pair(header, _header(degraded, mode, Role.DEGRADED), mode)
    except BadAudio as error:
        raise EngineError(FailureClass.BAD_INPUT, error.code, error.message, error.role) from error
    return header.sample_rate_hz


def _header(path: Path, mode: Mode, role: Role) -> WavHeader:
    def read(offset: int, count: int) -> bytes:
        file.seek(offset)
        return file.read(count)

    with path.open("rb") as file:
        return inspect(read, path.stat().st_size, mode, role)


def _samples(path: Path, role: Role) -> "NDArray[np.float64]":
    """The samples, from -1 to 1. Raises EngineError (`bad_input`) on silence, from which ViSQOL makes up 4.7 or NaN."""
    import soundfile

    samples: NDArray[np.float64] = soundfile.read(path, dtype="float64")[0]
    if not samples.any():
        message = f"The {role} file is digital silence. Upload a recording of speech."
        raise EngineError(FailureClass.BAD_INPUT, f"silent_{role}", message, role)
    return samples


def _details(result: "SimilarityResult") -> dict[str, JsonValue]:
    """What ViSQOL compared: patches in time (NSIM, 1 for equal), and bands from low to high as its mapping takes them.

    Times are within the degraded file as ViSQOL aligned it; from 0 to 0, a patch of the reference found no match.
    """
    return {
        "vnsim": float(result.vnsim),
        "bands_hz": result.center_freq_bands.tolist(),
        "fvnsim": result.fvnsim.tolist(),
        "fvnsim10": result.fvnsim10.tolist(),
        "fstdnsim": result.fstdnsim.tolist(),
        "fvdegenergy": result.fvdegenergy.tolist(),
        "patches": [
            {
                "similarity": patch.similarity,
                "reference_seconds": [patch.ref_patch_start_time, patch.ref_patch_end_time],
                "degraded_seconds": [patch.deg_patch_start_time, patch.deg_patch_end_time],
            }
            for patch in result.patch_sims
        ],
    }


def _forget_kernels() -> None:
    """Have numba compile anew, by removing the indices of its cache; a seat beside this one only misses them."""
    if directory := os.environ.get("NUMBA_CACHE_DIR"):
        for index in Path(directory).rglob("*.nbi"):
            index.unlink(missing_ok=True)


def _write_test_signal(path: Path, noise_level: float) -> None:
    """Two seconds at 16 kHz: noise in four syllables a second, the same at each call, and other noise over it."""
    import numpy as np
    import soundfile

    rate_hz = 16000
    generator = np.random.default_rng(seed=863)
    seconds = np.arange(2 * rate_hz) / rate_hz
    speech = 0.1 * generator.standard_normal(seconds.size) * np.sin(4 * np.pi * seconds) ** 2
    noise = noise_level * generator.standard_normal(seconds.size)
    soundfile.write(path, np.clip(speech + noise, -1, 1), rate_hz, subtype="PCM_16")
