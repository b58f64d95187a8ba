"""What the model process takes and says: the part of the OpenAI chat protocol that a question needs, with what
went before it.

Holds the request's shape, the events of a stream and the errors, as vLLM words them. Does not know the model.
"""

from typing import Any

import orjson
from pydantic import BaseModel, Field

from app.engine.options import BASE_NAME, LEFT_OUT
from rlhb_core.errors import BadRecord
from rlhb_core.lm.rows import Finished, Row
from rlhb_core.schema.history import MOST_TURNS, Message, in_turns, packed
from rlhb_core.schema.record import now_ms

SENTENCE = "sentence"
"""Type of an error whose message is a sentence for the person who asked."""


class Chat(BaseModel):
    """A request for an answer. Fields that we do not know are passed over, as other servers do."""

    model: str
    messages: list[Message] = Field(min_length=1, max_length=2 * MOST_TURNS + 3)
    stream: bool = False
    max_tokens: int = Field(default=256, ge=1, le=1 << 20)
    temperature: float = Field(default=1.0, ge=0, le=5, allow_inf_nan=False)
    seed: int | None = None
    continue_final_message: bool = False

    def row(self) -> Row:
        """The answer to write. Raises BadRecord for a chat of another shape than [system, (user, assistant) ...] user,
        with what stands of the answer behind it if it is to go on.
        """
        chat = list(self.messages)
        behavior = chat.pop(0).content if chat[0].role == "system" else None
        goes_on = self.continue_final_message and bool(chat) and chat[-1].role == "assistant"
        so_far = chat.pop().content if goes_on else ""
        try:
            if not chat or chat[-1].role != "user":
                raise ValueError
            history = in_turns(chat[:-1])
        except ValueError:
            raise BadRecord(
                "this server answers a question: a system message if wanted, then questions and answers by turns, the "
                "last one a question; an answer to go on with needs continue_final_message"
            ) from None
        return Row(
            query=packed(history, chat[-1].content),
            behavior=behavior,
            so_far=so_far,
            adapter=None if self.model == BASE_NAME else self.model,
            temperature=self.temperature,
            max_new_tokens=self.max_tokens,
            seed=self.seed,
        )


class Adapter(BaseModel):
    """A request to load or unload an adapter."""

    lora_name: str = Field(min_length=1, max_length=200)
    lora_path: str = ""


def event(model: str, text: str = "", end: Finished | None = None) -> bytes:
    """One event of a stream."""
    if end is not None and end.error:
        return b"data: " + orjson.dumps(error(end.error, SENTENCE)) + b"\n\n"
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": _reason(end)}
    chunk = _head(model, "chat.completion.chunk") | {"choices": [choice]}
    if end is not None:
        chunk["usage"] = _usage(end)
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def whole(model: str, end: Finished) -> dict[str, Any]:
    """An answer that was not streamed."""
    message = {"role": "assistant", "content": end.text}
    choice = {"index": 0, "message": message, "finish_reason": _reason(end)}
    return _head(model, "chat.completion") | {"choices": [choice], "usage": _usage(end)}


def error(message: str, kind: str) -> dict[str, Any]:
    """What went wrong."""
    return {"error": {"message": message, "type": kind}}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": "rlhb", "object": kind, "created": now_ms() // 1000, "model": model}


def _usage(end: Finished) -> dict[str, int]:
    return {"completion_tokens": end.tokens, LEFT_OUT: end.left_out}


def _reason(end: Finished | None) -> str | None:
    if end is None:
        return None
    return "length" if end.truncated else "stop"
