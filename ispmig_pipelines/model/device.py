"""The device: gear of the network or at the customer's."""

from __future__ import annotations

from ispmig_pipelines.issues import Severity
from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.row_rule import InOrder

_PERSONAL = f.Privacy.PERSONAL


class Device(Entity):
    """A piece of equipment: what it is, where it stands, how it is reached and managed."""

    device_code: f.Text = f.text(
        "The number or name the ISP knows the device by.",
        key=True,
        max_length=64,
        aliases=f.names(
            "device, device id, device no, equipment id, asset id, inventory id, item id, cpe id"
        ),
        privacy=_PERSONAL,
    )
    customer: f.Text = f.text(
        "The customer who has it.",
        references="customer",
        max_length=64,
        aliases=f.names(
            "account number, account id, customer id, custnum, client id, subscriber id, "
            "userident, user id"
        ),
        privacy=_PERSONAL,
    )
    location: f.Text = f.text(
        "Where it stands.",
        references="location",
        max_length=64,
        aliases=f.names("location code, location id, site id, address id, premise id"),
        privacy=_PERSONAL,
    )
    service: f.Text = f.text(
        "The service it carries.",
        references="service",
        max_length=64,
        aliases=f.names("service code, service id, subscription id, line id"),
        privacy=_PERSONAL,
    )
    name: f.Text = f.text(
        "What the device is called in the network.",
        aliases=f.names("device name, hostname, shortname, title, label"),
        privacy=_PERSONAL,
    )
    kind: f.Text = f.choice(
        "What the device is.",
        "router",
        "switch",
        "modem",
        "ont",
        "olt",
        "antenna",
        "access_point",
        "set_top_box",
        "phone",
        "server",
        "power",
        "other",
        aliases=f.names("device type, equipment type, type, role, category, nas type"),
    )
    vendor: f.Text = f.text(
        "Who made it.",
        max_length=100,
        aliases=f.names("manufacturer, make, brand, vendor id"),
    )
    model: f.Text = f.text(
        "Which model it is.",
        max_length=100,
        aliases=f.names("model name, device model, product, product id, part number"),
    )
    serial_number: f.Text = f.text(
        "Serial number; text, because zeros lead.",
        max_length=100,
        aliases=f.names("serial, serial no, sn, gpon sn"),
        privacy=_PERSONAL,
    )
    asset_tag: f.Text = f.text(
        "Number on the ISP's own label.",
        max_length=64,
        aliases=f.names("barcode, inventory number, tag"),
        privacy=_PERSONAL,
    )
    uuid: f.Text = f.uuid(
        "Its identifier in the network management system.",
        aliases=f.names(
            "guid, device uuid, device guid, unms id, uisp id, nms id, management id, unique id"
        ),
        privacy=_PERSONAL,
    )
    mac: f.Text = f.mac(
        "MAC address of the device.",
        aliases=f.names("mac address, mac addr, maccm, hwaddr, hardware address, wan mac"),
        privacy=_PERSONAL,
    )
    management_address: f.Text = f.address(
        "Address under which the device is managed.",
        aliases=f.names("management ip, mgmt ip, ip, ip address, ip addr, nasname, staticipcm"),
        privacy=_PERSONAL,
    )
    firmware: f.Text = f.text(
        "Version of its software.",
        max_length=100,
        aliases=f.names("firmware version, os version, software version"),
    )
    status: f.Text = f.choice(
        "Where the device stands.",
        "in_stock",
        "reserved",
        "active",
        "faulty",
        "lost",
        "retired",
        aliases=f.names("device status, equipment status, state, status id"),
    )
    owner: f.Text = f.choice(
        "Whose it is.",
        "isp",
        "customer",
        "leased",
        aliases=f.names("ownership, owned by, property"),
    )
    installed_date: f.Date = f.date(
        "Day on which it was installed.",
        aliases=f.names("install date, installation date, installed, deployed"),
    )
    returned_date: f.Date = f.date(
        "Day on which it was taken back.",
        aliases=f.names("return date, returned, removed"),
    )
    purchase_date: f.Date = f.date(
        "Day on which it was bought.",
        aliases=f.names("purchased, bought, date of purchase"),
    )
    warranty_until: f.Date = f.date(
        "Last day of the warranty.",
        aliases=f.names("warranty, warranty end, warranty expires"),
    )
    purchase_price: f.Money = f.money(
        "What it cost.",
        aliases=f.names("price, cost, value"),
    )
    currency: f.Text = f.currency(
        "Currency of the purchase price.",
        aliases=f.names("currency code, cur"),
    )
    management_username: f.Text = f.text(
        "Name with which the device is managed.",
        aliases=f.names("login username, login, username, admin user"),
        privacy=f.Privacy.SECRET,
    )
    management_secret: f.Text = f.text(
        "Password with which the device is managed.",
        aliases=f.names("login password, password, admin password, api password"),
        privacy=f.Privacy.SECRET,
    )
    snmp_community: f.Text = f.text(
        "SNMP community with which the device is watched.",
        aliases=f.names("community, snmp"),
        privacy=f.Privacy.SECRET,
    )
    radius_secret: f.Text = f.text(
        "Secret shared with the RADIUS server.",
        aliases=f.names("secret, nas secret, shared secret"),
        privacy=f.Privacy.SECRET,
    )
    wifi_name: f.Text = f.text(
        "Name of its wireless network.",
        max_length=64,
        aliases=f.names("ssid, wifi ssid, wlan name"),
        privacy=_PERSONAL,
    )
    wifi_secret: f.Text = f.text(
        "Password of its wireless network.",
        aliases=f.names("wifi password, wlan key, wpa key, wifi key"),
        privacy=f.Privacy.SECRET,
    )
    notes: f.Text = f.text(
        "What staff noted.",
        max_length=10_000,
        aliases=f.names("note, comment, comments, description"),
        privacy=_PERSONAL,
    )

    class Config:
        metadata = row_rules(
            InOrder("purchase_date", "warranty_until"),
            InOrder("installed_date", "returned_date"),
        ) | business_rules(
            b.Happened(
                "installed_date",
                severity=Severity.ERROR,
                why="Nothing was installed on a day so far ahead.",
            ),
            b.Happened(
                "purchase_date",
                severity=Severity.ERROR,
                why="Nothing was bought on a day so far ahead.",
            ),
            b.NotBefore(
                "purchase_date", "installed_date", why="It was installed before it was bought."
            ),
            b.NotOver(
                "status",
                ("active",),
                "returned_date",
                why="It was taken back, and is in use still.",
            ),
            b.Happened("returned_date", 1, why="What is yet to be taken back was not."),
            b.NotEarlierThan("installed_date", 1980, why='Such a day mostly stands for "unknown".'),
            b.NotEarlierThan("purchase_date", 1980, why='Such a day mostly stands for "unknown".'),
            b.GivenOut("management_address", why="No device is managed under such an address."),
            b.RealMac("mac", why="Devices with such an address cannot be told apart."),
            b.RealUuid("uuid", why="Devices with such a number cannot be told apart."),
            b.Signed("purchase_price", why="A device that is paid for by its seller is rare."),
        )
