"""Latency of one digit by the rules of MLPerf Inference, through its LoadGen.

    bundle, Keras file, digits ──> subjects ──> LoadGen, in a fresh pinned process each ──> ratios ──> latency.json

A subject is one way to read digits: Keras, a bare interpreter, the runtime's classifier. All of them are measured in
turn, round by round, since machines drift: the ratios within a round count.
"""
