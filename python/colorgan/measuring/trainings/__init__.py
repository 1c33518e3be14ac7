"""What trainings showed: their logs, the experiments, and the paper's claims held against them.

May import `quality`.
"""
