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
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if found.is_loopback:
        return str(found)
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


def agent(header: str) -> str:
    """A browser in two words: Firefox, Linux."""
    names = [
        next((name for name, pattern in kinds if pattern.search(header)), "")
        for kinds in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, names)) or "a program"
