"""Tests of the door's parts."""
