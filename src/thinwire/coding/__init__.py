"""Bits: the container, quantisers, integer probability tables and entropy coders."""

from thinwire.coding.container import Header, pack, unpack
from thinwire.coding.entropy import decode_symbols, encode_symbols
from thinwire.coding.models import gaussian_table, laplace_table
from thinwire.coding.quantise import (
    IntegerTable,
    WaterFilling,
    gaussian_centroid,
    integer_table,
    water_fill,
)

__all__ = [
    "Header",
    "IntegerTable",
    "WaterFilling",
    "decode_symbols",
    "encode_symbols",
    "gaussian_centroid",
    "gaussian_table",
    "integer_table",
    "laplace_table",
    "pack",
    "unpack",
    "water_fill",
]
