"""How fast it is: training, packing and colouring, each against a plain way to do the same.

May import every wing but `commands`; programs are run as a user runs them.
"""
