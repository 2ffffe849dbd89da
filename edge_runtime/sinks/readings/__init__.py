"""Where the readings of a watch go, one file each: readings in; lines, rows and messages out."""
