"""Answers that can be read: the text of a model as blocks of HTML that can do nothing, each with its place in the text.

Markdown with tables, struck text, task lists and formulas, code in colours, thoughts told apart. What a model writes is
text: raw HTML is shown as it was written, an image is named and never loaded, a link has an address and no target. What
takes too long to render is shown as plain text. Texts of operators are rendered here, too. Knows no store and no page.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.rendering.block import Block
from app.rendering.growing import Growing, as_written, rendered
from app.rendering.operators import text_of_operator

__all__ = ["Block", "Growing", "as_written", "rendered", "text_of_operator"]
