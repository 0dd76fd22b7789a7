"""Figures and tables of TF-Codec: one module an idea; numbers come from the stages' tables, drawing happens here."""
