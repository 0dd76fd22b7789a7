"""Table 3: parameters and operations of the edge side for a minute of audio, of AUCOM and of what it is compared with.

Sizes: `here` as in `params.yaml`; `paper` as in the paper's preset with 80 mels, by which Table 3 comes out (facts
3.1); and `paper_128` with the 128 mels of Whisper.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from torch import nn

from thinwire.artifacts import atomic_path, write_json
from thinwire.errors import ParamError, PipelineError
from thinwire.evaluation.aucom.interpolations import interpolations
from thinwire.evaluation.places import RESULTS
from thinwire.nn.trainable import count_parameters
from thinwire.params import Params, aucom_codec, aucom_deepcod, aucom_sensing
from thinwire.params.aucom import AucomRow
from thinwire.params.aucom_codec import VARIANTS
from thinwire.progress import track
from thinwire.seeding import seed_everything
from thinwire.systems.aucom.codec_net import AuComNet
from thinwire.systems.aucom.counting import Complexity, encoder_complexity, waveform_complexity
from thinwire.systems.aucom.deepcod import DeepcodNet
from thinwire.systems.aucom.feature_codec import FeatureNet
from thinwire.systems.aucom.neural_codecs import NEURAL_CODECS, neural_codec
from thinwire.systems.aucom.sensing import SensingNet

RUN = "aucom_complexity"
PAPER = Path("presets/paper.yaml")
PAPER_MELS = {"paper": 80, "paper_128": 128}
REFERENCE = "aucom_v1"
PAPER_RATE = 16_000
"""Samples a second at which the paper counts every waveform codec (facts 3.1)."""
SYSTEMS = {"aucom_codec": aucom_codec, "aucom_deepcod": aucom_deepcod, "aucom_sensing": aucom_sensing}


def paper_settings(n_mels: int, path: Path = PAPER) -> dict[str, Any]:
    """Settings of SYSTEMS at the paper's size with a number of mels; raises PipelineError where the preset does not
    hold them.
    """
    try:
        tree = yaml.safe_load(path.read_text("utf-8"))["systems"]
        return {
            name: module.Settings(**(tree[name] | {"spectrum": {"n_mels": n_mels}})) for name, module in SYSTEMS.items()
        }
    except (FileNotFoundError, KeyError, TypeError, ValidationError) as error:
        names = ", ".join(SYSTEMS)
        raise PipelineError(f"{path}: systems: {names}: cannot be read ({error}); restore the preset") from error


def feature_codecs(settings: dict[str, Any], factors: list[tuple[int, int]]) -> dict[str, FeatureNet]:
    """Untrained codecs by label, of settings of SYSTEMS and interpolation by the factors."""
    codec = settings["aucom_codec"]
    rows = {variant: AucomRow(after="", steps=1, variant=variant) for variant in VARIANTS}  # type: ignore[arg-type]
    nets: dict[str, FeatureNet] = {f"aucom_{variant}": AuComNet(codec, row) for variant, row in rows.items()}
    nets["aucom_deepcod"] = DeepcodNet(settings["aucom_deepcod"])
    nets["aucom_sensing"] = SensingNet(settings["aucom_sensing"])
    nets |= interpolations(codec, factors)
    return nets


def entry(found: Complexity, encoder: nn.Module) -> dict[str, int]:
    """A line of Table 3 in every way of counting. `flops_counted_as_paper`: one a multiplication or bias add, LSTMs
    left out; `flops_per_minute`: two a multiplication, everything counted.
    """
    lstms = [part for part in encoder.modules() if isinstance(part, nn.LSTM)]
    of_lstms = sum(map(count_parameters, lstms))
    return {
        "params": found.parameters,
        "params_without_lstm": found.parameters - of_lstms,
        "macs_per_minute": found.macs + found.lstm_macs,
        "macs_without_lstm": found.macs,
        "flops_per_minute": found.whole.operations,
        "flops_without_lstm": 2 * found.macs + found.bias_adds,
        "flops_counted_as_paper": found.as_printed.operations,
    }


def neural_entries(names: tuple[str, ...] = NEURAL_CODECS) -> tuple[dict[str, Any], dict[str, str]]:
    """Encoders of waveform codecs by name, `at_paper_rate` (16 kHz samples for all) and `at_own_rate`, and why others
    are not counted.
    """
    found: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name in track(names, "neural codecs"):
        try:
            codec = neural_codec(name)
        except ParamError as error:
            reasons[name] = str(error)
            continue
        rates = {"at_paper_rate": PAPER_RATE, "at_own_rate": codec.sample_rate}
        lines = {way: entry(waveform_complexity(codec, rate), codec.encoder) for way, rate in rates.items()}
        found[name] = {"title": codec.title, "sample_rate": codec.sample_rate} | lines
    return found, reasons


def ratios(systems: dict[str, Any], neural: dict[str, Any]) -> dict[str, dict[str, float]]:
    """How many times REFERENCE's operations each system needs, by way of counting; waveform codecs at 16 kHz."""
    lines = systems | {name: one["at_paper_rate"] for name, one in neural.items()}
    ways = ("flops_counted_as_paper", "flops_per_minute")
    return {
        way: {name: line[way] / systems[REFERENCE][way] for name, line in lines.items() if name != REFERENCE}
        for way in ways
    }


def complexity(params: Params) -> dict[str, Any]:
    """`sizes` ({size: {n_mels, systems: {label: entry}}}), `neural`, `unavailable` ({name: reason}), `ratios` ({size:
    {way of counting: {label: times AUCOM v1}}}).
    """
    settings = {"here": {name: getattr(params.systems, name) for name in SYSTEMS}}
    settings |= {size: paper_settings(n_mels) for size, n_mels in PAPER_MELS.items()}
    factors = params.evaluation.aucom.interpolation_factors
    neural, reasons = neural_entries()
    sizes = {}
    for size, one in settings.items():
        nets = feature_codecs(one, factors)
        lines = {label: entry(encoder_complexity(net), net.encoder) for label, net in nets.items()}
        sizes[size] = {"n_mels": one["aucom_codec"].n_mels, "systems": lines}
    return {
        "sizes": sizes,
        "neural": neural,
        "unavailable": reasons,
        "ratios": {size: ratios(one["systems"], neural) for size, one in sizes.items()},
    }


def measure_complexity(params: Params) -> None:
    """Count untrained encoders and write results/aucom_complexity/complexity.json."""
    seed_everything(params.seed)
    with atomic_path(RESULTS / RUN, directory=True) as folder:
        write_json(folder / "complexity.json", complexity(params))
