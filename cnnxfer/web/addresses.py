"""Tells the addresses of private networks, in all forms, from public ones."""

import ipaddress
import socket
from contextlib import suppress

from cnnxfer.errors import DataError
from cnnxfer.spelling import option

# Networks of IPv6 addresses that end in the IPv4 address that they lead to: compatible
# and mapped addresses (RFC 4291, 2.5.5), and those behind NAT64 (RFC 6052, 2.1).
_IPV4_NETWORKS = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96"))
)


def refuse_private_name(host: str) -> None:
    """Raises the same for a name with such an address; an unknown name passes."""
    with suppress(socket.gaierror):
        for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            refuse_private(str(address[0]))


def refuse_private(text: str) -> None:
    """Raises a DataError if an IP address does not lead to the public internet."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _IPV4_NETWORKS):
            address = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        elif address.sixtofour:
            address = address.sixtofour
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    if not address.is_global or address.is_multicast or site_local:
        allow = option("--allow-private", True)
        raise DataError(f"private address: {text}; allow it with {allow}")
