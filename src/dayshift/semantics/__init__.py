"""What the words mean: windows, order, numbers, labels, calendars and the aggregates, in plain and slow Python.

Nothing here is fast and nothing here is clever. Every engine is judged against `reference.answer`, and everybody who
wants to know what a feature means reads these files. Standard library only.
"""
