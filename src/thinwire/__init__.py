"""thinwire: speech over a thin wire. Four papers on learned speech compression, rebuilt and put on one bench."""

__version__ = "0.1.0"
