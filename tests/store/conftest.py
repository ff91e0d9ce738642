"""An installation on real servers, and people to call as."""

from tests.management import house, installation

__all__ = ["house", "installation"]
