"""Scripts without what only people need: comments, and blanks that separate nothing."""

import re

_LITERAL = re.compile(r'("(?:[^"\\\n]|\\.)*"|`[^`]*`|(?<=\()/(?:[^/\\\n]|\\.)+/g?(?=,))')
"""Texts, and patterns that are the first argument of a call: nothing in them is changed."""
_COMMENT = re.compile(r"(?<!\S)//[^\n]*")
_BLANKS = re.compile(r"\s*([^\w\s$#])\s*|(\s)\s*")
_LAST_SEMICOLON = re.compile(r";(?=\})")


def smaller_script(script: str) -> str:
    """The same script; it must end its statements with semicolons, and have none but such literals.

    A line that begins with `//`, or what follows it after a blank, is a comment.
    """
    parts = _LITERAL.split(_COMMENT.sub("", script).strip())
    # Of a split by a group every second part is what the group has found.
    parts[::2] = (_LAST_SEMICOLON.sub("", _BLANKS.sub(r"\1\2", part)) for part in parts[::2])
    return "".join(parts)
