"""Imports Gradio without a service for those who write components, which is a third of this app's start.

Whenever a component's class is made, Gradio parses its source twice and writes a stub for editors beside it, into the
installed package: 2.2 of the 5.9 CPU-seconds that importing the app took, and two apps that start together write the
same files. It is left out where a class has no source file; so that is what Gradio is told of its own classes.
To be imported before anything else imports Gradio.
"""

import inspect
import os
from typing import Any


def _import_gradio() -> None:
    getfile = inspect.getfile

    def as_if_typed_in(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no source file")
        return getfile(thing)

    inspect.getfile = as_if_typed_in  # type: ignore[assignment]
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = getfile


os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when it is imported
_import_gradio()
