"""Where in a network."""
