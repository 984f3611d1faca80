"""Engines: they turn a pipeline and a log into features and labels. Each has the same file names and the same answers."""
