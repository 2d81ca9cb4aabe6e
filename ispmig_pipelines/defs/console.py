"""What a run says on the terminal: our own lines, without Dagster's account of every event."""

import logging
import sys

from dagster import Field, InitLoggerContext, String, logger

_NAME = "ispmig.console"


def say(text: str) -> None:
    """Says a line on the terminal alone: where the event log has it otherwise."""
    logging.getLogger(_NAME).info(text)


class _OwnLines(logging.Filter):
    """Passes what our ops say. They never log errors: a failure is raised, and told once."""

    def filter(self, record: logging.LogRecord) -> bool:
        meta = getattr(record, "dagster_meta", {})
        return record.levelno < logging.ERROR and not meta.get("dagster_event")


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {})
        return str(meta.get("orig_message", record.getMessage()))


@logger(
    config_schema={"log_level": Field(String, default_value="INFO", is_required=False)},
    description="Plain lines on standard error.",
)
def console(context: InitLoggerContext) -> logging.Logger:
    """The job's console logger; Dagster's event log is what keeps everything."""
    found = logging.getLogger(_NAME)
    found.setLevel(context.logger_config["log_level"])
    found.propagate = False
    found.handlers.clear()
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_OwnLines())
    handler.setFormatter(_Plain())
    found.addHandler(handler)
    return found
