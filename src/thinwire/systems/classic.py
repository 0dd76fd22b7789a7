"""Classic codecs through FFmpeg's libraries (PyAV): Opus, AMR-NB, AMR-WB, MP3, AAC, G.722, Speex.

Which of them can encode depends on how the libraries were built; the `av` wheel lacks encoders for AMR-WB and Speex.
Rates are measured from packets, without any container: Opus and AAC vary with the signal, and AMR's packets are whole
bytes of which one is a header, so that 12.2 kbps make 12.8. `libopus` chooses its audio bandwidth by itself, narrow
band below about 9 kbps and wide band from there on, and FFmpeg offers no way to force it; the paper ran Opus in
wide-band mode at 9, 12 and 16 kbps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from thinwire.audio import SAMPLE_RATE, resample
from thinwire.errors import CorpusError, ParamError
from thinwire.seeding import rng

_SILENT_FRAMES = 4  # after the end, for encoders that look ahead
_PROBE_S = 2.0
_MAX_DELAY = 4096
_JITTER = 4  # samples by which a codec's modes differ in delay: Opus changes them from one stretch to the next


@dataclass(frozen=True)
class Codec:
    """A codec: FFmpeg's names, its own sample rate in Hz, and its rates in kbps.

    With `between` every rate from the lowest to the highest can be asked for, else only those listed.
    """

    title: str
    encoder: str
    decoder: str
    sample_rate: int
    rates: tuple[float, ...]
    between: bool = False
    options: dict[str, str] = field(default_factory=dict)

    def supports(self, kbps: float) -> bool:
        """Whether the codec has a rate."""
        return self.rates[0] <= kbps <= self.rates[-1] if self.between else kbps in self.rates


CODECS = {
    "opus": Codec(
        "Opus, VBR, speech", "libopus", "libopus", 16_000, (6.0, 64.0), True, {"application": "voip", "vbr": "on"}
    ),
    "amr_nb": Codec(
        "AMR-NB", "libopencore_amrnb", "libopencore_amrnb", 8_000, (4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2)
    ),
    "amr_wb": Codec(
        "AMR-WB",
        "libvo_amrwbenc",
        "libopencore_amrwb",
        16_000,
        (6.6, 8.85, 12.65, 14.25, 15.85, 18.25, 19.85, 23.05, 23.85),
    ),
    "mp3": Codec("MP3, CBR", "libmp3lame", "mp3float", 16_000, (8.0, 16.0, 24.0, 32.0, 40.0, 48.0, 56.0, 64.0)),
    "aac": Codec("AAC-LC", "aac", "aac", 16_000, (12.0, 64.0), True),
    "g722": Codec("G.722", "g722", "g722", 16_000, (64.0,)),
    "speex": Codec("Speex, wide band", "libspeex", "libspeex", 16_000, (4.0, 44.0), True),
}


@dataclass(frozen=True)
class Coded:
    """What a listener gets: float32 audio (samples,) at 16 kHz in time with the input, and the measured rate."""

    audio: np.ndarray
    packet_bytes: int

    @property
    def kbps(self) -> float:
        """Rate over the audio's own duration, last packet included whole."""
        return 8e-3 * self.packet_bytes * SAMPLE_RATE / len(self.audio)


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """The codecs of CODECS that the installed libraries can both encode and decode."""
    return tuple(name for name, codec in CODECS.items() if _exists(codec.encoder, "w") and _exists(codec.decoder, "r"))


def encode_decode(name: str, kbps: float, audio: np.ndarray) -> Coded:
    """Code audio (samples,) at 16 kHz with about `kbps` and decode it, freed of the codec's delay, at the same length.

    Raises ParamError for a codec that is unknown or cannot be used here, or a rate that it does not have, and
    CorpusError for audio that is empty, not mono, or holds NaN.
    """
    if name not in available():
        why = "the installed FFmpeg libraries lack it" if name in CODECS else "no such codec"
        raise ParamError(f"codec {name!r}: {why}; there are {', '.join(available())}")
    codec = CODECS[name]
    if not codec.supports(kbps):
        rates = (" to " if codec.between else ", ").join(f"{rate:g}" for rate in codec.rates)
        raise ParamError(f"codec {name!r}: has no rate of {kbps:g} kbps; choose from {rates}")
    x = np.asarray(audio, np.float32)
    if x.ndim != 1 or x.size == 0 or not np.isfinite(x).all():
        what = "NaN or infinite samples" if x.ndim == 1 and x.size else f"an array of shape {x.shape}"
        raise CorpusError(f"codec {name!r}: cannot code {what}; give mono samples at {SAMPLE_RATE} Hz")
    latest = _delay(name) + _JITTER
    decoded, packet_bytes = _run(codec, kbps, x, len(x) + latest)
    decoded = np.pad(decoded, (2 * _JITTER, 0))
    first = latest + _lag(x, decoded[latest:], 2 * _JITTER + 1, _JITTER)
    return Coded(np.ascontiguousarray(decoded[first : first + len(x)]), packet_bytes)


@lru_cache(maxsize=len(CODECS))
def _delay(name: str) -> int:
    """Samples at 16 kHz by which a codec is late, measured on speech-like noise.

    Look-ahead hardly depends on the rate, so the highest one is used, which follows the waveform best.
    """
    codec = CODECS[name]
    samples = round(_PROBE_S * SAMPLE_RATE)
    spectrum = np.fft.rfft(rng(0, "classic codecs").standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    probe = np.fft.irfft(spectrum / (1 + (frequency / 500.0) ** 2), samples)
    probe = (0.3 * probe / np.abs(probe).max()).astype(np.float32)
    decoded, _ = _run(codec, codec.rates[-1], probe, samples + _MAX_DELAY)
    return _lag(probe, decoded, _MAX_DELAY, 0)


def _lag(reference: np.ndarray, decoded: np.ndarray, lags: int, otherwise: int) -> int:
    """The lag 0..`lags` - 1 in samples at which `decoded` fits best, by the cross-correlation of their differences.

    Differences, since codecs turn the phase of the lowest, strongest frequencies. `otherwise` where nothing correlates.
    """
    a, b = np.diff(reference, prepend=0.0), np.diff(decoded, prepend=0.0)
    size = 1 << (len(a) + len(b)).bit_length()
    match = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)[:lags]
    return int(np.argmax(match)) if match.max() > 0.0 else otherwise


def _run(codec: Codec, kbps: float, x: np.ndarray, wanted: int) -> tuple[np.ndarray, int]:
    """Decoded samples (wanted,) at 16 kHz, delay included, and the bytes of the packets up to the last one needed."""
    packets = _encode(codec, kbps, x, wanted)
    decoder = _context(codec.decoder, "r", codec.sample_rate)
    decoder.extradata = packets.extradata
    blocks: list[np.ndarray] = []
    rate, have, used = codec.sample_rate, 0, 0
    for data in packets.data:
        for frame in _decode(decoder, data):
            rate = frame.sample_rate
            blocks.append(_samples(frame))
            have += len(blocks[-1])
        used += len(data)
        if have * SAMPLE_RATE >= wanted * rate:
            break
    decoded = resample(np.concatenate(blocks), rate)[:wanted]
    return np.pad(decoded, (0, wanted - len(decoded))), used


@dataclass(frozen=True)
class _Packets:
    data: list[bytes]
    extradata: bytes | None


def _encode(codec: Codec, kbps: float, x: np.ndarray, wanted: int) -> _Packets:
    import av

    encoder = _context(codec.encoder, "w", codec.sample_rate)
    encoder.bit_rate = round(1000 * kbps)
    encoder.options = codec.options
    formats = [form.name for form in encoder.codec.audio_formats]
    encoder.format = next(form for form in ("flt", "fltp", "s16", "s16p") if form in formats)
    encoder.time_base = Fraction(1, codec.sample_rate)
    encoder.open()
    samples = resample(x, SAMPLE_RATE, codec.sample_rate)
    if encoder.format.name.startswith("s16"):
        samples = (np.clip(samples, -1.0, 1.0 - 2.0**-15) * 32768.0).round().astype(np.int16)
    size = encoder.frame_size or codec.sample_rate // 50
    least = wanted * codec.sample_rate // SAMPLE_RATE
    frames = -(-max(least, len(samples)) // size) + _SILENT_FRAMES
    samples = np.pad(samples, (0, frames * size - len(samples)))
    data: list[bytes] = []
    for start in range(0, len(samples), size):
        block = np.ascontiguousarray(samples[None, start : start + size])
        frame = av.AudioFrame.from_ndarray(block, format=encoder.format.name, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = codec.sample_rate, start, encoder.time_base
        data += [bytes(packet) for packet in encoder.encode(frame)]
    data += [bytes(packet) for packet in encoder.encode(None)]
    return _Packets(data, encoder.extradata)


def _context(name: str, mode: Literal["r", "w"], sample_rate: int) -> Any:
    import av

    context: Any = av.CodecContext.create(name, mode)
    context.sample_rate, context.layout = sample_rate, "mono"
    return context


def _decode(decoder: Any, data: bytes) -> list[Any]:
    import av

    return list(decoder.decode(av.Packet(data)))


def _samples(frame: Any) -> np.ndarray:
    """Mono samples (n,) of a decoded frame as float32."""
    block = frame.to_ndarray().reshape(-1)
    return block.astype(np.float32) / 32768.0 if block.dtype == np.int16 else block.astype(np.float32)


def _exists(name: str, mode: Literal["r", "w"]) -> bool:
    import av

    try:
        av.Codec(name, mode)
    except (av.codec.codec.UnknownCodecError, ValueError):
        return False
    return True
