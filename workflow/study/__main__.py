"""Run ``python -m study``: what the workflow's rules call."""

from study.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
