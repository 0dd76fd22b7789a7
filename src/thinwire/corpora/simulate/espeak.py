"""eSpeak NG through ctypes: text in, samples and exact phoneme and word positions out."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from thinwire.errors import CorpusError

# Values of espeak-ng/speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA = 0x0001, 0x0002
_EVENT_END_OF_LIST, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_RATE, _PITCH, _RANGE = 1, 3, 4
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_BUFFER_MS = 500


class _Identity(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Voice:
    """An eSpeak voice: accent and variant as in `en-us+f3`, pitch and pitch range 0 to 100, rate in words a minute."""

    name: str
    pitch: int
    pitch_range: int
    rate: int


@dataclass(frozen=True)
class Event:
    """A phoneme (`label` is IPA, empty for a pause) or word (empty label) that begins at `sample`, at a text offset."""

    kind: str
    label: str
    sample: int
    text_offset: int


@dataclass(frozen=True)
class Synthesis:
    """int16 samples as float32 in [-1, 1], their rate in Hz, and events in time order."""

    audio: np.ndarray
    sample_rate: int
    events: tuple[Event, ...]


@lru_cache(maxsize=1)
def _paths() -> tuple[str, str]:
    try:
        import espeakng_loader
    except ImportError as error:
        raise CorpusError(f"eSpeak NG is not installed ({error}); install the `espeakng-loader` wheel") from error
    return str(espeakng_loader.get_library_path()), str(espeakng_loader.get_data_path())


def synthesise(text: str, voice: Voice) -> Synthesis:
    """Speak `text` with `voice`; the same arguments give the same samples whatever was spoken before.

    The library keeps wave-generator state that no call resets, so it is loaded afresh for every text (about 3 ms).
    Raises CorpusError when the library does not load or the voice does not exist.
    """
    import _ctypes

    library_path, data_path = _paths()
    try:
        library = ctypes.CDLL(library_path)
    except OSError as error:
        raise CorpusError(f"{library_path}: eSpeak NG does not load ({error}); reinstall `espeakng-loader`") from error
    try:
        return _speak(library, data_path, text, voice)
    finally:
        library.espeak_Terminate()
        _ctypes.dlclose(library._handle)


def _speak(library: ctypes.CDLL, data_path: str, text: str, voice: Voice) -> Synthesis:
    options = _PHONEME_EVENTS | _PHONEME_IPA
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data_path.encode(), options)
    if rate <= 0:
        raise CorpusError(f"{data_path}: eSpeak NG does not start (code {rate}); reinstall `espeakng-loader`")
    blocks: list[np.ndarray] = []
    events: list[Event] = []

    def receive(samples: ctypes._Pointer, count: int, reported: ctypes._Pointer) -> int:
        if samples and count > 0:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while reported[index].type != _EVENT_END_OF_LIST:
            event = reported[index]
            offset = event.text_position - 1
            if event.type == _EVENT_PHONEME:
                label = event.id.string.decode("utf-8", "ignore")
                events.append(Event("phoneme", label, event.sample, offset))
            elif event.type == _EVENT_WORD:
                events.append(Event("word", "", event.sample, offset))
            index += 1
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    code = library.espeak_SetVoiceByName(voice.name.encode())
    if code != 0:
        raise CorpusError(f"eSpeak NG has no voice `{voice.name}` (code {code}); choose another accent or variant")
    for parameter, value in ((_RATE, voice.rate), (_PITCH, voice.pitch), (_RANGE, voice.pitch_range)):
        if (code := library.espeak_SetParameter(parameter, value, 0)) != 0:
            raise CorpusError(f"eSpeak NG refuses value {value} of parameter {parameter} (code {code})")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath noise; initialising has seeded it with the time of day
    data = text.encode()
    library.espeak_Synth.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    code = library.espeak_Synth(data, len(data) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
    if code != 0 or not blocks:
        raise CorpusError(f"eSpeak NG cannot speak {text!r} with `{voice.name}` (code {code})")
    audio = np.concatenate(blocks).astype(np.float32) / 32768.0
    return Synthesis(audio, rate, tuple(events))
