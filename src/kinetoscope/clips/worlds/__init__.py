"""Made videos whose truth is known."""
