"""A copy of the working tree in another folder, in which the pipeline runs without touching this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from thinwire.errors import PipelineError


def copy_tree(root: Path, target: Path) -> None:
    """Copy what git tracks or would track (edits included, ignored files not) and make it a repository of its own.

    Raises PipelineError when `root` is no git repository.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
        for name in listed.split("\0"):
            if name and (root / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, target / name)
        subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PipelineError(f"{root}: cannot be copied ({error}); run the command in a git working copy") from error


def environment_for(folder: Path) -> dict[str, str]:
    """The environment in which a copy's stages import the copy's own package, with this interpreter's tools on PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return os.environ | {"PATH": path, "PYTHONPATH": str(folder.resolve() / "src"), "DVC_NO_ANALYTICS": "1"}
