"""Schedules and sensors of which some cannot do their work: a code location for the daemon."""

from dagster import (
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    SkipReason,
    job,
    op,
    schedule,
    sensor,
)

from ispmig_pipelines.errors import DatabaseError

SECRET = "Ann Smith of 12 Elm Street"


@op
def nothing() -> None:
    """Does nothing."""


@job
def idle() -> None:
    nothing()


@sensor(job=idle, default_status=DefaultSensorStatus.RUNNING, minimum_interval_seconds=1)
def without_database(context: SensorEvaluationContext) -> SkipReason:
    raise DatabaseError(f"The database cannot be reached: {SECRET}.")


@sensor(job=idle, default_status=DefaultSensorStatus.RUNNING, minimum_interval_seconds=1)
def content(context: SensorEvaluationContext) -> SkipReason:
    return SkipReason("Nothing to do.")


@schedule(job=idle, cron_schedule="* * * * *", default_status=DefaultScheduleStatus.RUNNING)
def defective(context: ScheduleEvaluationContext) -> SkipReason:
    raise ZeroDivisionError(SECRET)


defs = Definitions(jobs=[idle], sensors=[without_database, content], schedules=[defective])
