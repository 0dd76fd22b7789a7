"""The system and its training drawn from the instantiated modules, with parameter counts (Fig. 1, 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from thinwire.claims import Verdict, judge_shown
from thinwire.figures.parts import Part, encoders_of
from thinwire.figures.paths import Page
from thinwire.figures.style import ARCH_COLOUR, caption

UNTRAINED = "No trained model is in this figure: its modules are built fresh, and training changes no size or shape."
ROLE_COLOUR = {
    "encoder": "#d7e8f5",
    "bottleneck": "#fde3c8",
    "channel": "#ececec",
    "decoder": "#d5efe2",
    "agnostic": "#ececec",
    "task": "#fde3c8",
    "perceptual": "#f3dcea",
}


def thousands(count: int) -> str:
    """A parameter count for people."""
    return "no parameters" if count == 0 else f"{count / 1e6:.2f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str, size: float = 8.0
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0.02,rounding_size=0.06",
            facecolor=colour,
            edgecolor="#444444",
            linewidth=0.9,
        )
    )
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={"arrowstyle": "-|>", "color": "#444444", "linewidth": 0.9, "shrinkA": 1, "shrinkB": 1},
    )


def _canvas(axes: Axes, width: float, height: float) -> None:
    axes.set(xlim=(-0.1, width), ylim=(-0.1, height))
    axes.set_axis_off()


def _chain(axes: Axes, arch: str, parts: Sequence[Part], microphones: Sequence[str]) -> None:
    """One architecture: microphones, encoders, bottleneck, channel, decoder, from left to right."""
    _canvas(axes, 12.1, 4.1)
    encoders = [part for part in parts if part.role == "encoder"]
    others = {part.role: part for part in parts if part.role != "encoder"}
    row, tall = 4.0 / len(microphones), 4.0 / len(encoders)
    total = sum(part.parameters for part in parts)
    axes.set_title(f"{arch}: {thousands(total)} parameters", color=ARCH_COLOUR[arch])
    for k, name in enumerate(microphones):
        y = 4.0 - (k + 0.5) * row
        _box(axes, 0.0, y - 0.3, 1.25, 0.6, name, "white", 7.5)
        owner = 4.0 - (k * len(encoders) // len(microphones) + 0.5) * tall
        _arrow(axes, (1.28, y), (1.95, owner + (y - owner) * 0.35))
    for k, part in enumerate(encoders):
        y = 4.0 - (k + 0.5) * tall
        height = min(tall * 0.82, 1.5)
        _box(
            axes,
            2.0,
            y - height / 2,
            2.3,
            height,
            f"{part.name}\n{part.in_shape} → {part.out_shape}\n{thousands(part.parameters)}",
            ROLE_COLOUR["encoder"],
            7.2,
        )
        _arrow(axes, (4.33, y), (4.95, 2.0 + (y - 2.0) * 0.3))
    places = (("bottleneck", 5.0, 2.0), ("channel", 7.6, 1.35), ("decoder", 9.6, 2.3))
    for role, x, width in places:
        part = others[role]
        text = f"{part.name}\n{part.in_shape}\n→ {part.out_shape}" + (
            f"\n{thousands(part.parameters)}" if part.parameters else ""
        )
        _box(axes, x, 1.1, width, 1.8, text, ROLE_COLOUR[role], 7.5)
    _arrow(axes, (7.03, 2.0), (7.57, 2.0))
    _arrow(axes, (8.98, 2.0), (9.57, 2.0))


def draw_system(systems: Mapping[str, Sequence[Part]], microphones: Sequence[str]) -> Figure:
    """Fig. 1, once for each architecture."""
    fig, panels = plt.subplots(len(systems), 1, figsize=(10.6, 3.15 * len(systems)), squeeze=False)
    for axes, (arch, parts) in zip(panels[:, 0], systems.items(), strict=True):
        _chain(axes, arch, parts, microphones)
    caption(
        fig,
        "Drawn from the modules that params.yaml instantiates. Shapes: microphones x representation channels x bins x "
        "frames; latents a second. Encoders never see each other's input; the decoder always gets the latent at full "
        f"width, unsent components at their mean. {UNTRAINED}",
    )
    return fig


def draw_training(parts: Sequence[Part]) -> Figure:
    """Fig. 2: the three branches of the loss of an aware run."""
    branches = {role: [part for part in parts if part.role == role] for role in ("agnostic", "task", "perceptual")}
    fig, axes = plt.subplots(figsize=(10.6, 4.6))
    _canvas(axes, 12.1, 6.2)
    _box(axes, 0.0, 2.4, 1.7, 1.3, "microphones\nX_1 .. X_K", "white")
    _box(axes, 2.3, 2.4, 1.9, 1.3, "distributed\ncoder, random\nbudget m", ROLE_COLOUR["encoder"])
    _box(axes, 4.8, 2.4, 1.4, 1.3, "decoded\nspectrum", ROLE_COLOUR["decoder"])
    _arrow(axes, (1.73, 3.05), (2.27, 3.05))
    _arrow(axes, (4.23, 3.05), (4.77, 3.05))
    names = [f"{part.name} ({part.in_shape})" for part in branches["agnostic"]]
    lines = [", ".join(names[i : i + 2]) for i in range(0, len(names), 2)]
    texts = {
        "agnostic": "task-agnostic: against the clean spectrum\n" + "\n".join(lines),
        "task": "task: score-based enhancement\n"
        + "\n".join(f"{p.name}, {thousands(p.parameters)}, {p.in_shape}" for p in branches["task"]),
        "perceptual": "perception: logits against clean speech's\n"
        + "\n".join(f"{p.name}, {thousands(p.parameters)}, {p.in_shape}" for p in branches["perceptual"]),
    }
    for role, y, height in (("agnostic", 3.9, 2.1), ("task", 2.4, 1.25), ("perceptual", 0.7, 1.25)):
        _box(axes, 6.9, y, 3.9, height, texts[role], ROLE_COLOUR[role], 7.6)
        _arrow(axes, (6.23, 3.05), (6.86, y + height / 2))
        _arrow(axes, (10.83, y + height / 2), (11.2, 3.05 + (y + height / 2 - 3.05) * 0.15))
    axes.text(11.55, 3.05, "L", ha="center", va="center", fontsize=14, fontweight="bold")
    caption(
        fig,
        "Losses of weight 0 are logged only. Score network and discriminator serve training and judging, not decoding. "
        + UNTRAINED,
    )
    return fig


def parts_table(systems: Mapping[str, Sequence[Part]], training: Sequence[Part]) -> pd.DataFrame:
    """Every box as a row, with totals."""
    rows = [
        (arch, part.role, part.name, part.parameters, part.in_shape, part.out_shape)
        for arch, parts in systems.items()
        for part in parts
    ]
    rows += [(arch, "total", "", sum(part.parameters for part in parts), "", "") for arch, parts in systems.items()]
    rows += [("training", part.role, part.name, part.parameters, part.in_shape, part.out_shape) for part in training]
    return pd.DataFrame(rows, columns=["system", "role", "part", "parameters", "in", "out"])


def judge(page: Page, systems: Mapping[str, Sequence[Part]], training: Sequence[Part]) -> list[Verdict]:
    """Fig. 1 and 2: what the pictures must show."""
    totals = {arch: float(sum(part.parameters for part in parts)) for arch, parts in systems.items()}
    count = {arch: sum(part.role == "encoder" for part in parts) for arch, parts in systems.items()}
    decoders = {arch: [part for part in parts if part.role == "decoder"] for arch, parts in systems.items()}
    full = {
        arch: sum(int(part.out_shape) for part in parts if part.role == "encoder") for arch, parts in systems.items()
    }
    names = {part.name for part in training if part.role == "agnostic"}
    system_checks = {
        "encoders": all(count[arch] == encoders_of(arch) for arch in systems)
        and set(systems) == {"E1D1", "E2D1", "E4D1"},
        "one_decoder": all(
            len(found) == 1 and int(found[0].in_shape) == full[arch] for arch, found in decoders.items()
        ),
        "matched": max(totals.values()) <= 1.1 * min(totals.values()),
    }
    training_checks = {
        "agnostic": {"mse", "cosine", "snr", "psnr"} <= names,
        "task": any(part.role == "task" and part.parameters > 0 for part in training),
        "perceptual": any(part.role == "perceptual" and part.parameters > 0 for part in training),
    }
    table = page.evidence("tables", "parts")
    shown = ", ".join(f"{arch} {thousands(int(total))}" for arch, total in totals.items())
    return [
        judge_shown(
            page.claims["ndpca.fig1_system"],
            system_checks,
            totals,
            reason=shown,
            evidence=[page.evidence("figures", "system"), table],
        ),
        judge_shown(
            page.claims["ndpca.fig2_loss_pipeline"],
            training_checks,
            evidence=[page.evidence("figures", "training"), table],
        ),
    ]
