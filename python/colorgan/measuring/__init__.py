"""What came out: metrics, figures, experiments, and what they say of the paper's claims.

May import `nets`, `faces` and `photos`. A training is known here by the log it wrote.
"""
