"""The customer: the person or company the ISP bills."""

from __future__ import annotations

from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, row_rules
from ispmig_pipelines.model.row_rule import Needs

_PERSONAL = {"privacy": f.Privacy.PERSONAL}


class Customer(Entity):
    """A person or company that the ISP bills: who they are, how to reach them, what they owe."""

    account_number: f.Text = f.text(
        "The number the ISP knows the customer by.",
        key=True,
        max_length=64,
        aliases=("account", "account id", "accountid", "customer id", "customerid", "custnum",
                 "account no", "acc_num", "userident", "client id", "subscriber id", "agent_custid"),
        **_PERSONAL,
    )  # fmt: skip
    kind: f.Text = f.choice(
        "Whether the customer is a person or a company.",
        "person",
        "company",
        required=True,
        aliases=("category", "customer type", "account type", "clienttype", "jur"),
    )
    first_name: f.Text = f.text(
        "Given name of the person or of the contact.",
        max_length=100,
        aliases=("first name", "firstname", "first", "given name"),
        **_PERSONAL,
    )
    last_name: f.Text = f.text(
        "Family name of the person or of the contact; a whole name that cannot be split.",
        max_length=200,
        aliases=("last name", "lastname", "last", "surname", "name", "fullname", "full name"),
        **_PERSONAL,
    )
    company_name: f.Text = f.text(
        "Registered name of the company.",
        max_length=200,
        aliases=("company", "companyname", "organization", "organisation", "business name"),
    )
    status: f.Text = f.choice(
        "Where the customer stands: a lead has no service yet, a suspended one may come back.",
        "lead",
        "active",
        "suspended",
        "cancelled",
        required=True,
        aliases=("account status", "state", "status_id", "enableuser"),
    )
    signup_date: f.Date = f.date(
        "Day the customer signed up.",
        aliases=("registration date", "registrationdate", "created", "created at", "signup"),
    )
    email: f.Text = f.email(
        "Main email address.",
        aliases=("e-mail", "mail", "email address", "contact email"),
    )
    billing_email: f.Text = f.email(
        "Where invoices go, if elsewhere.",
        aliases=("billing email", "invoice email", "invoicing_list"),
    )
    phone: f.Text = f.phone(
        "Main telephone.",
        aliases=("phonenumber", "phone number", "telephone", "home phone", "homephone", "h_phone",
                 "daytime", "work phone", "workphone"),
    )  # fmt: skip
    mobile: f.Text = f.phone(
        "Mobile telephone.",
        aliases=("mobile phone", "mobilephone", "cell", "cellphone", "m_phone"),
    )
    billing_street: f.Text = f.text(
        "Billing address: street and number.",
        aliases=("street", "address", "address1", "address line 1", "street1", "billing address"),
        **_PERSONAL,
    )
    billing_street2: f.Text = f.text(
        "Billing address: second line.",
        aliases=("address2", "address line 2", "street2"),
        **_PERSONAL,
    )
    billing_city: f.Text = f.text(
        "Billing address: city.",
        max_length=100,
        aliases=("city", "town", "billing city"),
        **_PERSONAL,
    )
    billing_region: f.Text = f.text(
        "Billing address: state, province or county.",
        max_length=100,
        aliases=("state", "province", "region", "county"),
        **_PERSONAL,
    )
    billing_postal_code: f.Text = f.text(
        "Billing address: postal code; text, because zeros lead.",
        max_length=20,
        aliases=("zip", "zip_code", "zipcode", "postcode", "postal code", "plz"),
        **_PERSONAL,
    )
    billing_country: f.Text = f.country(
        "Billing address: country.",
        aliases=("country", "country code"),
    )
    tax_id: f.Text = f.text(
        "VAT or other tax number.",
        max_length=50,
        aliases=("vat", "vat number", "vat id", "taxid", "tax number", "companytaxid", "ein"),
        **_PERSONAL,
    )
    tax_exempt: f.Boolean = f.boolean(
        "No tax is charged.",
        aliases=("tax exempt", "taxexempt"),
    )
    language: f.Text = f.text(
        "Language for letters and calls, BCP 47, e.g. en or pt-BR.",
        max_length=35,
        pattern="[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*",
        pattern_doc="a language tag such as en or pt-BR",
        aliases=("lang", "locale"),
    )
    balance: f.Money = f.money(
        "What the customer owes: positive is a debt to the ISP, negative a credit.",
        positive_is="debt",
        aliases=("account balance", "accountbalance", "open balance", "prior balance", "cash"),
        **_PERSONAL,
    )
    balance_date: f.Date = f.date(
        "Day on which the balance was true.",
        aliases=("balance_date", "balance as of"),
    )
    deposit: f.Money = f.money(
        "Deposit held for the customer.",
        aliases=("deposit amount", "security deposit"),
        **_PERSONAL,
    )
    currency: f.Text = f.currency(
        "Currency of balance and deposit.",
        aliases=("currency code", "currencycode", "cur"),
    )
    payment_terms: f.Text = f.choice(
        "Whether service is paid before or after use.",
        "prepaid",
        "postpaid",
        aliases=("billing_type", "billing type"),
    )
    bill_day: f.Integer = f.integer(
        "Day of the month on which invoices are made: 1 to 31.",
        minimum=1,
        maximum=31,
        aliases=("billing day", "billday"),
    )
    marketing_consent: f.Boolean = f.boolean(
        "The customer agreed to be sent offers.",
        aliases=("marketing", "newsletter", "opt in", "gdpr consent"),
    )
    consent_date: f.Date = f.date(
        "Day on which the consent was given or refused.",
        aliases=("consent date", "gdpr date"),
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=("note", "comment", "comments", "remarks", "description"),
        **_PERSONAL,
    )

    class Config:
        metadata = row_rules(
            Needs("balance", "currency"),
            Needs("deposit", "currency"),
        )
