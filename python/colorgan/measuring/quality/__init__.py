"""How good a generator's colours are: metrics, baselines, its errors, and other methods.

May import `figures`.
"""
