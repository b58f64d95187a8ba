"""The generator: queries and responses as tokens, and what a trunk says of them.

Holds prompts and responses as tokens, and log-probabilities of responses. Rows are padded on the left, masks are
explicit, and position ids come from the mask, so that sampling (`sampling.py`) and re-scoring see the same positions.
Does not know how a model is loaded (`trunk.py`), rewards or losses.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, cast

import torch
from jinja2 import TemplateError
from torch import Tensor
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from rlhb_core.lm.trunk import Trunk
from rlhb_core.schema.history import Message, turns_of, unpacked, without_oldest
from rlhb_core.schema.prompts import ChatMessage, messages, plain, without_system
from rlhb_core.schema.records import ONE_QUESTION

# --- prompts and responses as tokens --------------------------------------------------------------


class Fitted(NamedTuple):
    """A prompt as tokens, and how many of the oldest turns it leaves out."""

    ids: list[int]
    left_out: int


def encode_prompt(
    trunk: Trunk, query: str, behavior: str | None = None, most: int | None = None
) -> list[int]:
    """Token ids of the prompt that asks `query`, conditioned on a behaviour text if one is given; the last `most`.

    `query` may be packed with what went before it (`schema.history`), for training as for serving.
    """
    ids = fit_prompt(trunk, query, behavior, most).ids
    return ids if most is None else ids[-most:]


def fit_prompt(
    trunk: Trunk, query: str, behavior: str | None = None, most: int | None = None
) -> Fitted:
    """The same with as many of the last turns as fit into `most` tokens; all of them without it.

    Whole turns are left out, the oldest first, and never the question: alone it may still be too long. A base that
    takes each question by itself is given none.
    """
    asked = unpacked(query)
    there = turns_of(asked.history)

    def ids_without(turns: int) -> list[int]:
        return _encoded(trunk, asked.query, behavior, without_oldest(asked.history, turns))

    left_out = there if trunk.base in ONE_QUESTION else 0
    ids = ids_without(left_out)
    if most is not None and left_out < there and len(ids) > most:
        fits = lambda turns: len(ids_without(turns)) <= most  # noqa: E731
        left_out = bisect_left(range(there), True, lo=1, key=fits)
        ids = ids_without(left_out)
    return Fitted(ids, left_out)


def _encoded(
    trunk: Trunk, query: str, behavior: str | None, history: Sequence[Message]
) -> list[int]:
    tokenizer = trunk.tokenizer
    if tokenizer.chat_template is None:
        ids: list[int] = tokenizer(plain(messages(query, behavior or None, history)))["input_ids"]
        return ids
    chat = messages(query, behavior, history)
    if chat[0]["role"] == "system" and not _takes_system(tokenizer):
        chat = without_system(chat)
    return cast(
        list[int], tokenizer(_render(tokenizer, chat), add_special_tokens=False)["input_ids"]
    )


def encode_response(trunk: Trunk, response: str, ended: bool = True) -> list[int]:
    """Token ids of a response as text; the end token closes it unless it was cut off."""
    ids: list[int] = trunk.tokenizer(response, add_special_tokens=False)["input_ids"]
    return [*ids, cast(int, trunk.tokenizer.eos_token_id)] if ended else ids


def decode_responses(trunk: Trunk, responses: Sequence[Sequence[int]]) -> list[str]:
    """The texts of sampled responses, without special tokens."""
    if not responses:
        return []  # the tokenizer makes an empty text of no rows
    return [
        text.strip()
        for text in trunk.tokenizer.batch_decode(
            [list(ids) for ids in responses],
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
    ]


@lru_cache(maxsize=8)
def _takes_system(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the chat template has a place for the system message: some refuse it, some drop it."""
    try:
        return "behavior-probe" in _render(tokenizer, messages("query", "behavior-probe"))
    except TemplateError:
        return False


def _render(tokenizer: PreTrainedTokenizerBase, chat: list[ChatMessage]) -> str:
    return str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))


class Tokens(NamedTuple):
    """Prompts and responses as one batch: [padding | prompt, response], ends aligned on the right."""

    ids: Tensor  # [B, T]
    mask: Tensor  # [B, T], 1 where a token is real
    response_mask: Tensor  # [B, R], of the last R columns: 1.0 where a response token is real (the end token counts)

    @property
    def response_ids(self) -> Tensor:
        """[B, R]."""
        return self.ids[:, -self.response_mask.shape[1] :]


def collate(
    prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], device: torch.device
) -> Tokens:
    """Put B prompts and responses into one batch. No mask is ever inferred from the padding id."""
    longest = max(1, *map(len, responses))
    rows = [[*prompt, *response] for prompt, response in zip(prompts, responses, strict=True)]
    width = max(longest + 1, *map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    response_mask = torch.zeros(len(rows), longest)
    for index, (row, response) in enumerate(zip(rows, responses, strict=True)):
        ids[index, width - len(row) :] = torch.tensor(row)
        mask[index, width - len(row) :] = 1
        response_mask[index, longest - len(response) :] = 1
    return Tokens(*(_moved(tensor, device) for tensor in (ids, mask, response_mask)))


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """On the device; a GPU fetches it while the CPU goes on."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def positions(mask: Tensor) -> Tensor:
    """Position ids [B, T] that count real tokens only."""
    return (mask.cumsum(1) - 1).clamp(min=0)


# --- log-probabilities ----------------------------------------------------------------------------


class Scored(NamedTuple):
    """What one forward pass says about B responses, aligned as in `Tokens`."""

    logprobs: Tensor  # [B, R], of the response tokens at the sampling temperature; 0 under the mask
    hidden: (
        Tensor  # [B, R + 1, H], last hidden states: before each response token, and after the last
    )
    logits: Tensor  # [B, R, V], divided by the temperature


class Measured(NamedTuple):
    """What a policy says about B responses, token by token from the left; 0 under the mask."""

    logprobs: Tensor  # [B, R]
    mask: Tensor  # [B, R]
    entropy: Tensor  # [B, R]
    hidden: Tensor  # [B, R, H], before each response token


def unmeasured(trunk: Trunk, count: int, longest: int, full: bool = True) -> Measured:
    """Zeros for so many responses; without `full` the hidden states have no width."""
    width = trunk.model.config.get_text_config().hidden_size if full else 0
    sizes = ((), (), (), (width,))
    return Measured(*(torch.zeros(count, longest, *s, device=trunk.device) for s in sizes))


def from_left(sizes: Sequence[int], longest: int) -> Tensor:
    """The mask [B, longest] of responses of these sizes, from the left: 1.0 where a token is real."""
    return (torch.arange(longest) < torch.tensor(sizes)[:, None]).float()


def log_probabilities(logits: Tensor) -> Tensor:
    """[..., V] -> [..., V], for sampling and for scoring alike.

    Not `log_softmax`: its sums in float32 drift by 7e-6 a token at a vocabulary of 49,000 and by 3e-5 at 262,000, so
    that one formula for writing and another one for scoring would make long answers look as if the policy had moved.
    """
    return logits - torch.logsumexp(logits, dim=-1, keepdim=True)


def of_tokens(logits: Tensor, ids: Tensor) -> Tensor:
    """What `log_probabilities` says of the tokens `ids`, without keeping it of all others. [..., V], [...] -> [...]."""
    chosen = torch.gather(logits, -1, ids[..., None])[..., 0]
    return chosen - torch.logsumexp(logits, dim=-1)


def score(trunk: Trunk, tokens: Tokens, temperature: float = 1.0) -> Scored:
    """Log-probabilities of the responses under the adapter in use, over response positions only."""
    length = tokens.response_mask.shape[1]
    out = trunk.model(
        input_ids=tokens.ids,
        attention_mask=tokens.mask,
        position_ids=positions(tokens.mask),
        use_cache=False,
        output_hidden_states=True,
        logits_to_keep=length + 1,
    )
    logits = out.logits[:, :-1].float() / temperature  # [B, R, V]
    logprobs = of_tokens(logits, tokens.response_ids) * tokens.response_mask
    hidden = out.hidden_states[-1][:, -(length + 1) :].float()
    return Scored(logprobs, hidden, logits)


def by_length(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices in chunks of at most `size`, rows of similar length together: little padding. Deterministic."""
    order = sorted(range(len(lengths)), key=lambda index: lengths[index])
    return [order[start : start + size] for start in range(0, len(order), size)]
