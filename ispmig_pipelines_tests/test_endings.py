"""What a person is told when a command fails, and what the process ends with."""

from __future__ import annotations

import pytest

from ispmig_pipelines.endings import ending_of
from ispmig_pipelines.errors import DatabaseError, IspmigError, LawBroken, RunFailed, SourceError
from ispmig_pipelines.migrating import MigrationFailed


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (LawBroken("It does not add up."), "law", 1),
        (SourceError("There is no such file."), "source", 2),
        (DatabaseError("It is gone."), "database", 3),
    ],
)
def test_our_own_errors_are_told_as_they_are(error: Exception, code: str, exit_code: int) -> None:
    ending = ending_of(error, again="ispmig --debug …")
    assert (ending.message, ending.code, ending.exit_code) == (str(error), code, exit_code)


FAILURE = {"message": "It is gone.", "error": "database", "exit_code": 3, "where": "a place"}


@pytest.mark.parametrize("error", [MigrationFailed(FAILURE, None), RunFailed(FAILURE)])
def test_a_failed_run_ends_as_the_run_said(error: IspmigError) -> None:
    ending = ending_of(error, again="ispmig --debug …")
    assert (ending.message, ending.code, ending.exit_code) == ("It is gone.", "database", 3)
    (note,) = error.__notes__
    assert "a place" in note


def test_an_interruption_is_no_defect() -> None:
    assert ending_of(KeyboardInterrupt(), again="ispmig --debug …").exit_code == 130


def test_the_text_of_an_unexpected_error_is_not_repeated() -> None:
    ending = ending_of(ValueError("anna@example.org"), again="ispmig --debug …")
    assert "ValueError" in ending.message
    assert "ispmig --debug" in ending.message
    assert "anna" not in ending.message
    assert ending.exit_code == 3
