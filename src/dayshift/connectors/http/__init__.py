"""Events sent by HTTP: `POST /events/SOURCE`, answered once they are on the disk. The tap is in `tap.py`."""
