"""The service: one line that a customer subscribes to."""

from __future__ import annotations

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.plan import BILLING_CYCLES, SPEEDS
from ispmig_pipelines.model.row_rule import InOrder

_PERSONAL = f.Privacy.PERSONAL


class Service(Entity):
    """A customer's subscription to a plan: since when, at what price, with which access."""

    service_code: f.Text = f.text(
        "The number the ISP knows the service by.",
        key=True,
        max_length=64,
        aliases=f.names(
            "service, service id, service no, subscription id, subscription, line id, pkgnum, "
            "recharge id"
        ),
        privacy=_PERSONAL,
    )
    customer: f.Text = f.text(
        "The customer who subscribes.",
        references="customer",
        required=True,
        max_length=64,
        aliases=f.names(
            "account number, account id, customer id, custnum, client id, subscriber id, "
            "userident, user id"
        ),
        privacy=_PERSONAL,
    )
    plan: f.Text = f.text(
        "The plan subscribed to.",
        references="plan",
        required=True,
        max_length=100,
        aliases=f.names(
            "plan code, plan id, plan name, package, package id, pkgpart, tariff, tariff id, "
            "tariff name, service plan id, service plan name, product id, srvid, namebp"
        ),
    )
    location: f.Text = f.text(
        "Where the service is delivered.",
        references="location",
        max_length=64,
        aliases=f.names("location code, location id, site id, address id, premise id"),
        privacy=_PERSONAL,
    )
    name: f.Text = f.text(
        "What the service is called on invoices, if not like its plan.",
        aliases=f.names("service name, description, label, invoice label"),
        privacy=_PERSONAL,
    )
    status: f.Text = f.choice(
        "Where the service stands: expired is a prepaid one whose paid time is over.",
        "pending",
        "active",
        "suspended",
        "expired",
        "cancelled",
        required=True,
        aliases=f.names("service status, subscription status, state, status id, enableuser"),
    )
    quantity: f.Quantity = f.quantity(
        "How many of the plan.",
        minimum=0,
        aliases=f.names("qty, service quantity, units"),
    )
    start_date: f.Date = f.date(
        "First day of service.",
        aliases=f.names(
            "start, active from, activation date, activated, service start, setup date, "
            "recharged on, from, installed on"
        ),
    )
    end_date: f.Date = f.date(
        "Last day of service.",
        aliases=f.names(
            "end, active to, service end, cancel, cancel date, cancelled on, termination date, "
            "deactivation date, to"
        ),
    )
    suspended_date: f.Date = f.date(
        "Day on which the service was suspended.",
        aliases=f.names("susp, suspended on, suspension date, suspend date"),
    )
    expires_at: f.Timestamp = f.timestamp(
        "When the paid time of a prepaid service is over.",
        aliases=f.names("expiration, expire, expires, expiry, expiry date, expiration date"),
    )
    contract_number: f.Text = f.text(
        "Number of the signed contract.",
        max_length=64,
        aliases=f.names("contract, contract id, contract no, agreement number"),
        privacy=_PERSONAL,
    )
    contract_date: f.Date = f.date(
        "Day on which the contract was signed.",
        aliases=f.names("contract start, contract start date, agreement date"),
    )
    contract_end_date: f.Date = f.date(
        "Last day on which the contract binds.",
        aliases=f.names("contract end, contract until, contract valid, commitment end"),
    )
    price: f.Money = f.money(
        "Price per billing cycle, where it is not the plan's.",
        aliases=f.names(
            "price override, unit price, service price, monthly price, monthly charge, "
            "monthly charges, individual price, rate"
        ),
        privacy=_PERSONAL,
    )
    price_reason: f.Text = f.text(
        "Why the price is not the plan's.",
        aliases=f.names("price override reason, override reason"),
        privacy=_PERSONAL,
    )
    setup_fee: f.Money = f.money(
        "Price once, at the beginning.",
        aliases=f.names("setup, setup price, setup charge, installation fee, activation fee"),
        privacy=_PERSONAL,
    )
    discount_amount: f.Money = f.money(
        "What is taken off the price, per billing cycle.",
        aliases=f.names("discount, discount value"),
        privacy=_PERSONAL,
    )
    discount_rate: f.Rate = f.rate(
        "Share of the price that is taken off.",
        aliases=f.names("discount percent, discount percentage"),
    )
    discount_from: f.Date = f.date(
        "First day of the discount.",
        aliases=f.names("discount start, discount start date"),
    )
    discount_until: f.Date = f.date(
        "Last day of the discount.",
        aliases=f.names("discount to, discount end, discount end date"),
    )
    discount_reason: f.Text = f.text(
        "What the discount is given for.",
        aliases=f.names("discount name, discount text, invoicelabel discount"),
        privacy=_PERSONAL,
    )
    currency: f.Text = f.currency(
        "Currency of price, fee and discount.",
        aliases=f.names("currency code, cur"),
    )
    tax_rate: f.Rate = f.rate(
        "Tax on the price, where it is not the plan's.",
        aliases=f.names("tax, vat, vat rate, vat percent, tax percent"),
    )
    billing_cycle: f.Text = f.choice(
        "How often the price falls due, where it is not the plan's.",
        *BILLING_CYCLES,
        aliases=f.names("cycle, billing period, period, invoicing period type, frequency"),
    )
    payment_terms: f.Text = f.choice(
        "Whether the service is paid before or after use.",
        "prepaid",
        "postpaid",
        aliases=f.names("billing type, prepaid"),
    )
    billing_start_date: f.Date = f.date(
        "First day that is charged.",
        aliases=f.names("invoicing start, billing start, bill from"),
    )
    billed_until: f.Date = f.date(
        "Last day that was charged.",
        aliases=f.names("last bill, last billed, last invoiced date, invoiced to, paid until"),
    )
    next_bill_date: f.Date = f.date(
        "Day of the next charge.",
        aliases=f.names("bill, next bill, next billing date, next invoice date"),
    )
    auto_renew: f.Boolean = f.boolean(
        "Renews itself when the paid time is over.",
        aliases=f.names("auto renewal, recurring"),
    )
    download_kbps: f.Integer = f.data_rate(
        "Speed to the customer, where it is not the plan's.",
        aliases=f.names("download, download speed, speed download, down, downlimit, rate_down"),
    )
    upload_kbps: f.Integer = f.data_rate(
        "Speed from the customer, where it is not the plan's.",
        aliases=f.names("upload, upload speed, speed upload, up, uplimit, rate_up"),
    )
    data_cap_gb: f.Quantity = f.quantity(
        "Data included per billing cycle, where it is not the plan's (1 GB = 10⁹ bytes).",
        minimum=0,
        unit="GB",
        aliases=f.names("data cap, data limit, quota, traffic limit, comblimit"),
    )
    access_method: f.Text = f.choice(
        "How the line is let into the network.",
        "pppoe",
        "dhcp",
        "static",
        "hotspot",
        "mac",
        "other",
        aliases=f.names("connection method, service type, access type, connection type, auth type"),
    )
    access_username: f.Text = f.text(
        "Name with which the line signs in (RADIUS, PPPoE or hotspot).",
        aliases=f.names(
            "login, username, radius username, pppoe username, pppoe login, hotspot username"
        ),
        privacy=_PERSONAL,
    )
    access_secret: f.Text = f.text(
        "Password with which the line signs in, in the clear; never the hash of one.",
        aliases=f.names(
            "password, passwd, radius password, pppoe password, cleartext password, "
            "hotspot password"
        ),
        privacy=f.Privacy.SECRET,
    )
    access_group: f.Text = f.text(
        "Group or profile that the RADIUS server or router applies.",
        aliases=f.names("radius group, group name, profile"),
    )
    access_router: f.Text = f.text(
        "Router or network access server that lets the line in.",
        aliases=f.names("router, router id, routers, nas, nas name, nas ip, bras"),
    )
    session_limit: f.Integer = f.integer(
        "How many sessions may run at a time, where it is not the plan's.",
        aliases=f.names("simultaneous use, shared users, max sessions"),
    )
    cancellation_reason: f.Text = f.text(
        "Why the service ended.",
        aliases=f.names("cancel reason, churn reason, suspension reason, suspension reason id"),
        privacy=_PERSONAL,
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=f.names("note, comment, comments, remark, remarks"),
        privacy=_PERSONAL,
    )

    class Config:
        metadata = row_rules(
            InOrder("start_date", "end_date"),
            InOrder("contract_date", "contract_end_date"),
            InOrder("discount_from", "discount_until"),
        ) | business_rules(
            b.Asks(
                "line_needs_username",
                "access_method",
                ("pppoe", "hotspot"),
                ("access_username",),
                only=("status", ("active",)),
                severity=Severity.ERROR,
                why="An active line that must sign in cannot without a name.",
            ),
            b.Happened(
                "billed_until",
                3_660,
                severity=Severity.ERROR,
                why="Nobody is charged ten years ahead.",
            ),
            b.NotBefore("start_date", "suspended_date", why="It was suspended before it began."),
            b.NotBefore("start_date", "expires_at", why="It was over before it began."),
            b.NotBefore(
                "start_date", "contract_end_date", why="The contract ended before service began."
            ),
            b.NotBefore(
                "billing_start_date",
                "end_date",
                why="It ended before the first day that is charged.",
            ),
            b.NotBefore(
                "billing_start_date", "billed_until", 1, why="It was charged before it was to be."
            ),
            b.NotBefore("start_date", "next_bill_date", 31, why="It is charged before it begins."),
            b.Happened("start_date", why="Hardly any service is ordered so far ahead."),
            b.Happened("contract_date", 1, why="A contract was signed in the past."),
            b.Happened("suspended_date", why="Hardly any suspension is planned so far ahead."),
            b.NotEarlierThan("start_date", 1980, why='Such a day mostly stands for "unknown".'),
            b.NotOver(
                "status",
                ("active",),
                "end_date",
                why="Its last day is over, and it is active still.",
            ),
            b.Asks(
                "cancelled_needs_end_date",
                "status",
                ("cancelled",),
                ("end_date",),
                why="It is not known since when the service is over.",
            ),
            b.Asks(
                "discount_from_needs_amount",
                "discount_from",
                (),
                ("discount_amount", "discount_rate"),
                why="A discount of nothing is given.",
            ),
            b.Asks(
                "discount_until_needs_amount",
                "discount_until",
                (),
                ("discount_amount", "discount_rate"),
                why="A discount of nothing is given.",
            ),
            b.NoMoreThan(
                "discount_amount", "price", free=True, why="More is taken off than the price is."
            ),
            b.OneDiscount(why="Two discounts stand there, and only one of them is given."),
            b.AmountBy(
                "active_is_of_some_quantity",
                "status",
                ("active",),
                "quantity",
                some=True,
                why="Nothing is delivered.",
            ),
            *SPEEDS,
            b.Signed("price", why="A service that pays its customer is rare."),
            b.Signed("setup_fee", why="A fee that is paid out is rare."),
            b.Signed("discount_amount", why="A discount below zero is a surcharge."),
        )
