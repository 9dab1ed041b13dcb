"""Which few things go wrong, and how is each told to the user?

An error names what failed, what was got, what was expected, and where possible what to do.
The command line prints it without a traceback.
"""


class KinetoscopeError(Exception):
    """Something a user can mend. Every error of this package is one.

    Args:
        what: what failed, with the file, the line or the second where there is one.
        got: what was found there.
        expected: what would have been right.
        hint: what to do about it.

    >>> print(ClipError("clip from a.mp4 is empty", got="0 frames", expected="1 frame or more"))
    clip from a.mp4 is empty
      got:      0 frames
      expected: 1 frame or more
    """

    def __init__(self, what: str, *, got: object, expected: object, hint: str | None = None):
        lines = [what, f"  got:      {got}", f"  expected: {expected}"]
        if hint is not None:
            lines.append(f"  hint:     {hint}")
        super().__init__("\n".join(lines))
        self.what, self.got, self.expected, self.hint = what, str(got), str(expected), hint

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the keyword arguments when an error crosses a process boundary."""
        return _rebuild, (type(self), self.what, self.got, self.expected, self.hint)


def _rebuild(
    kind: type[KinetoscopeError], what: str, got: str, expected: str, hint: str | None
) -> KinetoscopeError:
    return kind(what, got=got, expected=expected, hint=hint)


class VideoError(KinetoscopeError, ValueError):
    """A file is not a video, or a wanted frame of it can't be read."""


class ClipError(KinetoscopeError, ValueError):
    """A clip, or what is asked of it, does not fit."""


class CatalogError(KinetoscopeError, ValueError):
    """A list of videos can't be read or does not say what it must."""


class UnknownNameError(KinetoscopeError, LookupError):
    """No network, layer, label or unit has this name."""


class WeightsError(KinetoscopeError, ValueError):
    """A checkpoint does not fit its network, or is not one."""


class NetworkError(KinetoscopeError, ValueError):
    """A network of the user's own can't be made."""


class RecipeError(KinetoscopeError, ValueError):
    """A recipe has a setting that no recipe has, or a value that can't be used."""


class ExportError(KinetoscopeError, ValueError):
    """A network can't be written in another format, or answers otherwise there."""


class EvidenceError(KinetoscopeError, ValueError):
    """A folder of evidence is not complete, or belongs to another network or catalog."""


class MissingPackageError(KinetoscopeError, ImportError):
    """An optional package is asked for and not installed."""


def unknown_name(kind: str, name: str, known: "list[str] | tuple[str, ...]") -> UnknownNameError:
    """Say that a name is not known, and which ones are near.

    >>> print(unknown_name("layer", "conv5", ["conv5a", "conv5b", "fc6"]))
    no layer is called conv5
      got:      conv5
      expected: one of conv5a, conv5b, fc6
      hint:     near: conv5a, conv5b
    """
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    shown = ", ".join(known[:12]) + (f", and {len(known) - 12} more" if len(known) > 12 else "")
    return UnknownNameError(
        f"no {kind} is called {name}",
        got=name,
        expected=f"one of {shown}" if known else f"no {kind} is there at all",
        hint=f"near: {', '.join(sorted(near))}" if near else None,
    )
