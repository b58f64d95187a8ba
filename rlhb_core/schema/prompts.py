"""Prompts: how a query, what went before it, and the behaviour its answer should draw become chat messages.

The one place that knows where the behaviour text stands. Does not know any tokenizer.
"""

from collections.abc import Sequence

from rlhb_core.schema.history import Message

ChatMessage = dict[str, str]
"""A message as chat templates and model servers take it: role and content."""


def messages(
    query: str, behavior: str | None = None, history: Sequence[Message] = ()
) -> list[ChatMessage]:
    """Chat messages for a query; a behaviour text goes into the system message (DESIGN: pi(r | q, b)).

    An instruction at the beginning of what went before follows it there: there is one system message or none.
    """
    chat = [each.model_dump() for each in history]
    if chat and chat[0]["role"] == "system" and behavior is not None:
        behavior = f"{behavior}\n\n{chat.pop(0)['content']}"
    if behavior is not None:
        chat.insert(0, {"role": "system", "content": behavior})
    return [*chat, {"role": "user", "content": query}]


def without_system(chat: list[ChatMessage]) -> list[ChatMessage]:
    """The same messages for chat templates that know no system role: its text opens the user's message."""
    if chat[0]["role"] != "system":
        return chat
    head, user = chat[0], chat[1]
    return [{"role": "user", "content": f"{head['content']}\n\n{user['content']}"}, *chat[2:]]


def plain(chat: Sequence[ChatMessage]) -> str:
    """The messages for models without a chat template: what is said, a line each."""
    return "".join(f"{each['content']}\n" for each in chat)
