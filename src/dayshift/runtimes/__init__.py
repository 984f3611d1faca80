"""The same lifecycle at its rhythms: the night now, live later. Here names become objects and times are passed on."""
