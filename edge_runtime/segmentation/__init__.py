"""Which pixels of a page are strokes of digits: a network that separates them from everything else in the gray image.

    gray page ──> levels ──> tiles ──> network ──> maps ──> ink

`outputs`: the layout of the network's outputs, which training and runtime share. `network`: opens it. `maps`: tiles and
scales. `check`: compares the digits of a page with its map. `find/selected_ink.py` makes ink of the map.
"""
