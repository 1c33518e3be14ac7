"""From pictures to faces as CelebA's: found, aligned, cut out, packed, drawn, in batches.

May import `nets`: a record of the database is Caffe's Datum.
"""
