"""Reports as files that other people open: HTML."""
