"""Convert image files, bytes and arrays to gray pixels; `formats/` has one file for each format."""
