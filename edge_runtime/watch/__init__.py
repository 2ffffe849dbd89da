"""From the frames of a camera to stable readings.

In: frames, and a reader of single pages. Out: an event when a reading becomes stable, changes or is gone. A cheap check
of each frame decides whether to read it and finds new objects; tracks follow digits from frame to frame and collect
votes; a text becomes a reading when enough frames show it and the rules of the meter allow it.

`session.WatchSession` runs a whole watch: source, frames, sinks and commands. `frames.FrameReader` turns the frames of
one source into events and does no input or output.
"""
