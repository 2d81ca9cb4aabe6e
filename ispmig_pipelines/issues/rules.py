"""The rules that a record must satisfy, by their codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What an issue does to its record: an error sends it to quarantine."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Rule:
    """One thing that a record must satisfy.

    Attributes:
        code: stable dotted name, e.g. ``date.unreadable``; the anchor in ``docs/rules.md``.
        severity: what a violation does to the record.
        template: the message; may use ``{column}``, ``{field}``, ``{found}``, ``{accepted}``.
        remedy: what a person can do about it.
        adjustable: a spec may give the rule another severity. Never so for what the database
            could not hold: cells, keys, references and constraints.
    """

    code: str
    severity: Severity
    template: str
    remedy: str
    adjustable: bool = False

    def message(self, *, column: str, field: str, found: str, accepted: str) -> str:
        """The text for a person about one record."""
        return self.template.format(
            column=column or "(none)",
            field=field or "(record)",
            found=found or "(nothing)",
            accepted=accepted or "a value",
        )


def _rules(*rules: Rule) -> dict[str, Rule]:
    return {rule.code: rule for rule in rules}


RULES: dict[str, Rule] = _rules(
    Rule(
        "record.ragged",
        Severity.ERROR,
        "The record has {found} cells where the header has {accepted}.",
        "Correct the record in the export: a delimiter or a quote is missing or too many.",
    ),
    Rule(
        "record.unreadable",
        Severity.ERROR,
        "The record cannot be read: {accepted}.",
        "Correct the record in the export.",
    ),
    Rule(
        "record.encoding",
        Severity.ERROR,
        "The record has bytes that are not valid {accepted}.",
        "Name the right encoding in the spec, or correct the record in the export.",
    ),
    Rule(
        "cell.error",
        Severity.ERROR,
        "The record has an error where a value should be: {found}.",
        "Correct the formula in the spreadsheet, or put a value in its place.",
    ),
    Rule(
        "record.expression",
        Severity.ERROR,
        "The record has an expression for column {found} that only its own database can work "
        "out, where {accepted} is needed.",
        "Export the table with its values (e.g. mysqldump, pg_dump), or write the value into the "
        "script.",
    ),
    Rule(
        "card.masked",
        Severity.WARNING,
        "Column {column} held a card number or what verifies a card; it was masked before anything "
        "was kept: {accepted}.",
        "Nothing. If it is no card number, say so in the spec: not_cards under its source.",
    ),
    Rule(
        "card.tokenised",
        Severity.INFO,
        "Column {column} held a card number; {accepted} took its place before anything was kept.",
        "Nothing.",
    ),
    Rule(
        "card.in_field",
        Severity.ERROR,
        "Column {column} held a card number where {field} needs {accepted}; it was masked before "
        "anything was kept, so that the value is lost.",
        "Correct the cell. If it is no card number, say so in the spec: not_cards under its "
        "source.",
    ),
    Rule(
        "value.required",
        Severity.ERROR,
        "{field} is required, and column {column} holds nothing.",
        "Fill the cell, or give the field a default in the spec.",
    ),
    Rule(
        "value.type",
        Severity.ERROR,
        "Column {column} holds {found}, which is not {accepted} for {field}.",
        "Correct the cell, or say in the spec how the column writes such values.",
    ),
    Rule(
        "value.date",
        Severity.ERROR,
        "Column {column} holds {found}, which is no date written as {accepted} for {field}.",
        "Correct the cell, or name the column's date_format in the spec.",
    ),
    Rule(
        "value.precision",
        Severity.ERROR,
        "Column {column} holds {found}, which {field} cannot hold exactly: it takes {accepted}.",
        "Correct the cell; nothing is rounded silently.",
    ),
    Rule(
        "value.lookup",
        Severity.ERROR,
        "Column {column} holds {found}, which the lookup for {field} does not name ({accepted}).",
        "Add the value to the lookup in the spec, or say what to do otherwise.",
    ),
    Rule(
        "value.extract",
        Severity.ERROR,
        "Column {column} holds {found} for {field}, and it must be {accepted}.",
        "Correct the cell, or say in the spec what a text becomes that does not match (otherwise).",
    ),
    Rule(
        "value.operand",
        Severity.ERROR,
        "{field} cannot be computed from column {column}: {accepted}.",
        "Correct the cell, or give the operand a default in the spec.",
    ),
    Rule(
        "value.ambiguous",
        Severity.ERROR,
        "Column {column} holds {found}, which can be read in more than one way for {field}: "
        "{accepted}.",
        "Say in the spec how the column writes such values; nothing is guessed row by row.",
    ),
    Rule(
        "value.scientific",
        Severity.ERROR,
        "Column {column} holds {found} for {field}: a spreadsheet turned it into scientific "
        "notation, and digits are lost; it must be {accepted}.",
        "Export the column again as text; the lost digits cannot be recovered from this file.",
    ),
    Rule(
        "value.unstorable",
        Severity.ERROR,
        "Column {column} holds {found} for {field}, with characters that the platform cannot "
        "store; it must be {accepted}.",
        "Correct the cell.",
    ),
    Rule(
        "value.timezone",
        Severity.ERROR,
        "Column {column} holds {found} for {field}, a time whose place on earth is not known; "
        "it must be {accepted}.",
        "Add timezone to the field or to the defaults of the spec, e.g. timezone: Europe/Berlin.",
    ),
    Rule(
        "value.currency",
        Severity.ERROR,
        "Column {column} holds {found} for {field}, an amount in another currency than the "
        "record's own; it must be {accepted}.",
        "Correct the cell or the record's currency; amounts are never converted.",
    ),
    Rule(
        "value.rounded",
        Severity.INFO,
        "Column {column} holds more decimals than {field} keeps; it was rounded to {accepted}, "
        "and the cell as it was is kept under legacy.",
        "Nothing: the difference is below what the field measures.",
    ),
    Rule(
        "value.dropped",
        Severity.WARNING,
        "Column {column} holds {found}; {field} took {accepted}, and the cell as it was is kept "
        "under legacy.",
        "Nothing, if that is meant; else split the column in the spec.",
    ),
    Rule(
        "legacy.unstorable",
        Severity.WARNING,
        "Column {column} holds NUL characters, which the platform cannot store; under legacy "
        "each stands as {accepted}.",
        "Nothing, or correct the cell in the export.",
    ),
    Rule(
        "value.length",
        Severity.ERROR,
        "{field} from column {column} is {found}; it takes {accepted}.",
        "Shorten the cell.",
    ),
    Rule(
        "value.pattern",
        Severity.ERROR,
        "{field} from column {column} is {found}; it must be {accepted}.",
        "Correct the cell.",
    ),
    Rule(
        "value.choice",
        Severity.ERROR,
        "{field} from column {column} is {found}; it must be one of {accepted}.",
        "Add a lookup to the spec that turns the legacy words into these.",
    ),
    Rule(
        "value.range",
        Severity.ERROR,
        "{field} from column {column} is {found}; it must be {accepted}.",
        "Correct the cell.",
    ),
    Rule(
        "record.rule",
        Severity.ERROR,
        "The record breaks a rule of its entity: {accepted}.",
        "Correct the cells the rule speaks of.",
    ),
    Rule(
        "key.duplicate",
        Severity.ERROR,
        "The key ({field}, from column {column}) stands already in {accepted}, with other content.",
        "Keep one of the records; the first is the one that was loaded.",
    ),
    Rule(
        "reference.missing",
        Severity.ERROR,
        "{field} from column {column} names no {accepted} that this migration or the tenant has.",
        "Migrate the missing record, or correct the reference.",
    ),
    Rule(
        "reference.rejected",
        Severity.ERROR,
        "Parent rejected: {field} from column {column} names the {accepted}, which is in "
        "quarantine.",
        "Correct the parent first; this record follows it.",
    ),
    Rule(
        "reference.emptied",
        Severity.WARNING,
        "{field} from column {column} names the {accepted}, which this migration put in "
        "quarantine; the record was loaded without it, and what it said is kept under legacy.",
        "Correct the parent and migrate again: the reference then comes back.",
    ),
    Rule(
        "duplicate.identity",
        Severity.WARNING,
        "{field} from column {column} says the same as {accepted}: one customer may stand there "
        "twice.",
        "Look whether both are one customer, and merge them in the source if so.",
        adjustable=True,
    ),
    Rule(
        "service.customer_cancelled",
        Severity.ERROR,
        "The service is active, but its customer is cancelled ({accepted}).",
        "Correct the service's status, or the customer's.",
        adjustable=True,
    ),
    Rule(
        "service.customer_not_active",
        Severity.WARNING,
        "The service is active, but its customer is a lead or suspended ({accepted}).",
        "Correct the service's status, or the customer's, if that is not meant.",
        adjustable=True,
    ),
    Rule(
        "service.start_before_signup",
        Severity.WARNING,
        "The service starts before the day on which its customer signed up ({accepted}).",
        "Look which of the two days is right, if the line was not taken over from somebody else.",
        adjustable=True,
    ),
    *(
        Rule(
            f"{entity}.currency_of_customer",
            Severity.WARNING,
            f"The {entity} is in another currency than its customer's balance ({{accepted}}).",
            "Correct the currency, if the customer does not have accounts in several.",
            adjustable=True,
        )
        for entity in ("service", "invoice", "payment")
    ),
    Rule(
        "invoice.due_date_of_prepaid",
        Severity.INFO,
        "The invoice is due later than it was issued, and {accepted} pays before use.",
        "Leave the due date out, or correct the customer's payment terms.",
        adjustable=True,
    ),
    Rule(
        "payment.before_invoice",
        Severity.INFO,
        "The payment is older than what it pays ({accepted}).",
        "Nothing, if it was paid in advance; else correct its day or its invoice.",
        adjustable=True,
    ),
    Rule(
        "location.coordinates_misplaced",
        Severity.WARNING,
        "The location lies far from all others; it would lie among them if it were written thus: "
        "{accepted}.",
        "Look at the place on a map, and correct the coordinates.",
        adjustable=True,
    ),
    Rule(
        "location.far_from_others",
        Severity.WARNING,
        "The location lies {accepted}, and alone.",
        "Look at the place on a map, and correct the coordinates, or its country.",
        adjustable=True,
    ),
    Rule(
        "service.location_of_other",
        Severity.WARNING,
        "The service is delivered at a location of another customer ({accepted}).",
        "Look which of the two is right, if the location is not shared.",
        adjustable=True,
    ),
    Rule(
        "device.service_of_other",
        Severity.WARNING,
        "The device carries a service of another customer than its own ({accepted}).",
        "Look which of the two is right.",
        adjustable=True,
    ),
    Rule(
        "device.location_of_other",
        Severity.WARNING,
        "The device stands at a location of another customer than its own ({accepted}).",
        "Look which of the two is right, if the location is not shared.",
        adjustable=True,
    ),
    Rule(
        "ip_assignment.device_of_other",
        Severity.WARNING,
        "The address is used by a service of one customer and borne by a device of another "
        "({accepted}).",
        "Look which of the two is right.",
        adjustable=True,
    ),
    Rule(
        "invoice.lines_add_up",
        Severity.ERROR,
        "{field} from column {column} is not the sum of the invoice's lines: they add up to "
        "{accepted}.",
        "Correct the invoice or its lines; at most half a cent per line is taken for rounding.",
        adjustable=True,
    ),
    Rule(
        "invoice.overpaid",
        Severity.INFO,
        "The payments for the invoice are more than its total, {accepted}.",
        "Nothing, if the customer paid too much; else look whether a payment stands there twice.",
        adjustable=True,
    ),
    Rule(
        "invoice.period_in_cycle",
        Severity.WARNING,
        "The billed period is longer than the billing cycle of the customer's only service "
        "({accepted}).",
        "Look at the period's first and last day.",
        adjustable=True,
    ),
    Rule(
        "invoice_line.period_in_cycle",
        Severity.WARNING,
        "The billed period is longer than the billing cycle of the plan ({accepted}).",
        "Look at the period's first and last day, and at the quantity.",
        adjustable=True,
    ),
    Rule(
        "invoice_line.currency_of_invoice",
        Severity.ERROR,
        "The line is in another currency than its invoice ({accepted}).",
        "Correct the currency; amounts are never converted.",
        adjustable=True,
    ),
    Rule(
        "payment.customer_of_invoice",
        Severity.ERROR,
        "The payment is of another customer than the invoice that it pays ({accepted}).",
        "Correct the customer or the invoice of the payment.",
        adjustable=True,
    ),
    Rule(
        "payment.currency_of_invoice",
        Severity.ERROR,
        "The payment is in another currency than the invoice that it pays ({accepted}).",
        "Correct the currency; amounts are never converted.",
        adjustable=True,
    ),
    Rule(
        "network.no_access",
        Severity.ERROR,
        "The service is active, and nothing says how its line gets into the network: it needs "
        "{accepted}.",
        "Fill its username, or migrate the address or device of the line.",
        adjustable=True,
    ),
    Rule(
        "network.username_twice",
        Severity.ERROR,
        "{field} from column {column} signs in an active service of another customer already: "
        "{accepted}.",
        "Give each line a username of its own.",
        adjustable=True,
    ),
    Rule(
        "network.username_shared",
        Severity.WARNING,
        "{field} from column {column} signs in another active service of the same customer: "
        "{accepted}.",
        "Give each line a username of its own, unless one of the services is an option of the "
        "other.",
        adjustable=True,
    ),
    Rule(
        "network.mac_twice",
        Severity.ERROR,
        "{field} from column {column} is in use already: {accepted}.",
        "Correct the MAC address, or the status of what does not use it any more.",
        adjustable=True,
    ),
    Rule(
        "network.address_overlaps",
        Severity.ERROR,
        "{field} from column {column} overlaps with what another customer has: {accepted}.",
        "Correct the address or its prefix length; each address can have one customer.",
        adjustable=True,
    ),
    Rule(
        "network.address_moved",
        Severity.WARNING,
        "{field} from column {column} was assigned to an active service of another customer: "
        "{accepted}.",
        "Look whether the address has moved; the other line has it no more.",
        adjustable=True,
    ),
    Rule(
        "network.management_address_twice",
        Severity.WARNING,
        "{field} from column {column} is the address of another active device: {accepted}.",
        "Correct the address, unless it is the one that devices come with.",
        adjustable=True,
    ),
    Rule(
        "network.outside_pools",
        Severity.ERROR,
        "{field} from column {column} lies in no address pool of the tenant: {accepted}.",
        "Correct the address, or declare the pool with ispmig tenant set TENANT --pool.",
        adjustable=True,
    ),
    Rule(
        "network.plan_without_speed",
        Severity.WARNING,
        "An active service has the plan, and neither says a speed or a group that has one: it "
        "needs {accepted}.",
        "Map the plan's speed, or say in kind that it is not for internet.",
        adjustable=True,
    ),
    Rule(
        "record.not_taken",
        Severity.ERROR,
        "The record, as it was sent in again, is none that {accepted} in the spec takes: it would "
        "belong to another one, or to none.",
        "Undo the correction that makes it another record; else correct it in the export, and "
        "migrate it from there.",
    ),
    Rule(
        "record.incomplete",
        Severity.ERROR,
        "The record completes one of {accepted}, but neither this migration nor the tenant has "
        "one under its {field} (column {column}).",
        "Migrate the missing record itself, or correct the key.",
    ),
    Rule(
        "rule.rejected",
        Severity.ERROR,
        "A rule of the spec refuses the record: {accepted}.",
        "Correct the record, or the rule.",
    ),
    Rule(
        "rule.left_out",
        Severity.INFO,
        "A rule of the spec leaves the record out: {accepted}.",
        "Nothing, if that is meant; else take the rule out of the spec.",
    ),
    Rule(
        "subject.erased",
        Severity.INFO,
        "The record belongs to somebody who was erased at their request; nothing of it is kept.",
        "Nothing. If they are a customer again: ispmig subject TENANT --account N --allow.",
    ),
    Rule(
        "retention.expired",
        Severity.INFO,
        "The record belongs to a customer past their retention; nothing of it is kept.",
        "Nothing, if that is meant; else change the policy under validation, retention, or the "
        "tenant's retention.",
    ),
    Rule(
        "retention.anonymised",
        Severity.INFO,
        "The record belongs to a customer past their retention; it was loaded without what says "
        "who they are.",
        "Nothing.",
    ),
    Rule(
        "reference.let_go",
        Severity.INFO,
        "{field} from column {column} names the {accepted} of somebody who is not kept; the record "
        "was loaded without it.",
        "Nothing.",
    ),
    Rule(
        "conflict.kept",
        Severity.INFO,
        "The tenant already holds other content under this key, and the run keeps what is there.",
        "Nothing, if keeping was meant; else migrate again with --on-conflict update.",
    ),
)

ON_PURPOSE = ("conflict.kept", "rule.left_out", "retention.expired", "subject.erased")
"""Rules by which records are in quarantine because somebody wanted it, not to be corrected."""

_MORE: dict[str, Rule] = {}

CHECK = "check."
"""What the codes of tenants' own checks begin with: ``check.<entity>.<name>``."""


def register(rules: Iterable[Rule]) -> None:
    """Adds rules that are declared elsewhere: the model registers those of its entities.

    Raises:
        ValueError: the code is another rule's.
    """
    for rule in rules:
        if RULES.get(rule.code, rule) != rule or _MORE.get(rule.code, rule) != rule:
            raise ValueError(f"{rule.code} is the code of another rule")
        if rule.code not in RULES:
            _MORE[rule.code] = rule


def every_rule() -> dict[str, Rule]:
    """All rules by code: those of :data:`RULES`, then those of entities."""
    return RULES | _MORE


def is_rule(code: str) -> bool:
    """Whether an issue can name the code."""
    return code in RULES or code in _MORE or code.startswith(CHECK)


def rule_of(code: str) -> Rule:
    """The rule of any code that an issue names.

    A check of a spec stands in the spec, and a recorded issue may name a rule that this version
    does not have (any more): both are told by what the issue says would be accepted.
    """
    if (rule := RULES.get(code) or _MORE.get(code)) is not None:
        return rule
    if code.startswith(CHECK):
        return Rule(
            code,
            Severity.ERROR,
            "A check of the spec does not hold: {accepted}.",
            "Correct the record, or the check.",
            adjustable=True,
        )
    return Rule(
        code,
        Severity.ERROR,
        f"The record breaks the rule {code}: {{accepted}}.",
        "Correct the cells the rule speaks of.",
    )
