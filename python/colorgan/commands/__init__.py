"""The command line: `colorgan COMMAND`. A command parses, checks, and calls the other wings.

A module here is a command: its docstring is the command's description, `add_arguments` fills its
parser, `run` does it. `front_door` has the table of all, and how each of them ends.
"""
