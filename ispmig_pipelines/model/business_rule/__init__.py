"""What the fields of one sound row say of each other, beyond what the database must hold.

A row rule of :mod:`ispmig_pipelines.model.row_rule` is a constraint of the database too. A
business rule is not: a spec may give it another severity, and rows that were loaded under a
milder one stay what they are. Each rule is an **error** only where the row contradicts itself or
would break the books or the network, and a **warning** where it is suspicious; ``why`` says the
reason. A missing value breaks no rule, except one that asks for a value (:attr:`asks`), and that
one is put only to rows whose source could have answered.

Rules work on whole Arrow columns. Amounts are compared as exact decimals.
"""

from __future__ import annotations

from ispmig_pipelines.model.business_rule.amounts import (
    AmountBy,
    LineAddsUp,
    NoMoreThan,
    NotBothZero,
    NotZero,
    PaidAndDue,
    Plausible,
    SameSign,
    Signed,
    TaxAddsUp,
    TotalAddsUp,
)
from ispmig_pipelines.model.business_rule.dates import (
    CardNotExpired,
    Happened,
    NotBefore,
    NotEarlierThan,
    NotOver,
    Within,
)
from ispmig_pipelines.model.business_rule.discounts import LineDiscount, OneDiscount
from ispmig_pipelines.model.business_rule.network import (
    DnsName,
    GatewayOfOther,
    GivenOut,
    InNetwork,
    NoHost,
    RealMac,
    RealUuid,
)
from ispmig_pipelines.model.business_rule.presence import Asks, BothOrNeither
from ispmig_pipelines.model.business_rule.rule import BusinessRule, Columns

__all__ = [
    "AmountBy",
    "Asks",
    "BothOrNeither",
    "BusinessRule",
    "CardNotExpired",
    "Columns",
    "DnsName",
    "GatewayOfOther",
    "GivenOut",
    "Happened",
    "InNetwork",
    "LineAddsUp",
    "LineDiscount",
    "NoHost",
    "NoMoreThan",
    "NotBefore",
    "NotBothZero",
    "NotEarlierThan",
    "NotOver",
    "NotZero",
    "OneDiscount",
    "PaidAndDue",
    "Plausible",
    "RealMac",
    "RealUuid",
    "SameSign",
    "Signed",
    "TaxAddsUp",
    "TotalAddsUp",
    "Within",
]
