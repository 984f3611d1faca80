"""The parts of the door: values from text and other types, times, keys' hashes, repeated keys, drift of columns."""
