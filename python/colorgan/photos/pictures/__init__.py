"""Files of still pictures: read as gray, and written in colour with what they said besides.

Imports nothing else of `photos` but `containers`.
"""
