"""How far is it, and how long will it take? Shown on terminals only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

Advance = Callable[..., None]
"""Call it after each step, or after a number of `steps`; with `what` is done now and what is `said`
behind the bar, if any."""


@contextmanager
def tracked(what: str, steps: int, *, shown: bool, done: int = 0) -> Iterator[Advance]:
    """Show a bar with steps and the time left. Each step may rename it, and say something behind.

    Nothing is written where standard error is no terminal, as in logs and pipes.

    Args:
        what: is being done.
        steps: how many there are.
        shown: False for no bar anywhere.
        done: how many are done already, as after an interruption.
    """
    with _bar(shown) as bar:
        task = bar.add_task(what, total=steps, completed=done, said="")

        def advance(*, steps: int = 1, what: str | None = None, said: str = "") -> None:
            bar.update(task, advance=steps, description=what, said=said)

        yield advance


@contextmanager
def counted(what: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar that is told how many steps are done, and of how many; otherwise as `tracked`."""
    with _bar(shown) as bar:
        task = bar.add_task(what, total=None, said="")
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _bar(shown: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
    )
