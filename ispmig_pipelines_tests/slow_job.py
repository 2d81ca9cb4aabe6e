"""Definitions whose one job takes as long as a test wants: for servers that load this file."""

import time
from pathlib import Path

import dagster as dg

FILE = Path(__file__)


@dg.op
def slow() -> None:
    time.sleep(600)


@dg.job(executor_def=dg.in_process_executor)
def slow_job() -> None:
    slow()


defs = dg.Definitions(jobs=[slow_job])
