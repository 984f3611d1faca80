"""The command line: parse, call, render. Nothing is decided here."""

from dayshift.cli.main import main

__all__ = ["main"]
