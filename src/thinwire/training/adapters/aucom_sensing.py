"""Compressed sensing in the training loop, on the features that AuComNet gets."""

from __future__ import annotations

from thinwire.nn.trainable import Trainable
from thinwire.params import Params
from thinwire.systems.aucom.compared_system import ComparedSystem
from thinwire.systems.aucom.sensing import SensingNet
from thinwire.training.adapters.aucom_codec import fit
from thinwire.training.adapters.aucom_compared import derived, load

__all__ = ["build", "derived", "fit", "load"]


def build(params: Params, name: str, facts: dict[str, int], to_train: bool) -> Trainable:
    settings = params.systems.aucom_sensing
    net = SensingNet(settings)
    return ComparedSystem(net, settings, settings.measurements)
