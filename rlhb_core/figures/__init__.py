"""Curves and pages of runs. Knows no model."""
