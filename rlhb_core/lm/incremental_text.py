"""Tokens into text while they come, never splitting a character.

Knows only a tokenizer. Each token costs the same however long the text has grown. Not tokenizers' `DecodeStream`: it
raises an error (0.23: "Invalid prefix encountered") where a model with byte tokens writes a character, a piece of one
and then a word, as sampled text does now and then.
"""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase


class IncrementalText:
    """Tokens in, text out, in pieces that join to the whole.

    A token that ends within a character is held back until the character is complete; special tokens are never shown.
    """

    WINDOW = 24
    OVERLAP = 6

    def __init__(self, tokenizer: PreTrainedTokenizerBase, before: Sequence[int] = ()) -> None:
        """`before`: tokens that the text goes on from: some tokenizers write a word's space only within a text."""
        self._tokenizer = tokenizer
        self._window: list[int] = list(before[-self.OVERLAP :])
        self._shown = (  # the text of the window that has been given out
            self._decode(self._window) if self._window else ""
        )
        self._pieces: list[str] = []
        self.tokens = 0

    @property
    def text(self) -> str:
        """Everything given out so far."""
        return "".join(self._pieces)

    def push(self, token: int) -> str:
        """The text that this token adds, possibly none."""
        self.tokens += 1
        self._window.append(token)
        text = self._decode(self._window)
        if text.endswith("\ufffd"):  # in the middle of a character
            return ""
        piece = text[len(self._shown) :]
        self._shown = text
        if piece:
            self._pieces.append(piece)
        if len(self._window) > self.WINDOW:
            self._slide()
        return piece

    def _slide(self) -> None:
        """Forget the window's beginning, so that each token costs the same however long the text grows."""
        rest = self._window[-self.OVERLAP :]
        text = self._decode(rest)
        if self._shown.endswith(text.lstrip("\ufffd")):  # else it was cut inside a character: later
            self._window, self._shown = rest, text

    def _decode(self, tokens: list[int]) -> str:
        text = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        assert isinstance(text, str)  # one sequence in, one text out
        return text
