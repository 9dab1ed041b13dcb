"""Scans: how what was answered is summed up, kept, and put together."""
