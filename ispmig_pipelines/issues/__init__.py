"""What is wrong with a record, as data.

An issue is a rule that did not hold for one record: where (file, record, line, column),
what was found (masked: its shape, never its content) and what would be accepted. Issues of
a batch are collected by column operations, not row by row, and are staged as Arrow.
"""

from ispmig_pipelines.issues.log import ISSUE_SCHEMA, IssueLog
from ispmig_pipelines.issues.masks import MASK_LENGTH, mask, mask_array, mask_series
from ispmig_pipelines.issues.rules import (
    CHECK,
    ON_PURPOSE,
    RULES,
    Rule,
    Severity,
    every_rule,
    is_rule,
    register,
    rule_of,
)

__all__ = [
    "CHECK", "ISSUE_SCHEMA", "MASK_LENGTH", "ON_PURPOSE", "RULES", "IssueLog", "Rule", "Severity",
    "every_rule", "is_rule", "mask", "mask_array", "mask_series", "register", "rule_of",
]  # fmt: skip
