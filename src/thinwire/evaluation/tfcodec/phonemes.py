"""How codewords and phones go together (Fig. 10): co-occurrence, mutual information, maps that compare codebooks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from thinwire.corpora.phones import SILENCE, UNKNOWN, frame_labels
from thinwire.evaluation.tfcodec.common import Bench, Clips, passes
from thinwire.params.tfcodec_evaluation import Evaluation
from thinwire.progress import track
from thinwire.seeding import rng
from thinwire.segments import SegmentStore

STEP_S = 0.04
LAG_S = 0.015
"""The four windows of a step are centred, together, 15 ms before the middle of its new samples."""


@dataclass(frozen=True)
class Cooccurrence:
    """`labels` (steps,) places in `phones`, `indices` (G, steps), `clip` (steps,), and the codewords of a group."""

    phones: list[str]
    labels: np.ndarray
    indices: np.ndarray
    clip: np.ndarray
    codewords: int

    def speech(self) -> Cooccurrence:
        """Without silence and unknown sounds."""
        names = [name for name in self.phones if name not in (SILENCE, UNKNOWN)]
        kept = np.isin(self.labels, [self.phones.index(name) for name in names])
        places = np.array([names.index(name) if name in names else -1 for name in self.phones])
        return Cooccurrence(names, places[self.labels[kept]], self.indices[:, kept], self.clip[kept], self.codewords)

    def counts(self, labels: np.ndarray | None = None, chosen: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(G, P, K) int64: how often each phone and codeword of a group meet, over chosen steps."""
        labels = (self.labels if labels is None else labels)[chosen]
        size = len(self.phones) * self.codewords
        return np.stack(
            [
                np.bincount(labels * self.codewords + group, minlength=size).reshape(len(self.phones), -1)
                for group in self.indices[:, chosen]
            ]
        )


def load_voice(folder: Path, settings: Evaluation) -> Clips:
    """Test segments of the one voice with its phones."""
    segments = SegmentStore(folder).load(settings.split, settings.phoneme_items)
    return Clips.of(segments.table, segments.clean)


def cooccurrence(bench: Bench, clips: Clips) -> Cooccurrence:
    """Phone and codewords of every 40 ms step of the clips; the phone is the one that fills most of the step."""
    indices = np.concatenate(
        [one.output.quantised.indices.numpy() for one in passes(bench.model, clips.audio, f"phones {bench.name}")]
    )
    steps = round(clips.seconds / STEP_S)
    names = []
    for phones in clips.table["phones"]:
        shifted = [{**item, "start": item["start"] + LAG_S, "end": item["end"] + LAG_S} for item in phones]
        names.append(frame_labels(shifted, steps, STEP_S))
    # Steps past a clip's end hold no label.
    indices = indices[:, :, :steps].transpose(1, 0, 2).reshape(indices.shape[1], -1)
    labels = np.concatenate(names)
    phones = sorted(set(labels.tolist()))
    places = np.searchsorted(phones, labels)
    clip = np.repeat(np.arange(len(clips)), steps)
    return Cooccurrence(phones, places, indices, clip, bench.model.quantiser.codewords)


def mutual_information(counts: np.ndarray) -> np.ndarray:
    """(...,) bits: mutual information of the two last dimensions of counts (..., P, K)."""
    joint = counts / counts.sum((-2, -1), keepdims=True)
    apart = joint.sum(-1, keepdims=True) * joint.sum(-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log2(joint / apart), 0.0)
    return terms.sum((-2, -1))


def information(bench: Bench, found: Cooccurrence, shuffles: int) -> pd.DataFrame:
    """One row a group: mutual information of phone and codeword, and what label permutations give, which is the bias of
    few samples.
    """
    speech = found.speech()
    generator = rng(bench.seed, "phones")
    shuffled = np.stack(
        [
            mutual_information(speech.counts(generator.permutation(speech.labels)))
            for _ in track(range(shuffles), f"permutations {bench.name}")
        ]
    )
    shares = np.bincount(speech.labels, minlength=len(speech.phones)) / len(speech.labels)
    return pd.DataFrame(
        {
            "run": bench.name,
            "group": np.arange(len(speech.indices)),
            "mutual_information_bits": mutual_information(speech.counts()),
            "shuffled_bits": shuffled.mean(0),
            "shuffled_max_bits": shuffled.max(0),
            "phone_entropy_bits": float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum()),
            "steps": len(speech.labels),
        }
    )


def phone_map(speech: Cooccurrence) -> np.ndarray:
    """(P, P): the probability of another phone behind the codeword of a phone, sum over k of P(k | phone) P(other | k),
    averaged over groups; codebooks of any size give maps of one kind.

    P(k | phone) is taken from every other clip and P(other | k) from the rest, and the other way round, since a
    codeword that occurs once would point to its own phone for certain. What one half has not seen points to the prior.
    """
    prior = np.bincount(speech.labels, minlength=len(speech.phones)) / len(speech.labels)
    odd = speech.clip % 2 == 1
    halves = [speech.counts(chosen=odd), speech.counts(chosen=~odd)]
    maps = []
    for sent, known in (halves, halves[::-1]):
        seen = sent.sum(2, keepdims=True)
        forward = np.divide(sent, seen, out=np.zeros(sent.shape), where=seen > 0)
        total = known.sum(1, keepdims=True)
        back = np.divide(known, total, out=np.broadcast_to(prior[None, :, None], known.shape).copy(), where=total > 0)
        through = np.einsum("gpk,gqk->gpq", forward, back)
        # A phone that a half does not have points to the prior, too.
        maps.append(np.where(seen > 0, through, prior).mean(0))
    return np.mean(maps, axis=0)


def tables(bench: Bench, found: Cooccurrence, shuffles: int) -> dict[str, pd.DataFrame]:
    """The four phoneme tables by file name."""
    counts = found.counts()
    group, phone, codeword = np.nonzero(counts)
    cells = pd.DataFrame(
        {"run": bench.name, "phone": np.array(found.phones)[phone], "group": group, "codeword": codeword,
         "count": counts[group, phone, codeword]}
    )  # fmt: skip
    speech = found.speech()
    names = np.array(speech.phones)
    size = len(names)
    prior = np.bincount(speech.labels, minlength=size) / len(speech.labels)
    pairs = pd.DataFrame(
        {"run": bench.name, "phone": np.repeat(names, size), "other": np.tile(names, size),
         "probability": phone_map(speech).ravel(), "prior": np.tile(prior, size)}
    )  # fmt: skip
    spoken = speech.counts()
    used = spoken.sum(1) > 0
    owners = np.bincount(spoken.argmax(1)[used], minlength=size)
    owned = pd.DataFrame({"run": bench.name, "phone": names, "codewords": owners, "share": owners / owners.sum()})
    return {
        "phonemes": cells,
        "phoneme_information": information(bench, found, shuffles),
        "phoneme_map": pairs,
        "phoneme_allocation": owned,
    }
