"""Draws scenes: images of numbers and their surroundings, as a camera sees them, with exact truth.

    plans ──> compose ──> builder ──> layouts, containers ──> canvas ──> camera ──> Scene
    MNIST ──> skeleton ──> writers ──────^

`compose.compose` makes a `Scene` from a `Plan`, a `World` and a random generator. Everything in a scene is a path in
page coordinates. A mapping (tilt, perspective, waves) places it in the image, where it is drawn, so edges are equally
sharp at any size. MNIST digits become strokes first, so that any pen can draw them.

A *mark* is a point, comma, minus, slash or colon of a number; a *token* is a digit or a mark; a *writing* is a number
or a word.

`types`: types that all modules share. `scene`: plan, world and result. `plans`: plans by name, random plans. `compose`,
`layouts`, `tables`, `texts`, `containers`, `clutter`: what is drawn and where. `builder`: draws it and collects the
truth. `canvas`: pixels. `camera`: light, blur, noise. `surfaces`, `fields`: paper, desks and other textures. `numbers`,
`words`, `layout`: characters on a line. `writers`, `skeleton`, `families`: handwritten digits. `fonts`: printed
characters, and the Debian packages of the fonts.
"""
