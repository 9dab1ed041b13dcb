"""What does each verb of the command line say of itself? Writes docs/cli.md from `--help`."""

from collections.abc import Iterator
from pathlib import Path

import click

from kinetoscope.cli.main import VERBS, main

PATH = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """\
# The command line

Written by `make docs` from what `kinetoscope --help` says. Results go to standard output or to the
folder that `--out` names, everything else to standard error. The exit code is 0, or 1 where
something is wrong that the message tells how to mend, 2 where an option is, 130 after Ctrl-C.
"""


def sections(name: str, command: click.Command, parent: click.Context | None) -> Iterator[str]:
    """The help of a command and of those below it, one section each."""
    settings = main.context_settings | {"terminal_width": 98, "max_content_width": 98}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    depth = "##" if parent is None or parent.parent is None else "###"
    yield f"{depth} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in VERBS if command is main else sorted(command.list_commands(context)):
            found = command.get_command(context, below)
            assert found is not None
            yield from sections(below, found, context)


def text() -> str:
    """All of docs/cli.md."""
    return "\n".join([HEAD, *sections("kinetoscope", main, None)])


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
