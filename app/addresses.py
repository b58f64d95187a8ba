"""Names and addresses of machines: what a header or a URL says, and how near that is. Looks nothing up."""

import ipaddress
import re

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:[0-9]*)?")


def host_of(header: str) -> str:
    """The name or address that a Host header holds, without the port; empty if it holds neither."""
    found = _HOST.fullmatch(header)
    return found[1] if found else ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_of_url(url: str) -> str:
    """The name or address in a URL, without the port."""
    return host_of(url.partition("://")[2].partition("/")[0])


def is_private(host: str) -> bool:
    """Whether a host name or address is in a network of one's own."""
    if is_loopback(host):
        return True
    try:
        found = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return found.is_private and not found.is_unspecified
