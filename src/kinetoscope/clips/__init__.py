"""Frames to clips."""
