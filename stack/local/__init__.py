"""The stack on this machine: its servers and processes, its home folder, and how it starts."""
