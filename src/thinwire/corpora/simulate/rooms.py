"""Rooms: image-source shoeboxes with seated or standing talkers, worn microphones and arrays along the walls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from thinwire.audio import SAMPLE_RATE
from thinwire.corpora.simulate.pools import balanced, numbered
from thinwire.errors import ParamError
from thinwire.params.corpora import Rooms
from thinwire.seeding import rng as named_rng

TALKERS = 4
RESPONSE_S = 0.4
KINECT_M = (-0.113, 0.036, 0.076, 0.113)  # the four microphones of a Kinect along its bar
_MIXING_S = 0.04  # image sources before, diffuse tail after
_ORDER = 8
_EAR_M, _MOUTH_M = 0.08, 0.10


@dataclass(frozen=True)
class Placement:
    """Responses of one session: far (sources, arrays * channels, taps), worn (sources, 2 * talkers, taps), geometry.

    Sources are the talkers, then the point noises; `diffuse` (arrays * channels + 2 * talkers, taps) is the room's
    answer to noise from everywhere. The geometry is JSON-ready, positions in m.
    """

    far: np.ndarray
    worn: np.ndarray
    diffuse: np.ndarray
    geometry: dict[str, Any]


class Room(Protocol):
    """A room that sessions take place in: an id that fixes the split."""

    @property
    def id(self) -> str: ...

    def place(self, rng: np.random.Generator, noises: int, arrays: int, channels: int) -> Placement:
        """Put four talkers, point noises and microphones into the room."""
        ...


@dataclass(frozen=True)
class ShoeboxRoom:
    """A shoebox: sides in m and reverberation time in s."""

    id: str
    dimensions: tuple[float, float, float]
    rt60: float
    absorption: float

    def place(self, rng: np.random.Generator, noises: int, arrays: int, channels: int) -> Placement:
        heads, facing = self._talkers(rng)
        mouths = heads + _MOUTH_M * facing
        side = np.stack([-facing[:, 1], facing[:, 0], np.zeros(TALKERS)], axis=1)
        ears = np.stack([heads + _EAR_M * side, heads - _EAR_M * side], axis=1)
        bars = self._arrays(rng, arrays)[:, :channels]
        points = self._noises(rng, noises, heads)
        microphones = np.concatenate([bars.reshape(-1, 3), ears.reshape(-1, 3)])
        responses = self.responses(np.concatenate([mouths, points]), microphones, rng)
        diffuse = _tails(rng, (len(microphones),), responses.shape[-1], self.rt60)
        far = arrays * channels
        geometry = {
            "room": {"id": self.id, "dimensions_m": self.dimensions, "rt60_s": self.rt60, "source": "shoebox"},
            "talkers": [
                {"position_m": mouth, "head_m": head, "ears_m": pair}
                for mouth, head, pair in zip(mouths, heads, ears, strict=True)
            ],
            "arrays_m": bars,
            "noises_m": points,
        }
        return Placement(responses[:, :far], responses[:, far:], diffuse, geometry)

    def responses(self, sources: np.ndarray, microphones: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(sources, microphones, taps) float32: image sources to 40 ms, then a decaying noise tail of the same energy.

        The whole image expansion of a 0.5 s room takes 10 s; its late part is diffuse in any case.
        """
        import pyroomacoustics

        pyroomacoustics.constants.set("num_threads", 1)  # sums in one order, so equal bytes
        box = pyroomacoustics.ShoeBox(
            list(self.dimensions), SAMPLE_RATE, materials=pyroomacoustics.Material(self.absorption), max_order=_ORDER
        )
        for source in sources:
            box.add_source(source)
        box.add_microphone_array(microphones.T)
        box.compute_rir()
        lead = pyroomacoustics.constants.get("frac_delay_length") // 2
        taps = int(min(RESPONSE_S, max(self.rt60, 2 * _MIXING_S)) * SAMPLE_RATE)
        out = np.zeros((len(sources), len(microphones), taps), dtype=np.float32)
        for m, row in enumerate(box.rir):
            for k, response in enumerate(row):
                early = response[lead : lead + taps]
                out[k, m, : len(early)] = early
        start, window = int(_MIXING_S * SAMPLE_RATE), int(0.02 * SAMPLE_RATE)
        energy = np.mean(np.square(out[:, :, start - window // 2 : start + window // 2]), axis=-1, keepdims=True)
        tails = _tails(rng, out.shape[:2], taps, self.rt60)
        tails *= np.sqrt(energy) * np.float32(10.0 ** (3.0 * _MIXING_S / self.rt60))
        rise = np.clip((np.arange(taps) - start + window // 2) / window, 0.0, 1.0)
        out *= np.sqrt(1.0 - rise).astype(np.float32)
        out += tails * np.sqrt(rise).astype(np.float32)
        return out

    def _talkers(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Heads around a table or standing about, at least 0.7 m apart, and the way they face (towards the middle)."""
        x, y, _ = self.dimensions
        seated = rng.random() < 0.5
        centre = np.array([x, y]) * rng.uniform(0.42, 0.58, 2)
        if seated:
            radius = rng.uniform(0.65, min(1.0, min(x, y) / 2 - 0.8))
            angles = rng.uniform(0, 2 * np.pi) + np.arange(TALKERS) * np.pi / 2 + rng.uniform(-0.2, 0.2, TALKERS)
            flat = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        else:
            flat = spread(rng, np.array([0.7, 0.7]), np.array([x - 0.7, y - 0.7]), TALKERS, 0.8)
        height = rng.uniform(1.1, 1.25, TALKERS) if seated else rng.uniform(1.5, 1.75, TALKERS)
        towards = flat.mean(axis=0) - flat
        angle = np.arctan2(towards[:, 1], towards[:, 0]) + rng.uniform(-0.5, 0.5, TALKERS)
        facing = np.stack([np.cos(angle), np.sin(angle), np.zeros(TALKERS)], axis=1)
        return np.column_stack([flat, height]), facing

    def _arrays(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """(count, 4, 3) linear arrays 0.15 m from the walls, spread around the room."""
        x, y, _ = self.dimensions
        perimeter = 2 * (x + y)
        bars = []
        for index in range(count):
            at = ((index + rng.uniform(0.2, 0.8)) / count) * perimeter
            along, corner = _wall(at, x, y)
            height = rng.uniform(0.8, 1.9)
            offsets = np.array(KINECT_M)[:, None] * along
            bars.append(np.column_stack([corner + offsets, np.full(4, height)]))
        return np.array(bars)

    def _noises(self, rng: np.random.Generator, count: int, heads: np.ndarray) -> np.ndarray:
        """Places near walls, where appliances, windows and loudspeakers are, so that some array is close to them."""
        x, y, z = self.dimensions
        chosen = np.empty((0, 3))
        for _ in range(count):
            walls = [_wall(at, x, y, gap)[1] for at, gap in rng.uniform((0, 0.3), (2 * (x + y), 0.8), (32, 2))]
            tries = np.column_stack([walls, rng.uniform(0.4, min(2.2, z - 0.3), 32)])
            distance = np.linalg.norm(tries[:, None] - heads[None], axis=-1).min(axis=1)
            chosen = np.vstack([chosen, tries[int(np.argmax(distance >= min(0.9, distance.max())))]])
        return chosen


def _wall(at: float, x: float, y: float, gap: float = 0.15, corner: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Direction along the wall and the place on it, `at` metres around the room, clear of the corners."""
    for length, origin, along, inward in (
        (x, (0.0, 0.0), (1.0, 0.0), (0.0, 1.0)),
        (y, (x, 0.0), (0.0, 1.0), (-1.0, 0.0)),
        (x, (x, y), (-1.0, 0.0), (0.0, -1.0)),
        (y, (0.0, y), (0.0, -1.0), (1.0, 0.0)),
    ):
        if at <= length:
            place = np.clip(at, corner, length - corner)
            return np.array(along), np.array(origin) + place * np.array(along) + gap * np.array(inward)
        at -= length
    return np.array([1.0, 0.0]), np.array([corner, gap])


def spread(rng: np.random.Generator, low: np.ndarray, high: np.ndarray, count: int, apart: float) -> np.ndarray:
    """(count, dimensions) random places at least `apart` from each other where 64 tries find such."""
    places = rng.uniform(low, high, (1, len(low)))
    while len(places) < count:
        tries = rng.uniform(low, high, (64, len(low)))
        distance = np.linalg.norm(tries[:, None] - places[None], axis=-1).min(axis=1)
        good = np.flatnonzero(distance >= apart)
        places = np.vstack([places, tries[good[0] if len(good) else int(distance.argmax())]])
    return places


def _tails(rng: np.random.Generator, shape: tuple[int, ...], taps: int, rt60: float) -> np.ndarray:
    """Independent Gaussian noise with an energy decay of 60 dB in `rt60` s, for each microphone."""
    decay = (10.0 ** (-3.0 * np.arange(taps) / SAMPLE_RATE / rt60)).astype(np.float32)
    return rng.standard_normal((*shape, taps), dtype=np.float32) * decay


def shoebox(identity: str, rt60_range: tuple[float, float]) -> ShoeboxRoom:
    """The shoebox that an id stands for; raises ParamError when no wall absorbs enough for its reverberation time."""
    import pyroomacoustics

    draw = named_rng(0, "room", identity)
    dimensions = (
        round(float(draw.uniform(4.0, 7.0)), 2),
        round(float(draw.uniform(3.4, 5.5)), 2),
        round(float(draw.uniform(2.4, 3.0)), 2),
    )
    rt60 = round(float(draw.uniform(*rt60_range)), 3)
    try:
        absorption, _ = pyroomacoustics.inverse_sabine(rt60, list(dimensions))
    except ValueError as error:
        message = f"params.yaml: simulate.rooms.rt60_s: {rt60} s is too short for a room of {dimensions} m; raise it"
        raise ParamError(message) from error
    return ShoeboxRoom(identity, dimensions, rt60, float(absorption))


def shoeboxes(settings: Rooms) -> list[ShoeboxRoom]:
    """`count` rooms, ordered so that the first three are of three splits."""
    ids = balanced("room", numbered("room-"), 2)
    return [shoebox(identity, settings.rt60_s) for identity, _ in zip(ids, range(settings.count), strict=False)]
