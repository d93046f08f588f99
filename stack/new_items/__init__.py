"""How soon an item that was just told is recommended, found and compared: a benchmark of processes.

A system of its own is made as for chaos, with a catalogue and a published night, and left in peace.
"""
