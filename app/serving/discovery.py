"""What a model server speaks: asked once, when its address is given as the base model.

Knows the two protocols' ways of introducing themselves, and nothing of versions or jobs.
"""

import logging
import os
from urllib.parse import urlsplit

import httpx2

from app.engine.options import KEY_VARIABLE
from rlhb_core.errors import BadConfig
from rlhb_core.schema.records import Serving

log = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""Longest wait for each question to a server, in seconds."""


def check_address(address: str) -> None:
    """Raise BadConfig for an address that holds a password: addresses are stored and shown."""
    parts = urlsplit(address)
    if parts.username or parts.password or parts.query:
        raise BadConfig(
            f"the address of a model server may not hold a key or password; put it into {KEY_VARIABLE}"
        )
    if not parts.hostname:
        raise BadConfig("the address of a model server looks like http://host:port")


def discover(address: str, protocol: str) -> tuple[Serving, str]:
    """(protocol, address): how to speak to the server, and its address with `#MODEL` where one must be named.

    `protocol` is auto, tgi or openai. A TGI server whose model has a chat template is spoken to as OpenAI chat, which
    applies the template. Raises BadConfig if it cannot be told.
    """
    check_address(address)
    key = os.environ.get(KEY_VARIABLE)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    root = address.partition("#")[0].rstrip("/").removesuffix("/v1")
    with httpx2.Client(headers=headers, timeout=PATIENCE_S, follow_redirects=True) as client:
        if protocol == "auto":
            protocol = _protocol(client, root)
        if protocol == "tgi":
            return Serving.TGI, root
        if "#" in address:
            return Serving.OPENAI, address
        return Serving.OPENAI, _with_model(client, root, address.rstrip("/"))


def _protocol(client: httpx2.Client, root: str) -> str:
    try:
        info = client.get(f"{root}/info")
        is_tgi = info.status_code == 200 and "model_id" in info.json()
        if not is_tgi:
            return "openai"
        chat = {"model": "tgi", "messages": [{"role": "user", "content": "Hello"}]}
        return "openai" if client.post(f"{root}/chat_tokenize", json=chat).is_success else "tgi"
    except httpx2.HTTPError as error:
        raise BadConfig(
            f"the model server at {root} cannot be reached ({type(error).__name__}); start it first, "
            "or say what it speaks: RLHB_BASE_MODEL_PROTOCOL=tgi or openai"
        ) from None
    except ValueError:  # /info is something else's page
        return "openai"


def _with_model(client: httpx2.Client, root: str, address: str) -> str:
    """The address with the first model that the server lists; as it is if it lists none."""
    try:
        return f"{address}#{client.get(f'{root}/v1/models').json()['data'][0]['id']}"
    except (httpx2.HTTPError, ValueError, LookupError, TypeError) as error:
        log.info("the model server lists no models (%s); give ADDRESS#MODEL", type(error).__name__)
        return address
