"""Two streams, and where they meet."""
