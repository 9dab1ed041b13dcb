"""What does `python -m kinetoscope` do? The same as the command `kinetoscope`."""

from kinetoscope.cli.main import main

main(prog_name="kinetoscope")
