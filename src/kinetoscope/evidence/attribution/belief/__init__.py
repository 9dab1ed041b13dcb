"""Is an attribution to be believed? Each measure has its control."""
