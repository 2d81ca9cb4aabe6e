"""The plan: what the ISP sells."""

from __future__ import annotations

from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.row_rule import InOrder

_PUBLIC = f.Privacy.PUBLIC

BILLING_CYCLES = (
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "two_monthly",
    "quarterly",
    "half_yearly",
    "yearly",
    "two_yearly",
    "one_time",
)
"""How often a recurring price falls due; ``one_time`` never again."""

SPEEDS: tuple[b.BusinessRule, ...] = (
    b.NoMoreThan(
        "upload_kbps",
        "download_kbps",
        free=True,
        why="Lines seldom send faster than they receive: the two may stand the wrong way round.",
    ),
    *(
        b.Plausible(
            field,
            64,
            99_999_999,
            "kbit/s",
            why="Hardly any line is so slow, or so fast: it may be meant in another unit.",
        )
        for field in ("download_kbps", "upload_kbps")
    ),
)
"""What the speeds of a plan, or of a service that has its own, say of each other."""


class Plan(Entity):
    """An offer that services are subscribed to: speed, price, billing cycle, limits."""

    plan_code: f.Text = f.text(
        "The number or short name the ISP knows the plan by.",
        key=True,
        max_length=100,
        aliases=f.names(
            "plan, plan id, plan no, package, package id, pkgpart, tariff, tariff id, "
            "service plan id, product id, product code, sku, srvid, service id, id plan"
        ),
        privacy=_PUBLIC,
    )
    name: f.Text = f.text(
        "Name under which the plan is sold.",
        aliases=f.names(
            "plan name, name_plan, namebp, package name, tariff name, service name, "
            "service plan name, product name, srvname, title"
        ),
        privacy=_PUBLIC,
    )
    description: f.Text = f.text(
        "What the plan offers, in words.",
        max_length=10_000,
        aliases=f.names("plan description, details, descr"),
        privacy=_PUBLIC,
    )
    kind: f.Text = f.choice(
        "What is sold.",
        "internet",
        "phone",
        "tv",
        "bundle",
        "equipment",
        "other",
        aliases=f.names("plan type, service type, product type, type"),
        privacy=_PUBLIC,
    )
    technology: f.Text = f.choice(
        "Over what the line runs.",
        "fiber",
        "cable",
        "dsl",
        "wireless",
        "mobile",
        "satellite",
        "ethernet",
        "other",
        aliases=f.names(
            "access technology, internet service, access type, connection type, medium"
        ),
        privacy=_PUBLIC,
    )
    status: f.Text = f.choice(
        "Whether the plan can still be subscribed to.",
        "active",
        "retired",
        aliases=f.names("plan status, enabled, plan active, available, enableservice"),
        privacy=_PUBLIC,
    )
    download_kbps: f.Integer = f.data_rate(
        "Speed to the customer.",
        aliases=f.names(
            "download, download speed, speed download, down, downrate, downlimit, rate_down, "
            "max download, planbandwidthdown"
        ),
        privacy=_PUBLIC,
    )
    upload_kbps: f.Integer = f.data_rate(
        "Speed from the customer.",
        aliases=f.names(
            "upload, upload speed, speed upload, up, uprate, uplimit, rate_up, max upload, "
            "planbandwidthup"
        ),
        privacy=_PUBLIC,
    )
    burst_download_kbps: f.Integer = f.data_rate(
        "Speed to the customer during a short burst.",
        aliases=f.names("burst download, download burst, dlburstlimit, burst_limit_down"),
        privacy=_PUBLIC,
    )
    burst_upload_kbps: f.Integer = f.data_rate(
        "Speed from the customer during a short burst.",
        aliases=f.names("burst upload, upload burst, ulburstlimit, burst_limit_up"),
        privacy=_PUBLIC,
    )
    price: f.Money = f.money(
        "Price per billing cycle.",
        aliases=f.names(
            "plan price, monthly price, monthly charge, recurring price, recurring charge, "
            "unit price, plancost, cost, fee, amount, rate"
        ),
        privacy=_PUBLIC,
    )
    setup_fee: f.Money = f.money(
        "Price once, at the beginning.",
        aliases=f.names("setup, setup price, plansetupcost, installation fee, activation fee"),
        privacy=_PUBLIC,
    )
    currency: f.Text = f.currency(
        "Currency of the prices.",
        aliases=f.names("currency code, plancurrency, cur"),
        privacy=_PUBLIC,
    )
    tax_rate: f.Rate = f.rate(
        "Tax on the price.",
        aliases=f.names("tax, vat, vat rate, vat percent, plantax, tax percent"),
        privacy=_PUBLIC,
    )
    tax_included: f.Boolean = f.boolean(
        "The price includes the tax.",
        aliases=f.names("with vat, includes tax, tax inclusive, pricing mode"),
        privacy=_PUBLIC,
    )
    billing_cycle: f.Text = f.choice(
        "How often the price falls due.",
        *BILLING_CYCLES,
        aliases=f.names(
            "cycle, billing period, billing frequency, period, invoicing period type, "
            "planrecurringperiod, frequency, validity unit"
        ),
        privacy=_PUBLIC,
    )
    payment_terms: f.Text = f.choice(
        "Whether the plan is paid before or after use.",
        "prepaid",
        "postpaid",
        aliases=f.names("billing type, prepaid, available_when_register"),
        privacy=_PUBLIC,
    )
    validity_days: f.Quantity = f.quantity(
        "For how long one payment of a prepaid plan lasts; six hours are 0.25.",
        minimum=0,
        unit="days",
        aliases=f.names("validity, valid days, expiry days, timeunitexp"),
        privacy=_PUBLIC,
    )
    contract_months: f.Integer = f.integer(
        "Shortest time a customer must keep the plan.",
        maximum=1200,
        unit="months",
        aliases=f.names(
            "contract length, contract term, commitment, minimum contract length months, "
            "minimum term"
        ),
        privacy=_PUBLIC,
    )
    data_cap_gb: f.Quantity = f.quantity(
        "Data included per billing cycle (1 GB = 10⁹ bytes); empty: without limit.",
        minimum=0,
        unit="GB",
        aliases=f.names(
            "data cap, data limit, traffic limit, quota, comblimit, plantraffictotal, fup limit, "
            "datausagelimit"
        ),
        privacy=_PUBLIC,
    )
    overage_price: f.Money = f.money(
        "Price of each GB beyond the data cap.",
        aliases=f.names("overage, overage fee, price per gb, plantrafficrefillcost"),
        privacy=_PUBLIC,
    )
    off_peak_from: f.Time = f.time_of_day(
        "When the hours begin that the plan treats otherwise, e.g. free data at night.",
        aliases=f.names(
            "off peak start, off peak begin, night from, night start, happy hour start, "
            "free from, offpeak starts at"
        ),
        privacy=_PUBLIC,
    )
    off_peak_until: f.Time = f.time_of_day(
        "When those hours end; before their beginning where they last past midnight.",
        aliases=f.names(
            "off peak end, off peak to, night until, night to, night end, happy hour end, "
            "free until, offpeak ends at"
        ),
        privacy=_PUBLIC,
    )
    session_limit: f.Integer = f.integer(
        "How many sessions may run at a time.",
        aliases=f.names("shared users, simultaneous use, max sessions"),
        privacy=_PUBLIC,
    )
    access_group: f.Text = f.text(
        "Group or profile that the RADIUS server or router applies.",
        aliases=f.names("radius group, group name, plangroup, profile, router profile"),
    )
    address_pool: f.Text = f.text(
        "Pool from which lines of the plan get their address.",
        aliases=f.names("ip pool, pool, pool name, framed pool"),
    )
    sold_from: f.Date = f.date(
        "First day on which the plan can be subscribed to.",
        aliases=f.names("available from, valid from"),
        privacy=_PUBLIC,
    )
    sold_until: f.Date = f.date(
        "Last day on which the plan can be subscribed to.",
        aliases=f.names("available until, available to, valid until, valid to"),
        privacy=_PUBLIC,
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=f.names("note, comment, comments, company notes"),
    )

    class Config:
        metadata = row_rules(
            InOrder("sold_from", "sold_until"),
        ) | business_rules(
            b.BothOrNeither("off_peak_from", "off_peak_until", why="Hours that begin must end."),
            b.NoMoreThan(
                "download_kbps",
                "burst_download_kbps",
                free=True,
                why="A burst slower than the plan's own speed is none.",
            ),
            b.NoMoreThan(
                "upload_kbps",
                "burst_upload_kbps",
                free=True,
                why="A burst slower than the plan's own speed is none.",
            ),
            *SPEEDS,
            b.Asks(
                "overage_needs_data_cap",
                "overage_price",
                (),
                ("data_cap_gb",),
                why="Nothing lies beyond a cap that does not exist.",
            ),
            b.Signed("price", why="A plan that pays its customers is rare."),
            b.Signed("setup_fee", why="A fee that is paid out is rare."),
            b.Signed("overage_price", why="A price that is paid out is rare."),
        )
