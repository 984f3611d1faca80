"""One file per verb: ingest, features, labels, train, score, gate, promote, monitor, backfill, deliver."""
