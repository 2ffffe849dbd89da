"""A minimal Keras script that reads one digit: `python benchmarks/keras_script.py MODEL.keras DIGIT.png`.

It does less than `edge-digits classify`: the image must be 28x28 already with bright ink, and nothing is checked.
"""

import json
import sys

import cv2
import keras
import numpy as np

model = keras.models.load_model(sys.argv[1], compile=False)
pixels = np.asarray(cv2.imread(sys.argv[2], cv2.IMREAD_GRAYSCALE), np.float32)
probabilities = np.asarray(model(pixels[np.newaxis], training=False))[0]
print(json.dumps({"label": int(probabilities.argmax()), "confidence": float(probabilities.max())}))
