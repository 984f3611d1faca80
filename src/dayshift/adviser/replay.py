"""The replay: what the model would have been worth, fitted again and again on what was known then."""

from dayshift.adviser.tracks import Grid, Progress, ReplayOptions, Track

__all__ = ["Grid", "Progress", "ReplayOptions", "Track"]
