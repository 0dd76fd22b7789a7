"""`thinwire doctor`, `thinwire setup` and the command line itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from thinwire import cli
from thinwire.errors import PipelineError
from thinwire.pipeline import doctor
from thinwire.pipeline.real import keep
from thinwire.pipeline.scoreboard import SITE
from thinwire.pipeline.torchaudio_fix import adjust


def _packages(folder: Path, cuda: str, audio: str) -> tuple[Path, Path]:
    torch, torchaudio = folder / "torch", folder / "torchaudio"
    (torchaudio / "lib").mkdir(parents=True, exist_ok=True)
    torch.mkdir(exist_ok=True)
    (torch / "version.py").write_text(f"__version__ = '2.0'\ncuda: Optional[str] = {cuda}\nhip: Optional[str] = None\n")
    (torchaudio / "version.py").write_text(f"__version__ = '{audio}'\n")
    return torch, torchaudio


def test_torchaudio_is_fitted_to_cpu_cuda_and_other_cuda(tmp_path):
    def files() -> list[str]:
        return sorted(path.name for path in (tmp_path / "torchaudio/lib").iterdir())

    folders = _packages(tmp_path, "None", "2.11.0+cu130")
    (tmp_path / "torchaudio/lib/_torchaudio.abi3.so").write_text("")
    assert "moved aside (torch here is CPU only)" in (adjust(*folders) or "")
    assert files() == ["_torchaudio.abi3.so.unused"] and adjust(*folders) is None
    assert "put back" in (adjust(*_packages(tmp_path, "'13.0'", "2.11.0+cu130")) or "")
    assert files() == ["_torchaudio.abi3.so"]
    (tmp_path / "torchaudio/lib/_torchaudio.abi3.so.unused").write_text("of an older version")
    adjust(*folders)
    assert files() == ["_torchaudio.abi3.so"] and not (tmp_path / "torchaudio/lib/_torchaudio.abi3.so").read_text()
    other = adjust(*_packages(tmp_path, "'12.8'", "2.11.0+cu130"))
    assert "CUDA 13.0 moved aside (torch here is CUDA 12.8)" in (other or "")
    assert "put back" in (adjust(*_packages(tmp_path, "None", "2.11.0")) or "")  # built without CUDA, as on macOS


def test_torchaudio_imports_here():
    assert doctor.check_torch().state == "ok"


def test_dvc_settings_and_git_filters(project, call):
    (project / ".dvcignore").write_text("__pycache__/\n*.pyc\n")
    assert doctor.check_dvc().state == "fail" and ".ipynb_checkpoints/" in doctor.check_dvc().text
    (project / ".dvcignore").write_text("__pycache__/\n*.pyc\n.ipynb_checkpoints/\n")
    assert "analytics=false" in doctor.check_dvc().text
    call("dvc", "config", "core.analytics", "false", cwd=project)
    call("dvc", "config", "core.autostage", "true", cwd=project)
    assert doctor.check_dvc().state == "ok"
    assert doctor.check_git().state == "ok"
    (project / ".gitattributes").write_text("*.ipynb filter=nbstripout\n")
    assert doctor.check_git().state == "ok"
    (project / ".gitattributes").write_text("*.png filter=lfs\n")
    assert "reports/figures/x.png" in doctor.check_git().text


def test_this_repository_has_its_dvc_settings(root):
    assert doctor.check_dvc(root).state == "ok"


def test_corpus_root_that_is_not_there_fails(root, tmp_path):
    params = tmp_path / "params.yaml"
    text = (root / "params.yaml").read_text("utf-8")
    params.write_text(text.replace("root: null", f"root: {tmp_path}/nix", 1))
    assert "corpora.chime6.root: no folder" in doctor.check_corpora(params).text
    params.write_text(text.replace("test_root: null", f"test_root: {tmp_path}/nix", 1))
    assert "corpora.voicebank.test_root: no folder" in doctor.check_corpora(params).text


def test_an_orphaned_trainer_is_found(tmp_path):
    script = tmp_path / "thinwire"
    script.write_text("import time\ntime.sleep(20)\n")
    quoted = f"{sys.executable} {script} train x >/dev/null 2>&1 & echo $!"
    pid = subprocess.run(["sh", "-c", quoted], capture_output=True, text=True, cwd=tmp_path).stdout.strip()
    try:
        found = doctor.check_orphans(tmp_path)
        if found.state == "ok":
            pytest.skip("orphans are adopted by another process here")
        assert f"kill {pid}" in found.text
    finally:
        subprocess.run(["kill", pid], check=True)


def test_help_names_every_command_and_imports_none():
    code = (
        "import sys\nfrom thinwire.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'yaml', 'pydantic', 'dvc'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [name for name in cli.COMMANDS if not re.search(rf"^ +{name}\b", text, re.MULTILINE)] == []


def test_real_recordings_must_be_named(capsys, monkeypatch):
    monkeypatch.delenv("THINWIRE_REAL_DATA", raising=False)
    assert cli.main(["real"]) == 2
    assert capsys.readouterr().err.startswith("thinwire: THINWIRE_REAL_DATA is not set; set it to")


def test_what_is_kept_of_the_run_on_real_recordings(tmp_path):
    made = tmp_path / "reports"
    for name in ("figures/a/b.png", "figures/a/players.png", "tables/a/b.csv", "notebooks/a/b.html", "scoreboard.json"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    (made / "README.md").write_text(
        f"By rules ([how](../docs/c.md)). {SITE}Made.\n![](figures/a/b.png)\n![](figures/a/players.png)\n"
    )
    keep(made, tmp_path / "kept")
    found = {str(path.relative_to(tmp_path / "kept")) for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    assert found == {"figures/a/b.png", "tables/a/b.csv", "scoreboard.json", "README.md"}
    page = (tmp_path / "kept" / "README.md").read_text()
    assert page == "By rules ([how](../../docs/c.md)). Made.\n![](figures/a/b.png)\n"


def test_code_of_another_copy_is_refused(capsys, monkeypatch, tmp_path):
    (tmp_path / "src/thinwire").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sources"]) == 2 and "notebooks" in capsys.readouterr().err  # no package, nothing to mix up
    (tmp_path / "src/thinwire/__init__.py").touch()
    assert cli.main(["sources"]) == 2
    assert capsys.readouterr().err.startswith("thinwire: this folder has its own src/thinwire, but the command would")


def test_errors_for_people_are_one_line_and_exit_with_2(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["sources"]) == 2
    assert capsys.readouterr().err.startswith("thinwire: notebooks: holds no <paper>/<name>.ipynb")

    def fails(error: BaseException):
        def run(args):
            raise error

        monkeypatch.setattr("thinwire.cli.sources.run", run)
        return cli.main(["sources"])

    assert fails(PipelineError("two\nlines")) == 2 and capsys.readouterr().err == "thinwire: two lines\n"
    assert fails(OSError(28, "No space left on device", "x.npz")) == 2
    assert capsys.readouterr().err.startswith("thinwire: x.npz: the disk is full")
    assert fails(KeyboardInterrupt()) == 130
