"""Tells the addresses of private networks, in all forms, from public ones."""

import ipaddress
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from cnnxfer.errors import DataError
from cnnxfer.spelling import option

# Networks of IPv6 addresses that end in the IPv4 address that they lead to: compatible
# and mapped addresses (RFC 4291, 2.5.5), translated ones (RFC 2765, 2.1), and those
# behind NAT64 (RFC 6052, 2.1).
_IPV4_NETWORKS = tuple(
    map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
)
# The third quarter of an address that ends in IPv4, by ISATAP (RFC 5214, 6.1).
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
# All public IPv6 addresses lie in it; those of NAT64 for a site (64:ff9b:1::/48, RFC
# 8215), for one, do not, which older versions of Python take for public.
_PUBLIC_IPV6 = IPv6Network("2000::/3")
# They take these for public, too: those of protocols, of a 6to4 relay, and for
# documentation (RFC 9637).
_RESERVED = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
)


def refuse_private_name(host: str) -> None:
    """Raises the same for a name with such an address; an unknown name passes."""
    with suppress(socket.gaierror):
        for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            refuse_private(str(address[0]))


def refuse_private(text: str) -> None:
    """Raises a DataError if an IP address does not lead to the public internet."""
    if not _is_public(ipaddress.ip_address(text)):
        allow = option("--allow-private", True)
        raise DataError(f"private address: {text}; allow it with {allow}")


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if address.is_multicast or any(address in network for network in _RESERVED):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global
    at_end = IPv4Address(int(address) & 0xFFFF_FFFF)
    if any(address in network for network in _IPV4_NETWORKS):
        return _is_public(at_end)
    if address.sixtofour:
        return _is_public(address.sixtofour)
    if int(address) >> 32 & 0xFFFF_FFFF in _ISATAP and not _is_public(at_end):
        return False
    return address in _PUBLIC_IPV6 and address.is_global
