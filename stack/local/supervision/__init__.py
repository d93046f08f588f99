"""The supervisor: starts the processes of the stack, watches them, starts them again, stops them.

Writes the state file and the logs in the home folder.
"""
