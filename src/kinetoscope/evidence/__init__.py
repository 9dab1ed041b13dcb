"""What we learn, one question a file."""
