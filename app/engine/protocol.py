"""What the model process takes and says: the part of the OpenAI chat protocol that one question and its answer need.

Holds the request's shape, the events of a stream and the errors, as vLLM words them. Does not know the model.
"""

from typing import Any, Literal

import orjson
from pydantic import BaseModel, Field

from app.engine.options import BASE_NAME
from rlhb_core.errors import BadRecord
from rlhb_core.lm.decoding import Finished, Row
from rlhb_core.schema.record import now_ms

SENTENCE = "sentence"
"""Type of an error whose message is a sentence for the person who asked."""


class Message(BaseModel):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Chat(BaseModel):
    """A request for an answer. Fields that we do not know are passed over, as other servers do."""

    model: str
    messages: list[Message] = Field(min_length=1, max_length=3)
    stream: bool = False
    max_tokens: int = Field(default=256, ge=1, le=1 << 20)
    temperature: float = Field(default=1.0, ge=0, le=5, allow_inf_nan=False)
    seed: int | None = None
    continue_final_message: bool = False

    def row(self) -> Row:
        """The answer to write. Raises BadRecord for chats of another shape than [system,] user[, assistant]."""
        chat = list(self.messages)
        behavior = chat.pop(0).content if chat[0].role == "system" else None
        roles = [message.role for message in chat]
        goes_on = roles == ["user", "assistant"] and self.continue_final_message
        if roles != ["user"] and not goes_on:
            raise BadRecord(
                "this server answers one question: a system message if wanted, then the user's; "
                "an answer to go on with needs continue_final_message"
            )
        return Row(
            query=chat[0].content,
            behavior=behavior,
            so_far=chat[1].content if goes_on else "",
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
        chunk["usage"] = {"completion_tokens": end.tokens}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def whole(model: str, end: Finished) -> dict[str, Any]:
    """An answer that was not streamed."""
    message = {"role": "assistant", "content": end.text}
    choice = {"index": 0, "message": message, "finish_reason": _reason(end)}
    usage = {"completion_tokens": end.tokens}
    return _head(model, "chat.completion") | {"choices": [choice], "usage": usage}


def error(message: str, kind: str) -> dict[str, Any]:
    """What went wrong."""
    return {"error": {"message": message, "type": kind}}


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": "rlhb", "object": kind, "created": now_ms() // 1000, "model": model}


def _reason(end: Finished | None) -> str | None:
    if end is None:
        return None
    return "length" if end.truncated else "stop"
