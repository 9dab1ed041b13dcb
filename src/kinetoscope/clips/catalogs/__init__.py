"""Lists of labelled videos, one published format a file."""
