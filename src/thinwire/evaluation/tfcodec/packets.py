"""Decoding with lost packets: loss rates, lengths of bursts, and energies of what is lost (Fig. 11, section IV-E)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from thinwire.channel.packets import LONG_SHARE, draw_trace
from thinwire.evaluation.tfcodec.common import Bench, Clips, decode
from thinwire.evaluation.tfcodec.latents import packet_energy
from thinwire.evaluation.tfcodec.quality import listen
from thinwire.params import Params
from thinwire.progress import track
from thinwire.seeding import rng

STEP_MS = 40
MEASURES = ["pesq", "stoi", "plcmos"]
ASKED = {"none": MEASURES, "rate": MEASURES, "burst": ["stoi", "plcmos"], "energy": ["pesq", "stoi"]}
"""What the paper says about each sweep takes these measures; the others are NaN."""
HEARD_RATES = (0.1, 0.3, 0.5)
HEARD_BURSTS_MS = (120, 240)


@dataclass(frozen=True)
class Condition:
    """A point of a sweep and what it loses: `lost` (n, S, 2) bool."""

    sweep: str
    value: float
    lost: np.ndarray


def rate_condition(bench: Bench, clips: Clips, steps: int, rate: float) -> Condition:
    """Traces of the three-state chain, one a clip, the same for every run."""
    lost = [
        draw_trace(
            rate, bench.settings.mean_burst, 2 * steps, rng(bench.seed, "trace", name, rate), long_share=LONG_SHARE
        ).lost.reshape(steps, 2)
        for name in clips.ids
    ]
    return Condition("rate", rate, np.stack(lost))


def burst_condition(bench: Bench, clips: Clips, steps: int, burst_ms: int) -> Condition:
    """Bursts of one length, both packets of their steps, at random places with a step between them; every length loses
    about the same total.
    """
    length = burst_ms // STEP_MS
    number = max(1, round(bench.settings.burst_lost_ms / burst_ms))
    lost = np.zeros((len(clips), steps, 2), bool)
    for row, name in zip(lost, clips.ids, strict=True):
        generator = rng(bench.seed, "burst", name, burst_ms)
        free = steps - number * length - (number - 1)
        # Distinct slots, each then moved by the bursts before it: every arrangement is equally likely.
        slots = np.sort(generator.choice(free + number, number, replace=False))
        for start in slots + length * np.arange(number):
            row[start : start + length] = True
    return Condition("burst", float(burst_ms), lost)


def energy_conditions(bench: Bench, clips: Clips, indices: np.ndarray) -> list[Condition]:
    """The packets of least energy (-1), of most (1), and as many at random (0.5)."""
    with torch.no_grad():
        energy = packet_energy(bench.model, bench.model.quantiser.decode(torch.from_numpy(indices))).numpy()
    order = np.argsort(energy.reshape(len(clips), -1), axis=1, kind="stable")
    number = round(bench.settings.energy_share * order.shape[1])
    drawn = np.stack([rng(bench.seed, "energy", name).permutation(order.shape[1]) for name in clips.ids])
    chosen = {-1.0: order[:, :number], 1.0: order[:, -number:], 0.5: drawn[:, :number]}
    conditions = []
    for value, places in chosen.items():
        lost = np.zeros(order.shape, bool)
        np.put_along_axis(lost, places, True, axis=1)
        conditions.append(Condition("energy", value, lost.reshape(energy.shape)))
    return conditions


def sweep(bench: Bench, clips: Clips, indices: np.ndarray, params: Params) -> pd.DataFrame:
    """One row per (sweep, value, clip): listening measures and the share of packets lost, for indices (n, G, S).

    Nothing lost is decoded once and stands as value 0 in all three sweeps.
    """
    steps = indices.shape[2]
    conditions = [Condition("none", 0.0, np.zeros((len(clips), steps, 2), bool))]
    conditions += [rate_condition(bench, clips, steps, rate) for rate in bench.settings.loss_rates[1:]]
    conditions += [burst_condition(bench, clips, steps, length) for length in bench.settings.burst_ms]
    conditions += energy_conditions(bench, clips, indices)
    tables = []
    for condition in track(conditions, f"packets {bench.name}"):
        decoded = decode(bench.model, indices, clips.audio.shape[1], condition.lost)
        scores = listen(clips.reference, decoded * clips.gain[:, None], [ASKED[condition.sweep]] * len(clips), params)
        table = clips.columns()[["segment_id"]].assign(
            **bench.identity(), value=condition.value, lost_share=condition.lost.mean((1, 2)), **scores[MEASURES]
        )
        names = ["rate", "burst", "energy"] if condition.sweep == "none" else [condition.sweep]
        tables += [table.assign(sweep=name) for name in names]
    columns = ["run", "seed", "segment_id", "sweep", "value", "lost_share", *MEASURES]
    return pd.concat(tables, ignore_index=True)[columns]


def heard(bench: Bench, clips: Clips, indices: np.ndarray) -> dict[str, np.ndarray]:
    """Sounds with losses for players, by `<segment_id>/<condition>`."""
    steps = indices.shape[2]
    conditions = {f"lost{100 * rate:g}": rate_condition(bench, clips, steps, rate) for rate in HEARD_RATES}
    conditions |= {f"burst{length}": burst_condition(bench, clips, steps, length) for length in HEARD_BURSTS_MS}
    out: dict[str, np.ndarray] = {}
    for label, condition in conditions.items():
        decoded = decode(bench.model, indices, clips.audio.shape[1], condition.lost) * clips.gain[:, None]
        out |= {f"{name}/{label}": sound for name, sound in zip(clips.ids, decoded, strict=True)}
    return out
