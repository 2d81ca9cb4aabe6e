"""``python -m ispmig_pipelines.cli``."""

from ispmig_pipelines.cli import main

main()
