"""Clips to scores."""
