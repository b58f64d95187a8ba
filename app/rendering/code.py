"""Code in colours, by Pygments: which characters are of which of a few classes. Pure."""

import time
from collections.abc import Iterator
from functools import lru_cache

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token, _TokenType

LONGEST = 8_000
LONGEST_LINE = 1_000
"""Longer code, and code of longer lines, has no colours: some lexers take their time for it."""
MOST_S = 0.1
"""So long may a lexer compute; what is written takes a tenth of it. Some read ahead from each word to the end."""

LANGUAGES = frozenset(
    (
        *("bash", "sh", "shell", "zsh", "console", "powershell", "c", "cpp", "c++", "csharp", "c#", "cs"),
        *("css", "dart", "diff", "docker", "dockerfile", "elixir", "erlang", "fortran", "go", "golang"),
        *("graphql", "haskell", "html", "ini", "java", "javascript", "js", "json", "jsx", "julia", "kotlin"),
        *("latex", "tex", "lisp", "lua", "make", "makefile", "matlab", "nginx", "objective-c", "ocaml"),
        *("perl", "php", "prolog", "protobuf", "python", "py", "python3", "r", "ruby", "rb", "rust", "rs"),
        *("scala", "scheme", "scss", "sql", "swift", "toml", "tsx", "typescript", "ts", "vb.net", "vim"),
        *("xml", "yaml", "yml", "zig"),
    )
)  # fmt: skip
"""Named, because for a name that it does not know Pygments looks through everything that is installed."""

CLASSES: dict[_TokenType, str] = {
    Token.Comment: "c",
    Token.Keyword: "k",
    Token.Operator.Word: "k",
    Token.Literal.String: "s",
    Token.Literal.Number: "n",
    Token.Name.Function: "f",
    Token.Name.Class: "f",
    Token.Name.Decorator: "f",
    Token.Name.Tag: "k",
    Token.Name.Attribute: "f",
    Token.Name.Builtin: "b",
    Token.Generic.Inserted: "i",
    Token.Generic.Deleted: "d",
    Token.Generic.Heading: "k",
}
NAMES = frozenset(CLASSES.values())


def coloured(code: str, language: str) -> Iterator[tuple[str, str]]:
    """The code piece by piece, each with its class, "" for none."""
    lexer = _lexer(language.lower()) if _is_short(code) else None
    pieces = list(_read(lexer, code)) if lexer else []
    if "".join(text for _, text in pieces) != code:  # a lexer that tidies up
        pieces = [(Token.Text, code)]
    name, text = "", ""
    for kind, piece in pieces:
        now = _class_of(kind)
        if now != name and text:
            yield name, text
            text = ""
        name, text = now, text + piece
    if text:
        yield name, text


def _read(lexer: Lexer, code: str) -> Iterator[tuple[_TokenType, str]]:
    """What the lexer says, until its time is over. The time of this thread: others at work take no colours away."""
    until = time.thread_time() + MOST_S
    for piece in lexer.get_tokens(code):
        yield piece
        if time.thread_time() > until:
            return


def _is_short(code: str) -> bool:
    return len(code) <= LONGEST and max(map(len, code.split("\n"))) <= LONGEST_LINE


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    if language not in LANGUAGES:
        return None
    return get_lexer_by_name(language, stripnl=False, ensurenl=False)


@lru_cache(maxsize=512)
def _class_of(kind: _TokenType) -> str:
    found = [CLASSES[each] for each in kind.split() if each in CLASSES]
    return found[-1] if found else ""
