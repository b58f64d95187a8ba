"""A block of a rendered answer, and the map from what is read back to what was written. Pure data."""

from pydantic import Field

from rlhb_core.schema.record import Record


class Block(Record):
    """A paragraph, a list, a table, a piece of code: what stands on its own in an answer.

    Places count characters (Unicode code points) of the answer's text.
    """

    start: int = Field(description="Where it begins in the answer's text.")
    end: int = Field(description="Where it ends there, white space at its end left out.")
    html: str = Field(description="Sanitised.")
    map: str = Field(
        default="",
        description="Which text of the HTML stands where in the answer, as runs with blanks between them: "
        "`at,from,length` are characters as they were written, `at,from,shown,written` some that read otherwise than "
        "they were written. `at` counts the text of the HTML without what has `data-chrome`, `from` from `start` on.",
    )
    thought: bool = Field(
        default=False,
        description="Whether it belongs to what the model said to itself, in <think>.",
    )
