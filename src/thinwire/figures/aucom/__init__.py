"""Figures and tables of AUCOM: one module an idea; numbers come from the stages' tables, drawing happens here."""
