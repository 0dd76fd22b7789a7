"""Linear discriminants of talkers and of scenes where talkers are nested in scenes: the one kind is found among what
the other leaves alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RIDGE = 0.1
"""Of the mean variance, added to every direction's: with fewer items than features the scatter is singular."""
DIRECTIONS = 8


@dataclass(frozen=True)
class Discriminants:
    """Directions (d, k) of features (n, d) less `mean` over `spread`: `talker` tells talkers of one scene apart and
    little else, `scene` tells scenes apart whoever speaks.
    """

    mean: np.ndarray
    spread: np.ndarray
    talker: np.ndarray
    scene: np.ndarray

    def project(self, features: np.ndarray, kind: str) -> np.ndarray:
        """Features (n, d) along the directions of `kind`, talker or scene: (n, k)."""
        directions = {"talker": self.talker, "scene": self.scene}[kind]
        return np.asarray((features - self.mean) / self.spread @ directions)


def fit(features: np.ndarray, talkers: np.ndarray, scenes: np.ndarray) -> Discriminants:
    """Fisher's discriminants of features (n, d) of labelled items.

    For talkers, what separates is the scatter of a talker's mean about that of his scene, what disturbs the scatter of
    items about their talker's mean and of scenes' means; for scenes, the scatter of scenes' means against that of items
    about them.
    """
    features = np.asarray(features, np.float64)
    mean, spread = features.mean(0), np.maximum(features.std(0), 1e-9)
    z = (features - mean) / spread
    of_scene, of_talker = _class_means(z, scenes), _class_means(z, np.char.add(_text(scenes), _text(talkers)))
    return Discriminants(
        mean, spread,
        talker=_directions(_scatter(of_talker - of_scene), _scatter(z - of_talker) + _scatter(of_scene)),
        scene=_directions(_scatter(of_scene), _scatter(z - of_scene)),
    )  # fmt: skip


def _text(labels: np.ndarray) -> np.ndarray:
    return np.asarray([f"{label}\n" for label in labels])


def _class_means(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Each item's class mean (n, d)."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), z.shape[1]))
    np.add.at(sums, inverse, z)
    return np.asarray((sums / counts[:, None])[inverse])


def _scatter(z: np.ndarray) -> np.ndarray:
    return np.asarray(z.T @ z / len(z))


def _directions(between: np.ndarray, within: np.ndarray) -> np.ndarray:
    """The directions with the largest ratio of `between` to `within`, at unit `within` each."""
    from scipy.linalg import eigh

    ridge = RIDGE * np.trace(within) / len(within) + 1e-9
    _, vectors = eigh(between, within + ridge * np.eye(len(within)))
    return np.asarray(vectors[:, ::-1][:, :DIRECTIONS])
