"""The command line: parse, call, render. Nothing is decided here."""

from dayshift.cli.frame import main

__all__ = ["main"]
