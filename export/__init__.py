"""Turns a trained run into a bundle for the runtime: a run folder and MNIST in, a bundle folder out.

    runs/NAME/ ──> run ──> logits ──────┬──> tflite ──┬──> parity ──> bundle ──> BUNDLE_DIR/
    task ──> calibration images ────────┴──> onnx ────┘      ^  ^
         └─> validation and test images ─────────────────────┘  └── confidence <── a run that kept digits back

`python -m export runs/NAME --out BUNDLE_DIR` does all of it. A bundle holds the network four times (float32 and int8,
as .tflite and as .onnx), `manifest.json` with its input, output and accuracy, and `MODEL_CARD.md`, which describes
the same. It is written completely or not at all, and only if it passes the parity gate; the same run gives the same
bytes every time.

`run`: reads a run folder. `logits`: the layers of a network that are exported. `tflite`, `onnx`: one converter each.
`parity`: the limits of a conversion. `confidence`: temperature and thresholds. `golden`: images and outputs for the
self-test. `floats`: the float32 files of shipped bundles. `bundle`: the manifest and the files. `pipeline`: all steps
in order. What differs between digits and lines is in `train/tasks/`. `export` imports `edge_runtime` and `train`, never
the other way round.
"""
