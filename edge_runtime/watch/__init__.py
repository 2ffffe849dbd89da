"""From the frames of a camera to stable readings.

In: frames, and a reader of single pages. Out: an event when a reading becomes stable, changes or is gone. A cheap test
of each frame tells whether it is worth reading and what is new in it; tracks follow digits from frame to frame and let
them vote; a text becomes a reading when enough frames show it and a meter's rules allow it.
"""
