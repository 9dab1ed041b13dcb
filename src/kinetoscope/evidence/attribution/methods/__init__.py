"""How is it found how much each pixel matters? One family of methods a file."""
