"""Systems that AUCOM is compared with and that nobody trains here, on its LibriSpeech items (Fig. 13): interpolation of
features, and codecs of waveforms, whose decoded audio the server makes features of: MP3 and AAC, and EnCodec and DAC
where their weights are given.
"""

from __future__ import annotations

import importlib.metadata

import numpy as np
import pandas as pd
import torch

from thinwire.artifacts import atomic_path, write_json
from thinwire.evaluation.aucom.common import (
    NOMINAL_RUN,
    Items,
    answers,
    errors,
    feature_unit,
    item_table,
    rate_columns,
    task_items,
)
from thinwire.evaluation.aucom.interpolations import interpolations
from thinwire.evaluation.aucom.rates import analyse, send
from thinwire.evaluation.aucom.tasks import SphinxListener
from thinwire.evaluation.parallel import over_items
from thinwire.evaluation.places import RESULTS
from thinwire.kaldi import fbank
from thinwire.params import Params
from thinwire.progress import track
from thinwire.seeding import seed_everything
from thinwire.systems.aucom.coder import AucomCoder, coder_fingerprint
from thinwire.systems.aucom.interpolation import Interpolation
from thinwire.systems.aucom.neural_waveforms import NeuralWaveformCodec
from thinwire.systems.aucom.tables import tables_at
from thinwire.systems.classic import CODECS, available, encode_decode
from thinwire.training.adapters.aucom_codec import tables_of
from thinwire.training.build import load_splits

RUN, CORPUS = "aucom_compared", "librispeech"
NO_WEIGHTS = (
    "its trained weights are not given (evaluation.aucom.weights), and without them it codes no speech; Table 3 counts "
    "its operations"
)
NEURAL = {"encodec": "EnCodec", "dac": "DAC"}


def coders_of(net: Interpolation, features: torch.Tensor, taus: list[float]) -> dict[float, AucomCoder]:
    """A coder for each tau, with normalisation and code tables measured on training features (n, H, L), as the learned
    codecs have theirs.
    """
    net.fit_statistics(features)
    tensors = {name: value.numpy() for name, value in tables_of(net, features, taus).items()}
    coders = {}
    for tau in taus:
        tables = tables_at(tensors, tau)
        fingerprint = coder_fingerprint(net, tables, tau, tensors["mu"], tensors["sigma"])
        coders[tau] = AucomCoder(net, tables, fingerprint, tau)
    return coders


def interpolated(params: Params, items: Items, unit: float, sphinx: SphinxListener | None) -> list[pd.DataFrame]:
    """Rows of both kinds of interpolation at every pair of factors and tau."""
    settings = params.evaluation.aucom
    training = load_splits(params, NOMINAL_RUN).train.tensors["clean"]
    tables = []
    for label, net in interpolations(params.systems.aucom_codec, settings.interpolation_factors).items():
        coders = coders_of(net, training, settings.interpolation_taus)
        latents = analyse(net, items.features)
        for tau, coder in coders.items():
            sent = send(latents, coder, f"{label} tau {tau:g}")
            identity = {"run": RUN, "seed": 0, "system": "interpolation", "label": label, "tau": tau, "rows": net.rows}
            columns = [rate_columns(sent.rates), errors(items.features, sent.decoded, unit),
                       answers(params, items, sent.decoded)]  # fmt: skip
            if sphinx is not None:
                columns.append(sphinx.columns_of_features(items, sent.decoded))
            tables.append(item_table(items, identity, columns))
    return tables


def usable(asked: dict[str, list[float]]) -> tuple[list[tuple[str, float]], dict[str, str]]:
    """The (codec, kbps) that the installed libraries have, of rates by codec, and why the others are not, by
    `<codec>_<kbps>`.
    """
    points, reasons = [], {}
    for name, rates in asked.items():
        for kbps in rates:
            if name not in available():
                reasons[f"{name}_{kbps:g}"] = "the installed FFmpeg libraries lack it"
            elif not CODECS[name].supports(kbps):
                reasons[f"{name}_{kbps:g}"] = f"it has no rate of {kbps:g} kbps at 16 kHz"
            else:
                points.append((name, kbps))
    return points, reasons


def _code(name: str, kbps: float, audio: np.ndarray) -> tuple[np.ndarray, float]:
    coded = encode_decode(name, kbps, audio)
    return coded.audio, coded.kbps


def classic(
    params: Params, items: Items, points: list[tuple[str, float]], unit: float, sphinx: SphinxListener | None
) -> list[pd.DataFrame]:
    """Rows of MP3 and AAC at their rates."""
    tables = []
    for name, kbps in track(points, "MP3 and AAC"):
        calls = [(name, kbps, audio) for audio in items.audio]
        coded = over_items(_code, calls, params.jobs, params.scheduler)
        tables.append(heard(params, items, name, kbps, coded, unit, sphinx))
    return tables


def neural(params: Params, items: Items, unit: float, sphinx: SphinxListener | None) -> list[pd.DataFrame]:
    """Rows of EnCodec and DAC at their rates, of those whose weights are given."""
    settings, tables = params.evaluation.aucom, []
    for name in NEURAL:
        weights = getattr(settings.weights, name)
        if weights is not None:
            codec = NeuralWaveformCodec(name, weights)
            for kbps in getattr(settings, f"{name}_kbps"):
                coded = [codec.code(audio, kbps) for audio in track(items.audio, f"{name} {kbps:g} kbps")]
                sounds = [(one.audio, one.kbps) for one in coded]
                tables.append(heard(params, items, name, kbps, sounds, unit, sphinx))
    return tables


def heard(
    params: Params, items: Items, name: str, kbps: float, coded: list[tuple[np.ndarray, float]], unit: float,
    sphinx: SphinxListener | None,
) -> pd.DataFrame:  # fmt: skip
    """Rows of a codec of waveforms at one rate: what the recogniser makes of features of the decoded audio, and on a
    subset PocketSphinx of the audio itself. `coded`: decoded audio and measured kbps of every item.
    """
    sounds, rates = zip(*coded, strict=True)
    features = [fbank(audio[None], params.systems.aucom_codec.n_mels)[0] for audio in sounds]
    identity = {"run": RUN, "seed": 0, "system": name, "label": name, "kbps_nominal": kbps}
    columns = [errors(items.features, features, unit), answers(params, items, features)]
    if sphinx is not None:
        columns.append(sphinx.columns(items, sounds.__getitem__))
    return item_table(items, identity, columns, kbps=rates)


def compare(params: Params) -> None:
    """Measure the compared systems and write results/aucom_compared: items.parquet and compared.json."""
    seed_everything(params.seed)
    settings = params.evaluation.aucom
    items, unit = task_items(params, CORPUS), feature_unit()
    points, reasons = usable({"mp3": settings.mp3_kbps, "aac": settings.aac_kbps})
    sphinx = SphinxListener(CORPUS, settings.sphinx_items) if settings.sphinx_items else None
    tables = [
        *interpolated(params, items, unit, sphinx), *classic(params, items, points, unit, sphinx),
        *neural(params, items, unit, sphinx),
    ]  # fmt: skip
    table = pd.concat(tables, ignore_index=True)
    given = settings.weights.model_dump()
    told = {
        "unavailable": reasons | {title: NO_WEIGHTS for name, title in NEURAL.items() if given[name] is None},
        "versions": {name: importlib.metadata.version(name) for name in ("av", "pocketsphinx")},
        "titles": {name: CODECS[name].title for name, _ in points},
        "test_items": {CORPUS: len(items)},
    }
    with atomic_path(RESULTS / RUN, directory=True) as folder:
        table.to_parquet(folder / "items.parquet", index=False)
        write_json(folder / "compared.json", told)
