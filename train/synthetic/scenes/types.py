"""Types that the modules of this package share."""

import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Level = NDArray[np.float32]  # (height, width): gray levels 0 to 255, factors, or shares 0 to 1
Mask = NDArray[np.uint8]  # (height, width)
Points = NDArray[np.float32]  # (n, 2): x to the right, y downward
Curve = NDArray[np.float64]  # (n, 2): the same, for paths that are computed before they are drawn
Shape = tuple[int, int]  # height and width, pixels
Box = tuple[float, float, float, float]  # left, top, right, bottom
