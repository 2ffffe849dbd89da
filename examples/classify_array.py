"""Classify one digit that is already an array: python examples/classify_array.py samples/5-on-transparent.png"""

import sys

import cv2

from edge_runtime import classify

image = cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED)  # any depth and number of channels, blue first
digit = classify(image)

print(f"label {digit.label}, confidence {digit.confidence:.2%}, {digit.status}")
if digit.reason:
    print(f"rejected: {digit.reason}")
for label, probability in enumerate(digit.probabilities):
    print(f"{label}  {probability:8.4%}  {'#' * round(40 * probability)}")
if digit.probabilities:
    print(f"non-digit  {1 - sum(digit.probabilities):.4%}")
