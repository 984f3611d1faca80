"""Folders and tables of databases as a live source: somebody looks, every half second, what is new in them."""

from dayshift.connectors.polling.tap import PollingTap

__all__ = ["PollingTap"]
