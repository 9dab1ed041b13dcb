"""Which verbs are there, and how is it told when one of them fails?

A verb is a module beside this one, and its `command`. It is imported when it is asked for, and it
imports what is heavy only when it runs, so that help and errors of spelling answer at once.
"""

import importlib

import click

import kinetoscope
from kinetoscope.errors import KinetoscopeError, unknown_name
from kinetoscope.memory import keep_memory

VERBS = {
    "demo": "Make videos, train on them, look inside, and say where the report is.",
    "look": "Open a trained network with a catalog of videos and write a report.",
    "networks": "List the networks that can be built.",
    "download": "Fetch the published weights of a network.",
    "layers": "List the layers of a network, with their receptive fields.",
    "make": "Make videos whose truth is known.",
    "check": "Decode every video of a catalog and list what is wrong.",
    "train": "Train a network by a recipe.",
    "classify": "Tell what a network recognizes in a video, also second by second.",
    "evaluate": "Measure how well a network recognizes the videos of a catalog.",
    "scan": "Run a catalog through a network once and keep what its units answered.",
    "maximize": "Synthesize what units of a network would like to see.",
    "select": "Tell which units are specific to a label, and what is lost without them.",
    "confuse": "Tell which labels are mixed up, and which units make the network do so.",
    "retrieve": "Find the clips that excite units most and least, or that are like one.",
    "attribute": "Tell how much each pixel of each frame of a video matters, and to what.",
    "health": "Tell which units are dead, how sparse they are, and which say the same.",
    "motion": "Tell what units and classes owe to motion, and what to appearance.",
    "probe": "Tell how well labels can be read from each layer of a network.",
    "embed": "Lay clips out on a plane, as layers of a network see them.",
    "compare": "Tell which layers of two networks say the same of the same clips.",
    "tune": "Show a network moving patterns and tell what its units are tuned to.",
    "evolve": "Follow units over the checkpoints of a training.",
    "invariance": "Change clips and tell how much of a network's answers is left.",
    "audit": "Find what is peculiar in a catalog: telltale cues, copies, suspicious labels.",
    "check-attribution": "Tell which attribution method can be believed for a network.",
    "train-prior": "Fit a generator to a catalog, in whose code stimuli can be made.",
    "convert": "Make a file of Kinetoscope of another library's checkpoint.",
    "export": "Write a network for programs that know nothing of Kinetoscope.",
    "report": "Write the report of a folder of evidence.",
    "serve": "Show a report in the browser from a local server.",
}
"""Each verb and what it does. The module of a verb has its name, with _ for -."""

INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C has stopped


class Verbs(click.Group):
    """A group that knows the names of its commands before it has imported them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        if cmd_name not in VERBS:
            raise unknown_name("verb", cmd_name, list(VERBS))
        return importlib.import_module(f"kinetoscope.cli.{cmd_name.replace('-', '_')}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KinetoscopeError as error:
            click.echo(error, err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nstopped; what was finished is kept", err=True)
            ctx.exit(INTERRUPTED)


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB [ARGUMENTS]...",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
)
@click.version_option(kinetoscope.__version__, message="kinetoscope %(version)s")
def main() -> None:
    """Train, test and open networks that recognize actions in videos.

    Each verb tells more: kinetoscope VERB --help

    Example: kinetoscope look NETWORK CATALOG --out FOLDER
    """
    keep_memory()
