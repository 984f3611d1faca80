"""One file a verb: what can be done to a pipeline, whatever the rhythm."""
