"""Frames of a camera to readings that hold.

In: frames, and a reader of single pages. Out: an event when a reading becomes stable, changes or goes. A cheap look at
each frame tells whether it is worth reading and what is new in it; tracks follow digits from frame to frame and let
them vote; a text counts when it has stood long enough.
"""
