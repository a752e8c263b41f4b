"""Show the package's own source in a notebook, so that no chapter pastes a copy that ages."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any


def show(thing: Any) -> None:
    """Display the source of a function, method or class as the package runs it.

    Of each docstring the first paragraph is shown; the rest is on the pages of the package. The output is a fenced
    Markdown block, which JupyterLab, Colab and the built site highlight in their own colours.

    Raises
    ------
    TypeError
        If ``thing`` has no Python source (a number, a built-in).
    """
    try:
        source = with_short_docstrings(textwrap.dedent(inspect.getsource(thing)))
    except (TypeError, OSError) as error:
        raise TypeError(f"show: {thing!r} has no Python source; give a function, method or class") from error
    module = inspect.getmodule(thing)
    place = f"# {module.__name__.replace('.', '/')}.py\n" if module and module.__name__ != "__main__" else ""
    text = f"{place}{source.rstrip()}\n"
    try:
        from IPython import get_ipython
        from IPython.display import Markdown, display
    except ImportError:
        print(text)
        return
    if get_ipython() is None:
        print(text)
    else:
        display(Markdown(f"```python\n{text}```"))


def with_short_docstrings(source: str) -> str:
    """The same source, where each docstring ends after its first paragraph."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a piece of a line: the source of a lambda
        return source
    lines = source.splitlines()
    places = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    for node in sorted(places, key=lambda node: -node.lineno):  # from the end, so that the numbers of lines stay right
        if ast.get_docstring(node) is None:
            continue
        begin, end = node.body[0].lineno, node.body[0].end_lineno or 0
        blank = next((i for i in range(begin, end) if not lines[i].strip()), None)  # the line after the first paragraph
        if blank is not None:
            lines[begin - 1 : end] = [*lines[begin - 1 : blank - 1], lines[blank - 1] + '"""']
    return "\n".join(lines)
