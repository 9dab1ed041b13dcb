"""Fit and evaluate."""
