"""`dayshift version`."""

from dayshift.cli.options import Json
from dayshift.cli.tables import emit


def version(as_json: Json = False) -> None:
    """Print the version."""
    from dayshift import __version__

    emit({"version": __version__}, [__version__], as_json=as_json)
