"""Files of still pictures: reads them as gray, and writes coloured ones with their metadata.

Of `photos`, imports only `containers`.
"""
