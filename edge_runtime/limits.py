"""Every limit in one place, with its unit. What is over one is refused before it costs memory."""

FILE_BYTES = 32 * 1024 * 1024  # bytes: the largest picture file that is read
PIXELS = 50_000_000  # pixels: width times height of the largest picture that is decoded
MANIFEST_BYTES = 16 * 1024 * 1024  # bytes: the largest manifest.json that is parsed
MODEL_BYTES = 256 * 1024 * 1024  # bytes: the largest model file that is loaded
THREADS = 64  # threads: the most an interpreter is asked for
FILE_SECONDS = 30.0  # seconds: a worker that gives no sign of life for twice as long hangs
NAME_BYTES = 64 * 1024  # bytes: the longest path in a list
