"""Makes `python -m memva.cli` the `memva` command."""

from memva.cli import main

if __name__ == "__main__":
    main()
