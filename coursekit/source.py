"""Show the package's own source in a notebook, so that no chapter pastes a copy that ages."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any


def show(thing: Any) -> None:
    """Display the source of a function, method or class exactly as the package runs it.

    The output is a fenced Markdown block, which JupyterLab, Colab and the built site highlight in their own colours.

    Raises
    ------
    TypeError
        If ``thing`` has no Python source (a number, a built-in).
    """
    try:
        source = textwrap.dedent(inspect.getsource(thing))
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
