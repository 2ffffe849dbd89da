"""Turns a trained run into a bundle for the runtime: a run folder and MNIST flow in, a bundle folder flows out.

    runs/NAME/ ──> run ──> logits ──┬──> tflite ──┬──> parity ──> bundle ──> BUNDLE_DIR/
    MNIST ──> calibration digits ───┴──> onnx ────┘      ^  ^
          └─> validation and test digits ────────────────┘  └── confidence <── another run, which kept digits back

`python -m export runs/NAME --out BUNDLE_DIR` does all of it. A bundle holds the network four times (float32 and int8,
as .tflite and as .onnx), `manifest.json`, which says what they take, what they give and how good they are, and
`MODEL_CARD.md`, which says the same to people. It appears whole or not at all, and not before the parity gate; the same
run gives the same bytes every time.

Each room knows one thing: `run` what a run folder holds, `logits` which of a network's layers are exported, `tflite`
and `onnx` one converter each, `parity` when a conversion is good enough, `confidence` how sure a network may be taken
to be, `golden` what a device is to give again, `card` what people are told, `bundle` what is written; `pipeline` walks
through them. `export` imports `edge_runtime` and `train`, never the other way round.
"""
