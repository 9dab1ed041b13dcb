"""Checkpoints, whoever wrote them."""
