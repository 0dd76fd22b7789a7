"""What pooled latents tell of the talker: t-SNE, silhouettes, a linear probe (Fig. 7b, 7c, 9)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from thinwire.errors import PipelineError
from thinwire.evaluation.tfcodec.common import Bench, Clips, passes, spread
from thinwire.params.tfcodec_evaluation import Evaluation
from thinwire.seeding import derive_seed
from thinwire.segments import SegmentStore

FOLDS = 5
PERPLEXITY = 10.0


def load_talkers(folder: Path, settings: Evaluation) -> Clips:
    """Segments of the test talkers, at most `utterances` each, spread over what there is of a talker.

    Raises PipelineError where fewer than two talkers have at least two segments.
    """
    store = SegmentStore(folder)
    table = store.table[store.table["split"] == settings.split]
    parts = [rows for _, rows in table.groupby("speaker", sort=True) if len(rows) >= 2]
    if len(parts) < 2:
        raise PipelineError(f"{folder}: {len(parts)} talkers with two segments in split {settings.split}; need two")
    parts = [parts[place] for place in np.sort(spread(len(parts))[: settings.talkers])]
    chosen = pd.concat([rows.iloc[np.sort(spread(len(rows))[: settings.utterances])] for rows in parts])
    frames = int(chosen["frames"].min())
    audio = np.stack([store.read(row)[1][:frames] for _, row in chosen.iterrows()])
    return Clips.of(chosen, audio)


def embeddings(bench: Bench, clips: Clips) -> dict[str, np.ndarray]:
    """Latents averaged over time (n, C) by feature: `encoder` x_R (with a predictor only), `coded` x_N, `codes` x_hat_N
    (section IV-C1: temporal pooling of the learned representation; section IV-D: of the discrete codes).
    """
    pooled: dict[str, list[np.ndarray]] = {}
    for one in passes(bench.model, clips.audio, f"talkers {bench.name}"):
        latents = {"coded": one.output.x_N, "codes": one.output.quantised.z_hat}
        if bench.model.predictive:
            latents = {"encoder": one.output.x_R, **latents}
        for name, value in latents.items():
            pooled.setdefault(name, []).append(value.mean(2).numpy())
    return {name: np.concatenate(parts) for name, parts in pooled.items()}


def standardise(embedding: np.ndarray) -> np.ndarray:
    """Each number freed of its mean and divided by its deviation over all utterances; constant ones become zero."""
    deviation = embedding.std(0)
    return (embedding - embedding.mean(0)) / np.where(deviation > 1e-9, deviation, np.inf)


def talker_table(bench: Bench, clips: Clips, pooled: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row a (feature, utterance): silhouette, whether the probe names the talker, and a place in the plane."""
    speakers = clips.table["speaker"].to_numpy()
    tables = []
    for feature, embedding in pooled.items():
        scaled = standardise(embedding.astype(np.float64))
        seed = derive_seed(bench.seed, "talkers", feature)
        plane = tsne(scaled, seed)
        tables.append(
            pd.DataFrame(
                {
                    "run": bench.name,
                    "feature": feature,
                    "segment_id": clips.ids,
                    "speaker": speakers,
                    "silhouette": silhouette(scaled, speakers),
                    "silhouette_plane": silhouette(plane, speakers),
                    "probe_correct": probe(scaled, speakers, seed),
                    "tsne_x": plane[:, 0],
                    "tsne_y": plane[:, 1],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def silhouette(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,): how much nearer each point lies to its own talker's others than to the next talker's, -1 to 1."""
    from sklearn.metrics import silhouette_samples

    return np.asarray(silhouette_samples(points, labels))


def probe(points: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """(n,): 1 where a logistic regression that has not seen the utterance names its talker, else 0."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = min(FOLDS, int(np.unique(labels, return_counts=True)[1].min()))
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    named = cross_val_predict(LogisticRegression(max_iter=500), points, labels, cv=split)
    return (named == labels).astype(np.int64)


def tsne(points: np.ndarray, seed: int) -> np.ndarray:
    """(n, 2): the plane of Fig. 7b, 7c and 9; zeros where all points are one (a collapsed codebook)."""
    from sklearn.manifold import TSNE

    if not np.ptp(points, axis=0).any():
        return np.zeros((len(points), 2))
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3.0)
    # The exact method, since the approximate one shares its sums out over threads.
    return TSNE(2, perplexity=perplexity, method="exact", init="pca", random_state=seed).fit_transform(points)
