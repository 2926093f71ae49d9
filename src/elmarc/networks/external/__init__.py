"""A module of one's own as a network: what its layers give, and the digests that its features are kept by."""

from __future__ import annotations

from elmarc.networks.external.network import ExternalNetwork

__all__ = ["ExternalNetwork"]
