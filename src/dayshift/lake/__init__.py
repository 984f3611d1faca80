"""What survives a crash: events, features, labels, predictions, quarantine, the ledger and saved states."""

from dayshift.lake.lake import Lake
from dayshift.lake.ledger import Ledger
from dayshift.lake.load import Load
from dayshift.lake.log import LakeLog
from dayshift.lake.record import LoadRecord, Origin
from dayshift.lake.retention import Retained
from dayshift.lake.state import State
from dayshift.lake.table import Table

__all__ = ["Lake", "LakeLog", "Ledger", "Load", "LoadRecord", "Origin", "Retained", "State", "Table"]
