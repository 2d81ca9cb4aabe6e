"""Invoices, their lines and their payments agree; nobody who left is served."""

from __future__ import annotations

from decimal import Decimal

from psycopg import sql

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.platform.integrity.asking import lines_in_quarantine, other
from ispmig_pipelines.platform.integrity.findings import Check
from ispmig_pipelines.platform.integrity.policy import Policy
from ispmig_pipelines.platform.integrity.world import World

_MINOR_UNITS = {
    0: ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
        "XAF", "XOF", "XPF"),
    3: ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"),
}  # fmt: skip
"""Decimals of currencies that have not two (ISO 4217)."""

_CYCLE_DAYS = {
    "daily": 1,
    "weekly": 7,
    "monthly": 31,
    "two_monthly": 62,
    "quarterly": 92,
    "half_yearly": 184,
    "yearly": 366,
    "two_yearly": 731,
}
"""The most days that a billing cycle can have; what is billed by the hour, or once, has none."""


def _half_unit(currency: sql.Composable) -> sql.Composed:
    """SQL for half of the currency's smallest unit."""
    cases = [
        sql.SQL("when {} in ({}) then {}").format(
            currency,
            sql.SQL(", ").join(map(sql.Literal, codes)),
            sql.Literal(Decimal(5).scaleb(-decimals - 1)),
        )
        for decimals, codes in _MINOR_UNITS.items()
    ]
    return sql.SQL("case {} else 0.005 end").format(sql.SQL(" ").join(cases))


def _lines_add_up(world: World, policy: Policy) -> sql.Composed:
    # What lines add up to may be told before or after tax and discount, and tax may be a line.
    # A line without an amount, or in quarantine, leaves the sum unknown.
    return sql.SQL(
        """with sums as (
               select invoice_number, count(*) as lines, sum(amount) as net,
                      sum(amount) filter (where kind is distinct from 'tax') as untaxed,
                      sum(amount + coalesce(tax, 0)) as gross,
                      sum(amount - coalesce(discount, 0)) as reduced
               from {lines} l group by 1 having count(amount) = count(*)
           ), broken as (
               select i.*, u.net
               from {invoices} i join sums u using (invoice_number)
               where i._rank > 0 and i.status is distinct from 'void'
                 and not exists (
                     select from unnest(array[u.net, u.untaxed, u.gross, u.reduced]) as said
                     cross join unnest(array[
                         i.subtotal, i.subtotal - i.discount, i.subtotal + i.discount,
                         i.total, i.total - i.tax, i.total - i.tax + i.discount,
                         i.total + i.discount]) as asked
                     where abs(case when i.kind = 'credit_note' then abs(said) else said end
                               - case when i.kind = 'credit_note' then abs(asked) else asked end)
                           <= greatest(u.lines, 1) * ({half}))
           )
           select b.invoice_number, round(b.net, 2)::text as accepted, null as other,
                  coalesce(b.subtotal, b.total)::text as found
           from broken b
           where not exists (
               select from ({rejected}) gone where gone.value = b.invoice_number)"""
    ).format(
        lines=world.rows("invoice_line"),
        invoices=world.rows("invoice"),
        half=_half_unit(sql.SQL("i.currency")),
        rejected=lines_in_quarantine(world),
    )


def _overpaid(world: World, policy: Policy) -> sql.Composed:
    return sql.SQL(
        """with paid as (
               select invoice, currency, sum(amount) as amount from {payments} p
               where invoice is not null and coalesce(status, 'completed') = 'completed'
               group by 1, 2
           )
           select i.invoice_number, 'the total' as accepted, null as other, i.total::text as found
           from {invoices} i
           join paid on paid.invoice = i.invoice_number and paid.currency = i.currency
           where i._rank > 0 and i.total > 0 and paid.amount > i.total"""
    ).format(payments=world.rows("payment"), invoices=world.rows("invoice"))


def _differs_from_invoice(entity: str, key: str, invoice: str, field: str) -> Check:
    """What an invoice's lines and payments must have in common with it."""
    keys = sql.SQL(", ").join(sql.Identifier("p", k) for k in key.split())

    def query(world: World, policy: Policy) -> sql.Composed:
        return sql.SQL(
            """select {keys}, 'the invoice in {{other}}' as accepted, {other} as other,
                      p.{field}::text as found
               from {rows} p join {invoices} i on i.invoice_number = p.{invoice}
               where p._rank > 0 and p.{field} <> i.{field}"""
        ).format(
            keys=keys,
            other=other("i"),
            field=sql.Identifier(field),
            rows=world.rows(entity),
            invoices=world.rows("invoice"),
            invoice=sql.Identifier(invoice),
        )

    return Check(
        rule=f"{entity}.{field}_of_invoice",
        entity=entity,
        fields=(field, invoice),
        reads={entity: (field, invoice), "invoice": (field,)},
        query=query,
    )


def _of_customer(
    rule: str, entity: str, own: str, customers: str, differs: sql.SQL, amount: str = ""
) -> Check:
    """What a record and its customer say of the same.

    Args:
        own, customers: the fields of the record and of its customer.
        differs: SQL over the two that is true where they do not agree.
        amount: a field without which the record says nothing of money.
    """
    key = ENTITIES[entity].key[0]

    def query(world: World, policy: Policy) -> sql.Composed:
        return sql.SQL(
            """select r.{key}, 'the customer in {{other}}' as accepted, {other} as other,
                      r.{own}::text as found
               from {rows} r join {customers} c on c.account_number = r.customer
               where r._rank > 0 and {differs} {some}"""
        ).format(
            key=sql.Identifier(key),
            other=other("c"),
            own=sql.Identifier(own),
            rows=world.rows(entity),
            customers=world.rows("customer"),
            differs=differs.format(
                own=sql.Identifier("r", own), their=sql.Identifier("c", customers)
            ),
            some=sql.SQL("and r.{} is not null").format(sql.Identifier(amount))
            if amount
            else sql.SQL(""),
        )

    return Check(
        rule=rule,
        entity=entity,
        fields=(own, "customer"),
        reads={entity: (own, "customer", *([amount] if amount else [])), "customer": (customers,)},
        query=query,
    )


_OTHER = sql.SQL("{own} <> {their}")


def _due_of_prepaid(world: World, policy: Policy) -> sql.Composed:
    # What is due on its day of issue is paid at once, as prepaid is.
    return sql.SQL(
        """select i.invoice_number, 'the customer in {{other}}' as accepted, {other} as other,
                  i.due_date::text as found
           from {invoices} i join {customers} c on c.account_number = i.customer
           where i._rank > 0 and c.payment_terms = 'prepaid'
             and i.due_date > coalesce(i.issue_date, '-infinity')
             and i.kind is distinct from 'credit_note' and i.status is distinct from 'void'"""
    ).format(other=other("c"), invoices=world.rows("invoice"), customers=world.rows("customer"))


def _before_invoice(world: World, policy: Policy) -> sql.Composed:
    # Prepaid is paid before it is billed, and a balance is money that was paid long ago. A day to
    # spare: a payment has an hour, in a zone of its own.
    return sql.SQL(
        """select p.payment_number, 'the invoice in {{other}}' as accepted, {other} as other,
                  p.paid_at::text as found
           from {payments} p
           join {invoices} i on i.invoice_number = p.invoice
           left join {customers} c on c.account_number = p.customer
           where p._rank > 0 and (p.paid_at at time zone 'UTC')::date < i.issue_date - 1
             and coalesce(p.kind, 'payment') = 'payment'
             and coalesce(p.status, 'completed') = 'completed'
             and p.method is distinct from 'balance'
             and c.payment_terms is distinct from 'prepaid'"""
    ).format(
        other=other("i"),
        payments=world.rows("payment"),
        invoices=world.rows("invoice"),
        customers=world.rows("customer"),
    )


def _days(cycle: sql.Composable) -> sql.Composed:
    """SQL for the most days of a billing cycle; null where it has none."""
    return sql.SQL("case {} {} end").format(
        cycle,
        sql.SQL(" ").join(
            sql.SQL("when {} then {}").format(sql.Literal(name), sql.Literal(days))
            for name, days in _CYCLE_DAYS.items()
        ),
    )


def _line_period(world: World, policy: Policy) -> sql.Composed:
    # Some write the first day of the next period as the last one of this: a day is let pass.
    return sql.SQL(
        """select l.invoice_number, l.line_no, p.billing_cycle as accepted, null as other,
                  l.period_end::text as found
           from {lines} l join {plans} p on p.plan_code = l.item_code
           where l._rank > 0 and coalesce(l.kind, 'recurring') = 'recurring'
             and l.period_end - l.period_start
                 > ({days}) * greatest(ceil(coalesce(l.quantity, 1)), 1)"""
    ).format(
        lines=world.rows("invoice_line"),
        plans=world.rows("plan"),
        days=_days(sql.SQL("p.billing_cycle")),
    )


def _invoice_period(world: World, policy: Policy) -> sql.Composed:
    return sql.SQL(
        """with only_ones as (
               select s.customer, min(coalesce(s.billing_cycle, p.billing_cycle)) as cycle
               from {services} s left join {plans} p on p.plan_code = s.plan
               group by 1 having count(*) = 1
           )
           select i.invoice_number, o.cycle as accepted, null as other,
                  i.period_end::text as found
           from {invoices} i join only_ones o using (customer)
           where i._rank > 0 and i.period_end - i.period_start > ({days})
             and not exists (
                 select from {lines} l
                 where l.invoice_number = i.invoice_number
                   and (l.period_start is not null or l.quantity > 1))"""
    ).format(
        services=world.rows("service"),
        plans=world.rows("plan"),
        invoices=world.rows("invoice"),
        lines=world.rows("invoice_line"),
        days=_days(sql.SQL("o.cycle")),
    )


def _active_service_of(rule: str, *statuses: str) -> Check:
    def query(world: World, policy: Policy) -> sql.Composed:
        return sql.SQL(
            """select s.service_code, 'the customer in {{other}}' as accepted, {other} as other,
                      s.status as found
               from {services} s join {customers} c on c.account_number = s.customer
               where s._rank > 0 and s.status = 'active' and c.status in ({statuses})"""
        ).format(
            other=other("c"),
            services=world.rows("service"),
            customers=world.rows("customer"),
            statuses=sql.SQL(", ").join(map(sql.Literal, statuses)),
        )

    return Check(
        rule=rule,
        entity="service",
        fields=("status", "customer"),
        reads={"service": ("status", "customer"), "customer": ("status",)},
        query=query,
        told=True,
    )


CHECKS = (
    _active_service_of("service.customer_cancelled", "cancelled"),
    _active_service_of("service.customer_not_active", "lead", "suspended"),
    _of_customer(
        "service.start_before_signup",
        "service",
        "start_date",
        "signup_date",
        sql.SQL("{own} < {their}"),
    ),
    _of_customer(
        "service.currency_of_customer", "service", "currency", "currency", _OTHER, "price"
    ),
    _of_customer(
        "invoice.currency_of_customer", "invoice", "currency", "currency", _OTHER, "total"
    ),
    _of_customer(
        "payment.currency_of_customer", "payment", "currency", "currency", _OTHER, "amount"
    ),
    Check(
        rule="invoice.lines_add_up",
        entity="invoice",
        fields=("subtotal", "total"),
        reads={
            "invoice": ("subtotal", "discount", "tax", "total", "currency", "kind", "status"),
            "invoice_line": ("amount", "tax", "discount", "kind"),
        },
        query=_lines_add_up,
    ),
    Check(
        rule="invoice.due_date_of_prepaid",
        entity="invoice",
        fields=("due_date", "customer"),
        reads={
            "invoice": ("due_date", "customer", "issue_date", "kind", "status"),
            "customer": ("payment_terms",),
        },
        query=_due_of_prepaid,
    ),
    _differs_from_invoice("invoice_line", "invoice_number line_no", "invoice_number", "currency"),
    _differs_from_invoice("payment", "payment_number", "invoice", "customer"),
    _differs_from_invoice("payment", "payment_number", "invoice", "currency"),
    Check(
        rule="payment.before_invoice",
        entity="payment",
        fields=("paid_at", "invoice"),
        reads={
            "payment": ("paid_at", "invoice", "customer", "kind", "status", "method"),
            "invoice": ("issue_date",),
            "customer": ("payment_terms",),
        },
        query=_before_invoice,
    ),
    Check(
        rule="invoice.overpaid",
        entity="invoice",
        fields=("total",),
        reads={
            "invoice": ("total", "currency"),
            "payment": ("invoice", "currency", "amount", "status"),
        },
        query=_overpaid,
    ),
    Check(
        rule="invoice_line.period_in_cycle",
        entity="invoice_line",
        fields=("period_end", "period_start"),
        shown=("period_start", "period_end"),
        reads={
            "invoice_line": ("item_code", "kind", "period_start", "period_end", "quantity"),
            "plan": ("billing_cycle",),
        },
        query=_line_period,
    ),
    Check(
        rule="invoice.period_in_cycle",
        entity="invoice",
        fields=("period_end", "period_start"),
        shown=("period_start", "period_end"),
        reads={
            "invoice": ("customer", "period_start", "period_end"),
            "service": ("customer", "plan", "billing_cycle"),
            "plan": ("billing_cycle",),
            "invoice_line": ("period_start", "quantity"),
        },
        query=_invoice_period,
    ),
)
