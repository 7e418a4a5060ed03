"""A conversation on the command line: what `memva show` tells, and how it is laid out."""
