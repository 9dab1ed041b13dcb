"""Networks for pictures, and how they see clips."""
