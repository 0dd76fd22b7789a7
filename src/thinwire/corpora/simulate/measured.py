"""Rooms from measured responses: files `sourceN_micAA-BB` (multichannel FLAC or WAV), one folder a room."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from thinwire import audio as audio_io
from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.pools import by_split
from thinwire.corpora.simulate.rooms import RESPONSE_S, TALKERS, Placement, Room, shoeboxes
from thinwire.errors import CorpusError
from thinwire.params.corpora import Rooms

_NAME = re.compile(r"source(\d+)_mic(\d+)-(\d+)$")
_WORN_DIRECT_DB = 20.0  # a worn microphone at 0.15 m against one at 1.5 m
_GROUP = 4
TEST = "eval"


@dataclass(frozen=True)
class MeasuredRoom:
    """Responses (sources, microphones, taps) of one measured room; neighbouring fours of microphones are the arrays."""

    id: str
    responses: np.ndarray

    def place(self, rng: np.random.Generator, noises: int, arrays: int, channels: int) -> Placement:
        """Talkers and noises take measured source places, repeated when there are too few; arrays likewise.

        Nobody measured worn microphones: the own voice reaches them by a synthetic direct path 20 dB above the direct
        path at the arrays, plus the measured room; other sources as at a randomly chosen array microphone.
        """
        sources, microphones, taps = self.responses.shape
        chosen = _draw(rng, sources, TALKERS + noises)
        groups = _draw(rng, microphones // _GROUP, arrays)
        index = (groups[:, None] * _GROUP + np.arange(_GROUP)[:channels]).reshape(-1)
        far = self.responses[chosen][:, index]
        ears = rng.integers(microphones, size=2 * TALKERS)
        worn = self.responses[chosen][:, ears].copy()
        direct = float(np.median(np.abs(far).max(axis=-1))) * 10.0 ** (_WORN_DIRECT_DB / 20.0)
        for talker in range(TALKERS):
            for ear, delay in ((2 * talker, 6), (2 * talker + 1, 7)):  # 0.13 m, and the far ear a little later
                worn[talker, ear, delay] += direct
        diffuse = self.responses[
            rng.integers(sources, size=len(index) + len(ears)), np.concatenate([index, ears])
        ].copy()
        lag = rng.integers(0, SAMPLE_RATE // 200, len(diffuse))
        diffuse = np.stack([np.roll(row, int(shift)) for row, shift in zip(diffuse, lag, strict=True)])
        geometry = {
            "room": {"id": self.id, "dimensions_m": None, "rt60_s": None, "source": "measured"},
            "talkers": [{"measured_source": int(k) + 1} for k in chosen[:TALKERS]],
            "arrays_m": None,
            "array_microphones": (index + 1).reshape(arrays, -1),
            "noises_m": None,
        }
        return Placement(far, worn, diffuse, geometry)


def _draw(rng: np.random.Generator, available: int, wanted: int) -> np.ndarray:
    """`wanted` of `available` places, each taken once before any is taken twice."""
    rounds = [rng.permutation(available) for _ in range(-(-wanted // available))]
    return np.concatenate(rounds)[:wanted]


def read_room(folder: Path) -> MeasuredRoom:
    """Read one room; raises CorpusError when a source lacks microphones that another has."""
    parts: dict[int, dict[int, np.ndarray]] = {}
    for path in sorted([*folder.glob("*.flac"), *folder.glob("*.wav")]):
        if match := _NAME.match(path.stem):
            source, first, last = map(int, match.groups())
            data = audio_io.read(path, sample_rate=None, channels=last - first + 1)
            data = audio_io.resample(data, audio_io.probe(path).sample_rate)
            parts.setdefault(source, {}).update(dict(enumerate(data, start=first)))
    microphones = sorted(set().union(*parts.values()))
    for source, row in parts.items():
        if missing := [m for m in microphones if m not in row]:
            raise CorpusError(f"{folder}: source{source} has no response for microphone {missing[0]}; add the file")
    if len(microphones) < _GROUP:
        raise CorpusError(f"{folder}: {len(microphones)} microphones, at least {_GROUP} are needed for an array")
    taps = min(int(RESPONSE_S * SAMPLE_RATE), min(len(r) for row in parts.values() for r in row.values()))
    return MeasuredRoom(
        folder.name, np.array([[parts[s][m][:taps] for m in microphones] for s in sorted(parts)], dtype=np.float32)
    )


def load_rooms(settings: Rooms) -> dict[str, list[Room]]:
    """Rooms for each split: measured ones in the split of their name's hash, a lone one in the test's, which is what a
    measured room is worth most to. A split into which none falls gets shoeboxes, so no room is in two splits.
    """
    rooms: list[Room] = []
    if settings.source != "pyroomacoustics":
        top = Path(settings.source)
        folders = sorted({path.parent for path in top.rglob("source*_mic*-*") if _NAME.match(path.stem)})
        if not folders:
            where = f"params.yaml: simulate.rooms.source: {top}"
            raise CorpusError(f"{where}: no sourceN_micAA-BB files; write `pyroomacoustics` or a folder")
        rooms = [read_room(folder) for folder in folders]
    measured: dict[str, Room] = {room.id: room for room in rooms}
    boxes: dict[str, Room] = {room.id: room for room in shoeboxes(settings)}
    own = {TEST: list(measured)} if len(measured) == 1 else by_split("room", measured)
    return {
        split: [measured[identity] for identity in own.get(split, [])] or [boxes[identity] for identity in ids]
        for split, ids in by_split("room", boxes).items()
    }
