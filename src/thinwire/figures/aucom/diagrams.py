"""The signal path and the enhancer drawn from the instantiated modules (Fig. 1, 3 to 8, 10), and their verdicts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinwire.claims import Verdict
from thinwire.figures.aucom.architecture import MELS, Architecture, Step, feature_shapes, latent_shapes
from thinwire.figures.aucom.runs import name as run_name
from thinwire.figures.aucom.verdicts import judge_holds, judge_picture
from thinwire.figures.diagram import ROLE_COLOUR, _arrow, _box, _canvas, thousands
from thinwire.figures.paths import Page
from thinwire.figures.style import caption
from thinwire.params.aucom_codec import STRIDE, VARIANTS

WIDTH = 1.32
TALL = 1.4
PITCH = TALL + 0.5
WRAP = 15
COLOUR = {"edge": ROLE_COLOUR["encoder"], "server": ROLE_COLOUR["decoder"], "training": ROLE_COLOUR["channel"]}
BRANCH_COLOUR = {
    "encoder": ROLE_COLOUR["encoder"],
    "mask decoder": ROLE_COLOUR["decoder"],
    "phase decoder": ROLE_COLOUR["perceptual"],
    "metric discriminator": ROLE_COLOUR["channel"],
}


def draw_path(found: Architecture, run: str, rate: str, note: str) -> Figure:
    """Edge device above, server below, both from left to right; `rate`: what stands at the wire."""
    sides = {side: [step for step in found.path if step.side == side] for side in COLOUR}
    fig, axes = plt.subplots(figsize=(12.0, 4.2))
    _canvas(axes, max(map(len, sides.values())) * WIDTH + 0.1, 4.1)
    for side, y in (("edge", 2.4), ("server", 0.2)):
        _row(axes, sides[side], y, COLOUR[side])
        axes.text(0.0, y + TALL + 0.12, {"edge": "edge device", "server": "server"}[side], fontweight="bold")
    start = len(sides["server"]) * WIDTH + 0.4
    _row(axes, sides["training"], 0.2, COLOUR["training"], start)
    axes.text(start, 0.2 + TALL + 0.12, "training alone", fontweight="bold")
    end = (len(sides["edge"]) - 0.5) * WIDTH
    axes.plot([end, end, 0.62, 0.62], [2.37, 2.02, 2.02, 1.85], color="#444444", linewidth=0.9)
    axes.text((0.62 + end) / 2, 2.06, f"the wire: {rate}", ha="center", va="bottom", fontsize=8)
    _arrow(axes, (0.62, 1.9), (0.62, 0.2 + TALL + 0.02))
    caption(
        fig,
        f"{run_name(run)}, drawn from the modules that params.yaml instantiates. Shapes of a chunk, channels first; "
        "below them parameters, in brackets. Orange: attention; the codec itself has none, its LSTM hears the whole "
        f"chunk. {note}",
    )
    return fig


def draw_enhancer(found: Architecture, note: str) -> Figure:
    """The enhancer's encoder with its two decoders, and the discriminator of its training below."""
    branches = found.branches
    fig, axes = plt.subplots(figsize=(12.0, 5.4))
    right = (len(branches["encoder"]) + 0.5) * WIDTH
    widest = max(right + len(branches["mask decoder"]) * WIDTH, len(branches["metric discriminator"]) * WIDTH)
    _canvas(axes, widest + 0.1, 3 * PITCH)
    places = {"encoder": (0.0, 2), "mask decoder": (right, 2), "phase decoder": (right, 1)}
    for branch, (start, line) in (places | {"metric discriminator": (0.0, 0)}).items():
        total = sum(step.parameters for step in branches[branch])
        axes.text(start, line * PITCH + TALL + 0.12, f"{branch}, {thousands(total)}", fontweight="bold")
        _row(axes, branches[branch], line * PITCH, BRANCH_COLOUR[branch], start)
    end, height = right - 0.5 * WIDTH - 0.17, 2 * PITCH + TALL / 2
    _arrow(axes, (end, height), (right, height))
    axes.plot([end + 0.3] * 2, [height, PITCH + TALL / 2], color="#444444", linewidth=0.9)
    _arrow(axes, (end + 0.28, PITCH + TALL / 2), (right, PITCH + TALL / 2))
    caption(
        fig,
        "The enhancer and its discriminator, drawn from the modules that params.yaml instantiates, for a second of "
        "audio. Shapes: channels, frames, bins (discriminator: channels, bins, frames), below them parameters. "
        "The mask multiplies the noisy magnitude. The discriminator predicts PESQ, in training alone. Orange: "
        f"attention. {note}",
    )
    return fig


def _row(axes: Axes, steps: Sequence[Step], y: float, colour: str, start: float = 0.0) -> None:
    for place, step in enumerate(steps):
        x = start + place * WIDTH
        count = thousands(step.parameters) if step.parameters >= 1000 else f"{step.parameters}"
        size = f"\n({count})" if step.parameters else ""
        words = "\n".join(textwrap.wrap(step.name, WRAP))
        shade = ROLE_COLOUR["task"] if step.attention else colour
        _box(axes, x + 0.02, y, WIDTH - 0.2, TALL, f"{words}\n\n{step.shape}{size}", shade, 6.9)
        if place:
            _arrow(axes, (x - 0.17, y + TALL / 2), (x + 0.01, y + TALL / 2))


def judge(page: Page, found: Architecture) -> list[Verdict]:
    """The pictures, and the shapes of features and latents (sections 4.2.2, 4.3.1)."""
    evidence = [*(page.evidence("figures", name) for name in ("path", "enhancer")), page.evidence("tables", "modules")]
    totals = {"codec": float(sum(step.parameters for step in found.path if not step.attention))}
    totals |= {branch: float(sum(step.parameters for step in steps)) for branch, steps in found.branches.items()}
    picture = judge_picture(page, "aucom.fig1_3_4_10", found.checks, totals, evidence)
    return [picture, _judge_features(page), _judge_latents(page)]


def _judge_features(page: Page) -> Verdict:
    shapes, used = feature_shapes(), page.params.systems.aucom_codec.n_mels
    measured = {"H_small": float(shapes[MELS[0]][0]), "H_large": float(shapes[MELS[1]][0]),
                "frames_per_s": shapes[MELS[0]][1] / 5.0}  # fmt: skip
    holds = all(shape == (mels, 500) for mels, shape in shapes.items()) and used in MELS
    told = f"in use: H = {used}"
    return judge_holds(page, "aucom.fbank_shape", measured, holds, [page.evidence("tables", "modules")], told)


def _judge_latents(page: Page) -> Verdict:
    settings, shapes = page.params.systems.aucom_codec, latent_shapes(page)
    wanted = (settings.n_mels // STRIDE, settings.chunk_frames // STRIDE)
    holds = all(shape == (VARIANTS[variant][0], *wanted) for variant, shape in shapes.items())
    least = [min(shape[axis] for shape in shapes.values()) for axis in (1, 2)]
    measured = {"rows_divisor": settings.n_mels / least[0], "frames_divisor": settings.chunk_frames / least[1]}
    told = "; ".join(f"{variant}: {' x '.join(map(str, shape))}" for variant, shape in shapes.items())
    return judge_holds(page, "aucom.latent_shape", measured, holds, [page.evidence("tables", "modules")], told)
