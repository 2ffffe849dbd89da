"""Train on MNIST and on your own digits: python examples/train_on_own_digits.py hard runs/mine [EPOCHS]

The folder has your images in folders 0 to 9, as `edge-digits watch --save-hard` keeps them once you have sorted them.
"""

import json
import subprocess
import sys
from pathlib import Path

folder, run, *epochs = sys.argv[1:]
command = [sys.executable, "-m", "train", "hidden-100", "--extra", folder, "--out", run]
if epochs:  # fewer than the recipe's, for a trial
    command += ["--epochs", epochs[0]]
subprocess.run(command, check=True)

metrics = json.loads((Path(run) / "metrics.json").read_text())
print(f"accuracy on MNIST's test digits: {metrics['test_accuracy']:.2%}")
