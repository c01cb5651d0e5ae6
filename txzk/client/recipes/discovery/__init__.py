"""Service discovery, on the same nodes as Curator's x-discovery. Covered by tests/recipes/."""

from txzk.client.recipes.discovery.instance import Instance, ServiceType, UriSpec
from txzk.client.recipes.discovery.provider import DownPolicy, Provider, RandomChoice, RoundRobin, ServiceCache, Sticky, Strategy
from txzk.client.recipes.discovery.registry import Registry

__all__ = [
    "DownPolicy", "Instance", "Provider", "RandomChoice", "Registry", "RoundRobin", "ServiceCache", "ServiceType", "Sticky", "Strategy", "UriSpec",
]
