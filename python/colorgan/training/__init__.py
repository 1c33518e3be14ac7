"""Training: the step of formulas (3) and (4), the loop around it, and the folder it fills.

May import `nets`, `faces` and `measuring`: a run validates itself while it trains.
"""
