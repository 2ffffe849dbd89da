"""Trains the networks: MNIST and a recipe in, a run folder out.

    recipes ──> task ──> session: draw ──> pool ──> learn ──> score ──> results ──> report ──> runs/NAME/
    MNIST ──> data ───────^                          ^
    other runs ──> teacher ──────────────────────────┘

`python -m train RECIPE --out runs/NAME` does all of it. A run folder holds the model (`model.keras`, `model.h5`), its
metrics (`metrics.json`, `report.csv`, `history.csv`, `summary.txt`) and figures; `python -m export` turns it into a
bundle for the runtime.

`recipes`: what is trained, as data. `tasks/`: what a network reads (digits, lines): how its images are drawn, scored,
exported and described. `data/`: MNIST, a user's own digits, images drawn ahead on disk, the epochs of digits.
`augmentation/`: random changes of digits. `synthetic/`: drawn lines, non-digits and scenes. `network`: recipe to
Keras. `losses`, `learner`: one step of training. `teacher`: other networks as teachers. `checkpoint`: the state of a
training. `fit`: the order of all this. `results`: the metrics. `report`: tables and figures (the only user of
pandas). `card`, `digit_card`: model cards. `train` imports `edge_runtime`, never the other way round.
"""
