"""Events in, predictions out: files, databases, warehouses. Heavy drivers are imported only when they are used."""

from dayshift.connectors.contract import Bookmark, Chunk, Destination, Origin, Reader, ReadPlan
from dayshift.connectors.destinations.opening import open_destination
from dayshift.connectors.opening import open_source

__all__ = ["Bookmark", "Chunk", "Destination", "Origin", "ReadPlan", "Reader", "open_destination", "open_source"]
