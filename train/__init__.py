"""Trains the networks: MNIST and a recipe flow in, a run folder flows out.

    MNIST ──> data ──> [pool] ──> shown ──> fit ──> report ──> runs/NAME/
    recipes ──> network ──> learner ─^  └─> checkpoint ──> fit, after a kill
    other runs ──> teacher ──────────┘

`python -m train RECIPE --out runs/NAME` does all of it. A run folder holds the model (`model.keras`,
`model.h5`), what it scored (`metrics.json`, `report.csv`, `history.csv`, `summary.txt`) and pictures of
both; `python -m export` turns it into a bundle for the runtime.

Each room knows one thing: `data` where MNIST comes from, `recipes` what is trained, `deformation` how far digits are
deformed, `deform` how one is bent, `strokes`, `dirt` and `chance` what is drawn on it, `others`, `letters` and
`candidates` what is no digit, `pool` where all of these wait, `shown` what an epoch shows of them, `network` what
Keras builds of a recipe, `rounding` how a file stores weights, `learner` one step, `teacher` what other networks say,
`checkpoint` where a training stands, `fit` the order of it all, `score` what is counted, `report` (alone with pandas)
what is written. `train` imports `edge_runtime`, never the other way round.
"""
