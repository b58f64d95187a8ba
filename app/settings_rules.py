"""Which settings of a server with accounts go together. Each check raises ValueError with what to do instead."""

import ipaddress
import re
from typing import TYPE_CHECKING

from app.addresses import host_of_url, is_private

if TYPE_CHECKING:
    from app.settings import Settings

SHORTEST_SECRET = 32
"""Fewest characters of a secret that an operator chooses."""

_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?/?")


def check_tls(settings: "Settings") -> None:
    """People sign in over TLS, or somebody has said that they do not."""
    own_tls = settings.tls_certificate is not None or settings.tls_key is not None
    ways = [own_tls, settings.behind_proxy, settings.insecure_http]
    if not settings.team:
        if any(ways):
            raise ValueError(
                "only a server with accounts speaks TLS or stands behind a proxy; set RLHB_TEAM=true (--team) too"
            )
        return
    if sum(ways) != 1:
        raise ValueError(
            "passwords want TLS, by one of three ways: --tls-certificate and --tls-key if this server speaks it, "
            "--behind-proxy if a proxy does (docs/deploy has Caddy and nginx), or --insecure-http for a private "
            "network that you trust"
        )
    if own_tls and (settings.tls_certificate is None or settings.tls_key is None):
        raise ValueError("tls_certificate and tls_key belong together; give both")
    for file in filter(None, (settings.tls_certificate, settings.tls_key)):
        if not file.is_file():
            raise ValueError(
                f"there is no file {file}; tls_certificate and tls_key are files in PEM"
            )
    if settings.insecure_http and not is_private(settings.host):
        raise ValueError(
            f"insecure_http is for a loopback or private address, and {settings.host} is neither; name the address in "
            "your own network (--host 192.168.1.5), or use TLS"
        )


def check_names(settings: "Settings") -> None:
    """The address that people open is one, and proxies are machines."""
    if settings.public_url and not _ORIGIN.fullmatch(settings.public_url):
        raise ValueError("public_url: an address without a path, such as https://label.example.org")
    if settings.public_url.startswith("http:") and not settings.insecure_http:
        raise ValueError("public_url: begins with https:// (or set insecure_http)")
    for each in settings.proxies:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError:
            raise ValueError(
                f"trusted_proxies: {each!r} is no address or network, such as 10.0.0.5 or 172.16.0.0/12"
            ) from None


def check_providers(settings: "Settings") -> None:
    """Whoever else says who people are is named in full, and cannot be played by others."""
    openid = (settings.openid_issuer, settings.openid_client_id, settings.openid_client_secret)
    if any(openid) and not (settings.team and all(openid) and settings.origin):
        raise ValueError(
            "signing in by OpenID Connect takes team, openid_issuer, openid_client_id, openid_client_secret and "
            "public_url"
        )
    if settings.openid_issuer and not settings.openid_issuer.startswith("https://"):
        inside = is_private(host_of_url(settings.openid_issuer))
        if not (inside and settings.openid_issuer.startswith("http://")):
            raise ValueError("openid_issuer: begins with https://")
    for name in ("cookie_secret", "proxy_secret"):
        if 0 < len(getattr(settings, name)) < SHORTEST_SECRET:
            raise ValueError(f"{name}: at least {SHORTEST_SECRET} characters")
    if settings.proxy_user_header and not (settings.behind_proxy and settings.proxy_secret):
        raise ValueError(
            "proxy_user_header takes behind_proxy and proxy_secret, or anybody could say who they are"
        )
