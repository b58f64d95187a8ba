"""From where, and by what, somebody comes: as much as is kept of it. Knows no database."""

import ipaddress
import re

_BROWSERS = (
    ("Edge", re.compile(r"Edg")),
    ("Opera", re.compile(r"OPR/")),
    ("Firefox", re.compile(r"Firefox/")),
    ("Chrome", re.compile(r"Chrom(e|ium)/")),
    ("Safari", re.compile(r"Safari/")),
)
_SYSTEMS = (
    ("Android", re.compile(r"Android")),
    ("iOS", re.compile(r"iPhone|iPad")),
    ("Windows", re.compile(r"Windows")),
    ("macOS", re.compile(r"Mac OS X")),
    ("Linux", re.compile(r"Linux")),
)


def shortened(address: str) -> str:
    """The network that an address is in: 192.0.2.0/24, 2001:db8:1::/48; loopback as it is."""
    found = _parsed(address)
    if found is None:
        return "unknown"
    if found.is_loopback:
        return str(found)
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


def counted(address: str) -> str:
    """What tries are counted by: an address, or of IPv6 its /64, of which everybody has the whole."""
    found = _parsed(address)
    if found is None or found.version == 4:
        return str(found or address)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, one of IPv4 as such even if it came over a socket of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def agent(header: str) -> str:
    """A browser in two words: Firefox, Linux."""
    names = [
        next((name for name, pattern in kinds if pattern.search(header)), "")
        for kinds in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, names)) or "a program"
