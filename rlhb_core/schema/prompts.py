"""Prompts: how a query, and the behaviour its answer should draw, become chat messages.

The one place that knows where the behaviour text stands. Does not know any tokenizer.
"""

Message = dict[str, str]


def messages(query: str, behavior: str | None = None) -> list[Message]:
    """Chat messages for a query; a behaviour text goes into the system message (DESIGN: pi(r | q, b))."""
    user = {"role": "user", "content": query}
    if behavior is None:
        return [user]
    return [{"role": "system", "content": behavior}, user]


def without_system(chat: list[Message]) -> list[Message]:
    """The same messages for chat templates that know no system role: its text opens the user's message."""
    if chat[0]["role"] != "system":
        return chat
    head, user = chat[0], chat[1]
    return [{"role": "user", "content": f"{head['content']}\n\n{user['content']}"}, *chat[2:]]
