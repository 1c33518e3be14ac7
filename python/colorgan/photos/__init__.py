"""Colours photographs and videos of any size, for people: on the command line and on a page.

May import `nets` and `faces`. What is here works without Caffe, from pip packages alone.
"""
