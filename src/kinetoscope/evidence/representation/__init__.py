"""What do layers know, as representations: a question a file."""
