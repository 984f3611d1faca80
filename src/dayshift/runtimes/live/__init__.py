"""`dayshift live`: the pipeline kept up, event by event, with the numbers of the nightly run.

    taps  ->  loop.py     door, features, predictions: one thread, one order        (this is the log's order)
          ->  output.py   the journal, then whoever waits for an answer, then the outputs: one thread
          ->  keeping.py  loads and saved states: one thread
              upkeep.py   labels and warehouses: a process for each time

Between them are short bounded queues: what is slow holds up what is before it, down to the taps, and memory stays bounded. A
micro-batch is what has come while the one before was worked on: one event when little happens, thousands under load.

What is acknowledged or sent stands in the journal (`lake/journal.py`) before. After a crash `settle` makes loads of it, the
state is advanced to the last load, the outputs get what they lack behind their mark, and the taps begin at the cursors.
"""
