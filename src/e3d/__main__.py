"""Run ``python -m e3d``: the same command line as the installed ``e3d``."""

from e3d.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
