"""What is peculiar in the data: one question a file."""
