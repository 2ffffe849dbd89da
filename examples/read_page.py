"""Read a page and draw what was read: python examples/read_page.py examples/page.jpg seen.png"""

import sys

import cv2

from edge_runtime import Status, read_page

source, target = sys.argv[1:]
page = read_page(source)

print(page.text)
for digit in page.digits:
    x, y, width, height = digit.box
    state = f"{digit.confidence:.1%}" if digit.status is Status.OK else f"rejected: {digit.reason}"
    print(f"row {digit.row}: {digit.label} at {x},{y}, {width} x {height} pixels, {state}")
print(f"{len(page.dropped)} marks were dropped")

cv2.imwrite(target, page.draw(source))
