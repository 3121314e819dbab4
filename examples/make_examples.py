"""Make the example speech pairs: clean references, and copies damaged the way telephony damages speech.

Needs numpy (the project's venv has it) and, only for this script, tools from the Debian packages espeak-ng,
sox and opus-tools. Run from the project's folder::

    python examples/make_examples.py [FOLDER]

It writes the WAV files (mono, 16-bit PCM), pairs.csv and demo.csv into FOLDER (default: this script's own).
All seeds are fixed: with the same versions of the tools the files come out the same, byte for byte.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]  # mono, full scale is -1 to 1
Damage = Callable[[Samples, int], Samples]  # clean samples and their rate in Hz -> as many damaged samples

PACKAGES = {"espeak-ng": "espeak-ng", "sox": "sox", "opusenc": "opus-tools", "opusdec": "opus-tools"}
FRAME_S = 0.020  # one packet, and one frame of the level measurement
ACTIVE_RANGE_DB = 30.0  # a frame is active when it is at most this far below the loudest frame
LEVEL_DBOV = -26.0  # active speech level of every reference
LEAD_S, GAP_S, TAIL_S = 0.4, 0.5, 0.4  # silence before, between and after the sentences


# --- sound in and out ---


def run(folder: str, command: str) -> None:
    """Run one command line (words without spaces) inside folder; its errors go to the screen."""
    subprocess.run(command.split(), cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def read_wav(path: Path) -> Samples:
    """Read the samples of a mono 16-bit WAV file."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768.0


def write_wav(path: Path, samples: Samples, rate_hz: int) -> None:
    """Write samples as a mono 16-bit WAV file; what exceeds full scale is clipped."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes())


def through(samples: Samples, rate_hz: int, *commands: str) -> Samples:
    """Send samples through commands that lead from in.wav to out.wav; the length stays (cut or zero-padded)."""
    with tempfile.TemporaryDirectory() as folder:
        write_wav(Path(folder, "in.wav"), samples, rate_hz)
        for command in commands:
            run(folder, command)
        result = read_wav(Path(folder, "out.wav"))
    return np.pad(result, (0, max(0, len(samples) - len(result))))[: len(samples)]


# --- level ---


def frames(samples: Samples, rate_hz: int) -> Samples:
    """Split into frames of FRAME_S, one a row; an incomplete last frame is left out."""
    size = round(FRAME_S * rate_hz)
    return samples[: len(samples) // size * size].reshape(-1, size)


def active_frames(samples: Samples, rate_hz: int) -> Samples:
    """Only the frames that hold speech: at most ACTIVE_RANGE_DB below the loudest one."""
    rows = frames(samples, rate_hz)
    power: Samples = np.mean(rows**2, axis=1)
    return rows[power >= float(power.max()) * 10 ** (-ACTIVE_RANGE_DB / 10)]


def active_level(samples: Samples, rate_hz: int) -> float:
    """Active speech level in dBov: the RMS over the active frames."""
    return float(10 * np.log10(np.mean(active_frames(samples, rate_hz) ** 2)))


# --- references ---


@dataclass(frozen=True)
class Reference:
    """One clean recording: the espeak-ng voice, its pitch (0-99), words a minute, pitch range in percent."""

    voice: str
    rate_hz: int
    pitch: int
    speed: int
    spread: int
    sentences: tuple[str, ...]


def speak(reference: Reference, sentence: str) -> Samples:
    """Speak one sentence with espeak-ng (22.05 kHz, so nothing above 11 kHz), at the reference's rate."""
    options = f"-v {reference.voice} -p {reference.pitch} -s {reference.speed}"
    with tempfile.TemporaryDirectory() as folder:
        ssml = f'<speak><prosody range="{reference.spread}%">{sentence}</prosody></speak>'
        Path(folder, "text.xml").write_text(ssml, encoding="utf-8")
        run(folder, f"espeak-ng {options} -z -m -f text.xml -w spoken.wav")
        run(folder, f"sox -D spoken.wav -r {reference.rate_hz} out.wav gain -3 rate -v")
        return np.trim_zeros(read_wav(Path(folder, "out.wav")))


def make_reference(reference: Reference) -> Samples:
    """Speak the sentences with silence before, between and after them, at LEVEL_DBOV."""
    rate_hz = reference.rate_hz
    gap = np.zeros(round(GAP_S * rate_hz))
    parts = [part for sentence in reference.sentences for part in (gap, speak(reference, sentence))]
    parts[0] = np.zeros(round(LEAD_S * rate_hz))
    speech = np.concatenate([*parts, np.zeros(round(TAIL_S * rate_hz))])
    return speech * 10 ** ((LEVEL_DBOV - active_level(speech, rate_hz)) / 20)


# --- damage ---


def opus(samples: Samples, rate_hz: int, *, kbit_s: int) -> Samples:
    """Code and decode with Opus at kbit_s, 20 ms frames, tuned for speech."""
    encode = f"opusenc --quiet --speech --bitrate {kbit_s} in.wav coded.opus"
    decode = f"opusdec --quiet --no-dither --rate {rate_hz} coded.opus out.wav"
    return through(samples, rate_hz, encode, decode)


def gsm(samples: Samples, rate_hz: int) -> Samples:
    """Code and decode with GSM 06.10 full rate (13 kbit/s at 8 kHz), then return to rate_hz."""
    decode = f"sox -D coded.gsm -r {rate_hz} -e signed -b 16 out.wav"
    return through(samples, rate_hz, "sox -D in.wav -r 8000 coded.gsm", decode)


def narrow_band(samples: Samples, rate_hz: int) -> Samples:
    """Keep 300 to 3400 Hz, the classic telephone band, sampled at 8 kHz; then return to rate_hz."""
    # Two filters: the one-step form, sinc 300-3400, turns the polarity round (SoX 14.4.2).
    encode = "sox -D in.wav -r 8000 narrow.wav sinc -t 100 300 sinc -t 100 -3400"
    return through(samples, rate_hz, encode, f"sox -D narrow.wav -r {rate_hz} out.wav")


def packet_loss(samples: Samples, rate_hz: int, *, percent: int, seed: int) -> Samples:
    """Lose percent of all 20 ms packets at random places; the packet before fills in for a lost one."""
    packets = frames(samples, rate_hz).copy()
    count = round(len(packets) * percent / 100)
    for lost in sorted(np.random.default_rng(seed).choice(len(packets) - 1, count, replace=False) + 1):
        packets[lost] = packets[lost - 1]
    return np.concatenate([packets.ravel(), samples[packets.size :]])


def white_noise(samples: Samples, rate_hz: int, *, snr_db: float, seed: int) -> Samples:
    """Add white noise whose level is snr_db below the active speech level."""
    level = active_level(samples, rate_hz) - snr_db
    return samples + np.random.default_rng(seed).normal(0.0, 10 ** (level / 20), len(samples))


def clipping(samples: Samples, _rate_hz: int, *, db: float) -> Samples:
    """Cut every peak off db below the loudest sample, as an overdriven input does."""
    limit = np.max(np.abs(samples)) * 10 ** (-db / 20)
    return np.clip(samples, -limit, limit)


# --- the tables ---

REFERENCES = {
    "female_16k": Reference(
        voice="en-us+linda",
        rate_hz=16000,
        pitch=50,
        speed=190,
        spread=120,
        sentences=(
            "My cousin paints birds, using just five colours.",
            "If Thursday is fair, we shall lunch by the lake.",
        ),
    ),
    "male_48k": Reference(
        voice="en-us+m3",
        rate_hz=48000,
        pitch=38,
        speed=180,
        spread=120,
        sentences=(
            "The baker shaped five round loaves, then rang the bell.",
            "Judge Roy arrived early, with his usual pipe.",
        ),
    ),
}

# Degraded file, reference, damage in words, damage. In the order of the ViSQOL scores, the best first.
PAIRS: tuple[tuple[str, str, str, Damage], ...] = (
    ("male_48k_opus_32", "male_48k", "Opus 32 kbit/s", partial(opus, kbit_s=32)),
    ("female_16k_opus_24", "female_16k", "Opus 24 kbit/s", partial(opus, kbit_s=24)),
    ("female_16k_loss_5", "female_16k", "packet loss 5 %", partial(packet_loss, percent=5, seed=1)),
    ("female_16k_opus_10", "female_16k", "Opus 10 kbit/s", partial(opus, kbit_s=10)),
    ("female_16k_clip_12", "female_16k", "clipping 12 dB", partial(clipping, db=12)),
    ("female_16k_loss_20", "female_16k", "packet loss 20 %", partial(packet_loss, percent=20, seed=1)),
    ("male_48k_gsm", "male_48k", "GSM 06.10 full rate", gsm),
    ("female_16k_narrow", "female_16k", "narrow band 300-3400 Hz", narrow_band),
    ("female_16k_opus_6", "female_16k", "Opus 6 kbit/s", partial(opus, kbit_s=6)),
    ("female_16k_noise_20", "female_16k", "white noise 20 dB SNR", partial(white_noise, snr_db=20, seed=1)),
    ("female_16k_noise_10", "female_16k", "white noise 10 dB SNR", partial(white_noise, snr_db=10, seed=1)),
)
DEMO = ("male_48k_opus_32", "female_16k_opus_10", "male_48k_gsm", "female_16k_opus_6", "female_16k_noise_10")


def write_manifest(path: Path, names: tuple[str, ...]) -> None:
    """Write the manifest of the named pairs, in the order of PAIRS."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("custom_id", "reference", "degraded", "mode", "label"))
        for name, reference, label, _damage in PAIRS:
            if name in names:
                writer.writerow((name, f"{reference}.wav", f"{name}.wav", "wb", label))


def make_all(folder: Path) -> None:
    """Write every reference, every degraded file and both manifests into folder."""
    clean = {name: make_reference(reference) for name, reference in REFERENCES.items()}
    for name, samples in clean.items():
        write_wav(folder / f"{name}.wav", samples, REFERENCES[name].rate_hz)
    for name, reference, _label, damage in PAIRS:
        rate_hz = REFERENCES[reference].rate_hz
        write_wav(folder / f"{name}.wav", damage(clean[reference], rate_hz), rate_hz)
    write_manifest(folder / "pairs.csv", tuple(pair[0] for pair in PAIRS))
    write_manifest(folder / "demo.csv", DEMO)


def main() -> int:
    """Make the examples; 2 when a tool is missing."""
    missing = sorted({package for tool, package in PACKAGES.items() if shutil.which(tool) is None})
    if missing:
        print(f"Missing tools. Install these Debian packages: {' '.join(missing)}", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    make_all(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
