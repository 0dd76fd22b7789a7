"""`thinwire train-long RUN --hours H`: reference weights."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("train-long", help="make reference weights in hours, on this machine or another")
    parser.add_argument("run")
    parser.add_argument("--hours", type=float, required=True, help="stop after so many hours; start again to go on")
    parser.add_argument("--steps", type=int, default=20_000, help="steps of the whole schedule")
    parser.add_argument(
        "--data", type=Path, action="append", default=[], help="segment folder; may be given several times"
    )
    parser.add_argument("--start", type=Path, default=None, help="weights of another run of the system to start from")
    parser.add_argument("--refit", default="", help="part to fit to training clips then (TF-Codec: codebooks, loop)")
    parser.add_argument("--batch", type=int, default=None, help="items of a step (default: training.batch)")
    parser.add_argument("--lr", type=float, default=None, help="highest learning rate (default: training.long_lr)")
    parser.add_argument("--out", type=Path, default=Path("weights"))
    parser.add_argument("--note", default="embedded corpora", help="origin and licence of the data, for the card")
    parser.add_argument("--precision", choices=["32-true", "bf16-mixed", "16-mixed"], default=None)
    parser.add_argument("--accelerator", choices=["cpu", "auto"], default=None)


def run(args: argparse.Namespace) -> int:
    from thinwire.params import load_params
    from thinwire.params.base import Training
    from thinwire.training.long import train_long

    params = load_params()
    settings = params.training_of(args.run)
    changes = {key: getattr(args, key) for key in ("precision", "accelerator", "batch", "lr") if getattr(args, key)}
    long = {"lr": settings.long_lr, "warmup": 100, "validate_every": 200, "checkpoint_every": 200}
    settings = Training(**(settings.model_dump() | long | changes))
    path = train_long(
        params, args.run, args.hours, args.steps, args.data, args.out, args.note, settings, args.start, args.refit
    )
    print(f"wrote {path} and {path.with_suffix('.json')}")
    return 0
