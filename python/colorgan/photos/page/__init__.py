"""The page in the browser that colours photographs, served from this machine."""
