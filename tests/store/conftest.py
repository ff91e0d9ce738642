"""An installation on real servers, people to call as, and the path of a signal."""

from tests.management import house, ingest, installation

__all__ = ["house", "ingest", "installation"]
