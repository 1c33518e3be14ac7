"""Measures how fast training, packing and colouring are, beside other ways to do the same.

May import every wing except `commands`. Commands are run in processes of their own, as a user runs
them.
"""
