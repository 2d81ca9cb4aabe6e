"""The customer: the person or company the ISP bills."""

from __future__ import annotations

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.row_rule import InOrder

_PERSONAL = f.Privacy.PERSONAL


class Customer(Entity):
    """A person or company that the ISP bills: who they are, how to reach them, what they owe."""

    account_number: f.Text = f.text(
        "The number the ISP knows the customer by.",
        key=True,
        max_length=64,
        aliases=f.names(
            "account, account id, account no, acc_num, customer id, customer no, customer number, "
            "customer code, custnum, client id, client no, subscriber id, userident, "
            "agent_custid, user id"
        ),
        privacy=_PERSONAL,
    )
    kind: f.Text = f.choice(
        "Whether the customer is a person or a company.",
        "person",
        "company",
        aliases=f.names("category, customer type, account type, account type id, client type, jur"),
    )
    first_name: f.Text = f.text(
        "Given name of the person or of the contact.",
        max_length=100,
        aliases=f.names("first, given name, forename, companycontactfirstname"),
        privacy=_PERSONAL,
    )
    last_name: f.Text = f.text(
        "Family name of the person or of the contact; a whole name that cannot be split.",
        max_length=200,
        aliases=f.names(
            "last, surname, family name, name, fullname, realname, customer name, client name, "
            "subscriber name, companycontactlastname"
        ),
        privacy=_PERSONAL,
    )
    company_name: f.Text = f.text(
        "Registered name of the company.",
        max_length=200,
        aliases=f.names("company, organization, organisation, business name"),
        privacy=_PERSONAL,
    )
    contact_name: f.Text = f.text(
        "Whom to speak to at the customer, if that is somebody else.",
        max_length=200,
        aliases=f.names("primary contact name, contact person, contact"),
        privacy=_PERSONAL,
    )
    contact_role: f.Text = f.text(
        "What the contact does at the customer, e.g. owner, accounting or technician.",
        max_length=100,
        aliases=f.names("primary contact role, role, department, job title"),
        privacy=_PERSONAL,
    )
    status: f.Text = f.choice(
        "Where the customer stands: a lead has no service yet, a suspended one may come back.",
        "lead",
        "active",
        "suspended",
        "cancelled",
        required=True,
        aliases=f.names(
            "account status, account status id, customer status, client status, status_id, "
            "enableuser, bill status"
        ),
    )
    signup_date: f.Date = f.date(
        "Day the customer signed up.",
        aliases=f.names(
            "registration date, registered, created, created at, created on, date created, "
            "creation date, date_add, signup, customer since, join date"
        ),
    )
    cancelled_date: f.Date = f.date(
        "Day the customer left.",
        aliases=f.names("cancellation date, cancelled at, churn date, termination date, closed"),
    )
    cancellation_reason: f.Text = f.text(
        "Why the customer left.",
        aliases=f.names("churn reason, cancel reason, reason for leaving"),
        privacy=_PERSONAL,
    )
    email: f.Text = f.email(
        "Main email address.",
        aliases=f.names("mail, email address, contact email, primary contact email address"),
    )
    billing_email: f.Text = f.email(
        "Where invoices go, if elsewhere.",
        aliases=f.names("invoice email, invoicing_list, email invoice to"),
    )
    phone: f.Text = f.phone(
        "Main telephone, mostly at home.",
        aliases=f.names(
            "phone number, phone1, telephone, tel, home phone, h_phone, night, landline"
        ),
    )
    mobile: f.Text = f.phone(
        "Mobile telephone.",
        aliases=f.names("mobile phone, mobile number, cell, cell phone, m_phone, gsm"),
    )
    work_phone: f.Text = f.phone(
        "Telephone at work, or of the contact.",
        aliases=f.names("w_phone, daytime, business phone, office phone, phone2"),
    )
    fax: f.Text = f.phone(
        "Fax.",
        aliases=f.names("fax number"),
    )
    billing_street: f.Text = f.text(
        "Billing address: street and number, or the whole address where it cannot be split.",
        aliases=f.names(
            "street, street1, street address, address, addr, address1, address line 1, "
            "billing address, billing address 1, invoicestreet1, mailing address"
        ),
        privacy=_PERSONAL,
    )
    billing_street2: f.Text = f.text(
        "Billing address: second line.",
        aliases=f.names("street2, address2, address line 2, billing address 2, invoicestreet2"),
        privacy=_PERSONAL,
    )
    billing_city: f.Text = f.text(
        "Billing address: city.",
        max_length=100,
        aliases=f.names("city, town, invoice city, mailing city"),
        privacy=_PERSONAL,
    )
    billing_region: f.Text = f.text(
        "Billing address: state, province or county.",
        max_length=100,
        aliases=f.names(
            "state, stateid, billing state, province, region, county, invoicestateid, mailing state"
        ),
        privacy=_PERSONAL,
    )
    billing_postal_code: f.Text = f.postal_code(
        "Billing address: postal code; text, because zeros lead.",
        aliases=f.names(
            "zip, zip code, billing zip, billing zip code, post code, postal code, plz, "
            "invoice zip code, mailing zip"
        ),
    )
    billing_country: f.Text = f.country(
        "Billing address: country.",
        aliases=f.names("country, country code, country id, invoicecountryid"),
    )
    tax_id: f.Text = f.text(
        "VAT or other tax number.",
        max_length=50,
        aliases=f.names("vat, vat number, vat id, tax number, company tax id, ein, tin"),
        privacy=_PERSONAL,
    )
    company_number: f.Text = f.text(
        "Number in the register of companies.",
        max_length=50,
        aliases=f.names("company registration number, registration number, company id"),
        privacy=_PERSONAL,
    )
    national_id: f.Text = f.text(
        "Number of an identity card, passport or social insurance.",
        max_length=50,
        aliases=f.names("id number, identity number, passport, id card, nid, cnic, ssn, dni"),
        privacy=_PERSONAL,
    )
    birth_date: f.Date = f.date(
        "Day of birth.",
        aliases=f.names("birthday, date of birth, dob"),
        privacy=_PERSONAL,
    )
    tax_exempt: f.Boolean = f.boolean(
        "No tax is charged.",
        aliases=f.names("no tax, vat exempt"),
    )
    language: f.Text = f.language(
        "Language for letters and calls, BCP 47, e.g. en or pt-BR.",
        aliases=f.names("lang, locale, language code, preferred language, correspondence language"),
    )
    segment: f.Text = f.text(
        "Group, zone or partner under which the ISP counts the customer.",
        max_length=100,
        aliases=f.names(
            "customer group, account groups, groupid, zone, tax zone, partner, partner id, "
            "reseller, operator, organizationid"
        ),
        privacy=_PERSONAL,
    )
    previous_isp: f.Text = f.text(
        "Which ISP the customer had before.",
        aliases=f.names("former isp, old provider"),
        privacy=_PERSONAL,
    )
    portal_username: f.Text = f.text(
        "Name with which the customer signs in to the customer portal.",
        aliases=f.names("portal login, username, login"),
        privacy=_PERSONAL,
    )
    portal_secret: f.Text = f.text(
        "Password of the customer portal, where the source has it in the clear.",
        aliases=f.names("portal pass, portal password, portalloginpassword, password"),
        privacy=f.Privacy.SECRET,
    )
    balance: f.Money = f.money(
        "What the customer owes: positive is a debt to the ISP, negative a credit.",
        positive_is="debt",
        aliases=f.names(
            "account balance, current balance, open balance, prior balance, cash, amount due, "
            "balance due"
        ),
        privacy=_PERSONAL,
    )
    balance_date: f.Date = f.date(
        "Day on which the balance was true.",
        aliases=f.names("balance as of, balance on"),
    )
    credit_limit: f.Money = f.money(
        "How far the customer may go into debt before service stops.",
        aliases=f.names("credit, overdraft, max debt"),
        privacy=_PERSONAL,
    )
    credit_limit_until: f.Date = f.date(
        "Day until which the credit limit is granted.",
        aliases=f.names("credit expire, credit end date"),
    )
    deposit: f.Money = f.money(
        "Deposit held for the customer.",
        aliases=f.names("deposit amount, security deposit"),
        privacy=_PERSONAL,
    )
    currency: f.Text = f.currency(
        "Currency of balance, credit limit and deposit.",
        aliases=f.names("currency code, cur, cur_id"),
    )
    payment_terms: f.Text = f.choice(
        "Whether service is paid before or after use.",
        "prepaid",
        "postpaid",
        aliases=f.names("billing type, billing profile"),
    )
    bill_day: f.Integer = f.integer(
        "Day of the month on which invoices are made: 1 to 31.",
        minimum=1,
        maximum=31,
        aliases=f.names("billing day, billing date, invoice day"),
    )
    next_bill_date: f.Date = f.date(
        "Day of the next invoice.",
        aliases=f.names("nextbill, next billing date, next invoice date"),
    )
    due_days: f.Integer = f.integer(
        "Days after its issue until an invoice is due.",
        maximum=3650,
        unit="days",
        aliases=f.names("payment due days, net days, invoice maturity days, bill due"),
    )
    grace_days: f.Integer = f.integer(
        "Days after the due day until service is suspended.",
        maximum=3650,
        unit="days",
        aliases=f.names("grace period, stopserviceduedays"),
    )
    invoice_delivery: f.Text = f.choice(
        "How invoices reach the customer.",
        "email",
        "post",
        "portal",
        "none",
        aliases=f.names("invoice by, delivery method, sendinvoicebypost, postalinvoice"),
    )
    marketing_consent: f.Boolean = f.boolean(
        "The customer agreed to be sent offers.",
        aliases=f.names("marketing, newsletter, opt in, gdpr consent"),
    )
    consent_date: f.Date = f.date(
        "Day on which the consent was given or refused.",
        aliases=f.names("gdpr date, opt in date"),
    )
    retain_until: f.Date = f.date(
        "Last day on which the record may be kept; what is older may be erased.",
        aliases=f.names("retention date, keep until, delete after"),
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=f.names("note, comment, comments, remark, remarks, description, memo"),
        privacy=_PERSONAL,
    )

    class Config:
        metadata = row_rules(
            InOrder("signup_date", "cancelled_date"),
        ) | business_rules(
            b.NotBefore(
                "birth_date",
                "signup_date",
                severity=Severity.ERROR,
                why="Nobody signs up before birth.",
            ),
            b.Happened(
                "birth_date", 1, severity=Severity.ERROR, why="Nobody is born in the future."
            ),
            b.Happened(
                "signup_date",
                severity=Severity.ERROR,
                why="Nobody signed up on a day so far ahead.",
            ),
            b.Happened(
                "balance_date",
                severity=Severity.ERROR,
                why="What is owed on a day so far ahead is not known.",
            ),
            b.Asks(
                "company_needs_name",
                "kind",
                ("company",),
                ("company_name",),
                severity=Severity.ERROR,
                why="Invoices to a company must bear its name.",
            ),
            b.Asks(
                "person_needs_name",
                "kind",
                ("person",),
                ("last_name", "first_name", "contact_name", "company_name"),
                why="A person without any name cannot be addressed.",
            ),
            b.Asks(
                "cancelled_needs_date",
                "status",
                ("cancelled",),
                ("cancelled_date",),
                why="It is not known since when the customer is gone.",
            ),
            b.NotOver(
                "status",
                ("active", "suspended"),
                "cancelled_date",
                why="The customer left, and is served still; some come back, and keep the date.",
            ),
            b.AmountBy(
                "prepaid_has_no_due_days",
                "payment_terms",
                ("prepaid",),
                "due_days",
                why="Who pays before use owes nothing later.",
            ),
            b.NotEarlierThan("birth_date", 1900, why="Hardly anybody is so old."),
            b.NotEarlierThan("signup_date", 1980, why='Such a day mostly stands for "unknown".'),
            b.Happened("cancelled_date", why="Hardly anybody leaves on a day so far ahead."),
            b.Happened("consent_date", 1, why="Nobody has consented in the future."),
            b.Signed("credit_limit", why="A limit below zero allows nothing."),
            b.Signed("deposit", why="A deposit is held for the customer, not owed."),
        )
