"""`thinwire export RUN`: a trained codec for edge devices, which `thinwire send` then codes with without torch."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("export", help="write the folder that an edge device needs of a trained codec")
    parser.add_argument("run", help="the codec: a run of aucom_codec that is trained")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; one that is there is replaced")


def run(args: argparse.Namespace) -> int:
    """Write encoder and tables of all taus; an old folder stands until the new one is complete."""
    from thinwire.artifacts import atomic_path
    from thinwire.cli.serve import check_run
    from thinwire.params import load_params
    from thinwire.systems.aucom.codec_net import AuComNet
    from thinwire.systems.aucom.edge_folder import save_edge
    from thinwire.systems.aucom.export import export_encoder
    from thinwire.training.adapters.aucom_codec import load_coder
    from thinwire.training.build import model_folder
    from thinwire.training.state import load_tensors

    params = load_params()
    check_run(params, "RUN", args.run, "aucom_codec")
    stored = load_tensors(model_folder(args.run) / "tables.safetensors")
    tensors = {name: stored[name].numpy() for name in ("taus", "counts")}
    coders = {tau: load_coder(params, args.run, tau) for tau in tensors["taus"].tolist()}
    net = next(iter(coders.values())).net
    assert isinstance(net, AuComNet)
    with atomic_path(args.out, directory=True) as folder:
        save_edge(folder, export_encoder(net), tensors, {tau: one.bitstream.fingerprint for tau, one in coders.items()})
    size = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"{args.out}: {args.run} for tau = {', '.join(f'{tau:g}' for tau in coders)}, {size / 1000:.0f} kB")
    return 0
