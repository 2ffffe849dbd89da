"""Every limit in one place, with its unit. What is over one is refused before it costs memory."""

FILE_BYTES = 32 * 1024 * 1024  # bytes: the largest picture file that is read
PIXELS = 50_000_000  # pixels: width times height of the largest picture that is decoded
MANIFEST_BYTES = 16 * 1024 * 1024  # bytes: the largest manifest.json that is parsed
MODEL_BYTES = 256 * 1024 * 1024  # bytes: the largest model file that is loaded
THREADS = 64  # threads: the most an interpreter is asked for
FILE_SECONDS = 30.0  # seconds: a worker that gives no sign of life for twice as long hangs
NAME_BYTES = 64 * 1024  # bytes: the longest path in a list
STABLE_FRAMES = 5  # frames: a text that stands for so long is a reading
OPEN_SECONDS = 5.0  # seconds: a camera or stream that is not open by then is given up and tried again
READ_SECONDS = 3.0  # seconds: a stream that sends no image for so long is away: it is closed and opened again
HANG_SECONDS = 1.5  # seconds: a camera's thread that exceeds the two above by so much hangs, and is replaced
HUNG = 8  # threads: the most that may hang in a source at once; then the watch ends with an error
LOOK_SECONDS = 60.0  # seconds: a watch that takes longer to read a frame, or to write a reading, hangs and ends
FRAME_PIXELS = 16_000_000  # pixels: the largest frame of a video or RTSP stream; a decoder keeps several at once
CONFIG_BYTES = 1024 * 1024  # bytes: the largest configuration file that is parsed
MODEL_TABLES = 1024  # tensors, operators or buffers of a model file that we read ourselves
LAYER_VALUES = 1 << 20  # values between two layers of such a model, for one image or a batch of them
GOLDEN_BYTES = 1024 * 1024  # bytes: the largest file of golden inputs and outputs
SELF_TEST_SECONDS = 60.0  # seconds: so long may a backend take to start and to read one bundle's golden inputs
