"""Export a run's Keras model to int8 and read with it: python examples/export_keras_model.py runs/mine bundles/mine

The export measures the int8 files and writes nothing if they are less accurate than the Keras model.
"""

import subprocess
import sys

from edge_runtime import Classifier

run, bundle = sys.argv[1:]
subprocess.run([sys.executable, "-m", "export", run, "--out", bundle], check=True)

found = Classifier(bundle).classify("samples/4-black-on-white.bmp")
print(f"label {found.label}, confidence {found.confidence:.2%}")
