"""The command line: `colorgan COMMAND`. A command parses, checks, and calls the other wings.

Each module is a command: its docstring is the command's description, `add_arguments` fills its
parser, and `run` does the work. `front_door` has the table of all commands, and runs them.
"""
