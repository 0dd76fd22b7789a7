"""Pools of talkers, rooms and noises, one a split: an item's split depends on its id alone, so nothing leaks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from thinwire.artifacts import split_of
from thinwire.errors import ParamError

SPLITS = ("train", "dev", "eval")
SHARES = {"train": 0.60, "dev": 0.15, "eval": 0.25}

T = TypeVar("T")


def balanced(kind: str, ids: Iterable[str], minimum: int) -> Iterator[str]:
    """Reorder ids so that any prefix has its splits filled in turn up to `minimum`, then about 60/15/25.

    The split of an id stays what its hash says; only the order changes, so that a small `count` still has all splits.
    `ids` may be endless.
    """
    source = iter(ids)
    waiting: dict[str, list[str]] = {split: [] for split in SPLITS}
    counts = dict.fromkeys(SPLITS, 0)
    open_splits = list(SPLITS)

    def fetch(split: str) -> str | None:
        while not waiting[split]:
            item = next(source, None)
            if item is None:
                return None
            waiting[split_of(kind, item)].append(item)
        return waiting[split].pop(0)

    while open_splits:
        short = [split for split in open_splits if counts[split] < minimum]
        candidates = short or open_splits
        split = min(candidates, key=lambda name: counts[name] if short else (counts[name] + 1) / SHARES[name])
        item = fetch(split)
        if item is None:
            open_splits.remove(split)
            continue
        counts[split] += 1
        yield item


def numbered(prefix: str, first: int = 1) -> Iterator[str]:
    """The endless ids prefix1, prefix2, ..."""
    return (f"{prefix}{number}" for number in itertools.count(first))


def by_split(kind: str, ids: Iterable[str]) -> dict[str, list[str]]:
    """Sort ids into their splits, in id order."""
    pools: dict[str, list[str]] = {split: [] for split in SPLITS}
    for identity in sorted(ids):
        pools[split_of(kind, identity)].append(identity)
    return pools


def require(pools: dict[str, list[str]], minimum: int, what: str, key: str, remedy: str) -> None:
    """Raise ParamError naming the split that has fewer than `minimum` items and the parameter to change."""
    for split, items in pools.items():
        if len(items) < minimum:
            raise ParamError(f"params.yaml: {key}: {len(items)} {what} in split {split}, {minimum} needed; {remedy}")


class Deck(Generic[T]):
    """Deals the items of a pool in shuffled rounds, so that each is used as often as any other."""

    def __init__(self, items: Sequence[T], rng: np.random.Generator) -> None:
        self._items, self._rng = list(items), rng
        self._queue: list[T] = []

    def deal(self, count: int) -> list[T]:
        """Take `count` items, distinct as long as the pool has that many."""
        hand: list[T] = []
        while len(hand) < count:
            fresh = [item for item in self._queue if item not in hand]
            if not fresh:
                shuffled = [self._items[index] for index in self._rng.permutation(len(self._items))]
                self._queue += shuffled
                fresh = [item for item in self._queue if item not in hand] or self._queue
            hand.append(fresh[0])
            self._queue.remove(fresh[0])
        return hand
