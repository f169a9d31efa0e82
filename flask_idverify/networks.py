"""Where the vendor's notifications come from, and how addresses are compared and shortened."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
Networks: TypeAlias = tuple[Network, ...]


def _hosts(*addresses: str) -> Networks:
    return tuple(ip_network(address) for address in addresses)


#: The union of the lists that circulate for both generations, per region (reference, 3.3).
NAMED: Final[dict[str, Networks]] = {
    "jumio-us": _hosts(
        *("34.202.241.227", "34.226.103.119", "34.226.254.127", "52.8.136.236", "54.177.61.57"),
        *("54.183.15.212", "52.52.51.178", "52.53.95.123", "54.67.101.173"),
    ),
    "jumio-eu": _hosts(
        *("34.253.41.236", "35.157.27.193", "52.48.0.25", "52.57.194.92", "52.58.113.86"),
        "52.209.180.134",
    ),
    "jumio-sgp": _hosts(
        *("3.0.109.121", "52.76.184.73", "52.77.102.92", "13.238.100.17", "13.238.203.238"),
        "52.64.132.26",
    ),
}


def parsed(address: str | None) -> IPv4Address | IPv6Address | None:
    """Return the address, an IPv4 one that came over an IPv6 socket as IPv4; ``None`` for none."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def normal(network: Network) -> Network:
    """Return a range in the spelling of its addresses: IPv4 written as IPv6 becomes IPv4."""
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def contains(networks: Networks, address: str | None) -> bool:
    """Whether *address* lies in one of *networks*."""
    found = parsed(address)
    return found is not None and any(found in network for network in networks)


def shortened(address: str | None) -> str | None:
    """Return the network that *address* lies in (/24, /32 of IPv6), which names no person.

    A /48 of IPv6 is what one customer of a provider gets; a /32 is what the provider has.
    """
    found = parsed(address)
    if found is None:
        return None
    return str(ip_network((found, 24 if found.version == 4 else 32), strict=False))
