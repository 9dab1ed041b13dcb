"""What does the report tell of each kind of evidence: a file a kind."""
