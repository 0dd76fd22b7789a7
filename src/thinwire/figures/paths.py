"""Where a notebook finds the workbook and where it leaves its figures, tables and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from IPython.display import Image
from matplotlib.figure import Figure

from thinwire.artifacts import atomic_path
from thinwire.errors import PipelineError
from thinwire.figures import style
from thinwire.params import Params, load_params

if TYPE_CHECKING:
    from thinwire.claims import Claim, Floor, Verdict

MARKER = "params.yaml"


def find_root(start: Path | str = ".") -> Path:
    """The nearest folder at or above `start` that holds `params.yaml`; raises PipelineError when there is none."""
    here = Path(start).resolve()
    for folder in (here, *here.parents):
        if (folder / MARKER).is_file():
            return folder
    raise PipelineError(f"{here}: no {MARKER} here or above; start the notebook inside the workbook")


@dataclass(frozen=True)
class Page:
    """One notebook's place in the workbook: the root, the parameters, the paper's claims and floors, and where
    outputs go.
    """

    root: Path
    paper: str
    name: str
    out: Path
    params: Params
    claims: dict[str, Claim]
    floors: dict[str, Floor]

    def path(self, *parts: str) -> Path:
        """A path below the root; raises PipelineError when nothing is there."""
        path = self.root.joinpath(*parts)
        if not path.exists():
            raise PipelineError(f"{'/'.join(parts)}: not there; run the stage that makes it (`dvc repro`)")
        return path

    def evidence(self, kind: str, name: str) -> str:
        """How a verdict names the file that backs it, relative to the root."""
        suffix = {"figures": "png", "tables": "csv"}[kind]
        path = self.out / kind / self.paper / self.name / f"{name}.{suffix}"
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()

    def figure(self, fig: Figure, name: str) -> Image:
        """Save a figure as PNG and return that very picture for display."""
        width = int(fig.get_figwidth() * 92)
        path = style.save(fig, self.out / "figures" / self.paper / self.name / f"{name}.png")
        return Image(data=path.read_bytes(), width=width)

    def table(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """Save a table as CSV (six significant digits) and return it rounded for display."""
        with atomic_path(self.out / "tables" / self.paper / self.name / f"{name}.csv") as temporary:
            frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        return frame.round(3)

    def verdicts(self, verdicts: Sequence[Verdict]) -> pd.DataFrame:
        """Write the notebook's verdicts and return measured against claimed, for display."""
        from thinwire.claims import write_verdicts

        write_verdicts(self.out / "verdicts" / self.paper / f"{self.name}.json", list(verdicts))
        columns = ["id", "where", "paper_value", "unit", "measured", "ci_low", "ci_high", "verdict", "reason"]
        frame = pd.DataFrame([{key: getattr(verdict, key) for key in columns} for verdict in verdicts], columns=columns)
        return frame.round(3)


def open_page(name: str, root: Path | str = ".", out: Path | str = "reports", paper: str = "ndpca") -> Page:
    """Set the style, find the workbook from `root` upwards and read parameters and claims."""
    from thinwire.claims import load_paper

    style.use_style()
    found = find_root(root)
    rules = load_paper(paper, found)
    claims = {claim.id: claim for claim in rules.claims}
    return Page(found, paper, name, found / out, load_params(found / MARKER), claims, rules.floors)
