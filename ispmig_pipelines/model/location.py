"""The location: where service is delivered."""

from __future__ import annotations

from ispmig_pipelines.model import business_rule as b
from ispmig_pipelines.model import field as f
from ispmig_pipelines.model.entity import Entity, business_rules, row_rules
from ispmig_pipelines.model.row_rule import Together

_PERSONAL = f.Privacy.PERSONAL


class Location(Entity):
    """A service address of a customer: where the line ends and the technician goes."""

    location_code: f.Text = f.text(
        "The number or name the ISP knows the location by.",
        key=True,
        max_length=64,
        aliases=f.names(
            "location, location id, location no, site id, address id, premise id, premises id"
        ),
        privacy=_PERSONAL,
    )
    customer: f.Text = f.text(
        "The customer served there.",
        references="customer",
        required=True,
        max_length=64,
        aliases=f.names(
            "account number, account id, customer id, custnum, client id, subscriber id, "
            "userident, user id"
        ),
        privacy=_PERSONAL,
    )
    name: f.Text = f.text(
        "What people call the location, e.g. Farm or Main Office.",
        aliases=f.names("location name, site name, address name"),
        privacy=_PERSONAL,
    )
    kind: f.Text = f.choice(
        "What is there: a home, a business, or a site of the network.",
        "residential",
        "business",
        "network_site",
        aliases=f.names("location type, site type, address type"),
    )
    street: f.Text = f.text(
        "Street and number, or the whole address where it cannot be split.",
        aliases=f.names(
            "street1, street address, address, address1, address line 1, service address, "
            "physical address, physical address line1, installation address, ship_address1"
        ),
        privacy=_PERSONAL,
    )
    street2: f.Text = f.text(
        "Second line of the address.",
        aliases=f.names("address2, address line 2, physical address line 2, ship_address2"),
        privacy=_PERSONAL,
    )
    building: f.Text = f.text(
        "Number or name of the building, where it stands apart from the street.",
        max_length=50,
        aliases=f.names("build, house, house number, block"),
        privacy=_PERSONAL,
    )
    entrance: f.Text = f.text(
        "Entrance or staircase.",
        max_length=20,
        aliases=f.names("staircase"),
        privacy=_PERSONAL,
    )
    floor: f.Text = f.text(
        "Floor.",
        max_length=20,
        aliases=f.names("storey, level"),
        privacy=_PERSONAL,
    )
    apartment: f.Text = f.text(
        "Apartment, unit or suite.",
        max_length=50,
        aliases=f.names("apt, unit, suite, flat"),
        privacy=_PERSONAL,
    )
    city: f.Text = f.text(
        "City.",
        max_length=100,
        aliases=f.names("town, physical city, service city, ship_city"),
        privacy=_PERSONAL,
    )
    county: f.Text = f.text(
        "County or district.",
        max_length=100,
        aliases=f.names("district, physical county"),
        privacy=_PERSONAL,
    )
    region: f.Text = f.text(
        "State or province.",
        max_length=100,
        aliases=f.names("state, stateid, province, physical state, service state, ship_state"),
        privacy=_PERSONAL,
    )
    postal_code: f.Text = f.postal_code(
        "Postal code; text, because zeros lead.",
        aliases=f.names("zip, zip code, post code, plz, physical zip, service zip, ship_zip"),
    )
    country: f.Text = f.country(
        "Country.",
        aliases=f.names("country code, country id, physical country, ship_country"),
    )
    latitude: f.Coordinate = f.coordinate(
        "Latitude, north is positive.",
        minimum=-90,
        maximum=90,
        aliases=f.names("lat, gps lat, physical latitude, addressgpslat"),
    )
    longitude: f.Coordinate = f.coordinate(
        "Longitude, east is positive.",
        minimum=-180,
        maximum=180,
        aliases=f.names("lon, lng, long, gps lon, gps long, physical longitude, addressgpslon"),
    )
    zone: f.Text = f.text(
        "Part of the network that serves the location: tower, sector, node or area.",
        max_length=100,
        aliases=f.names("tower, sector, sectornum, node, service area, network zone, pop"),
        privacy=_PERSONAL,
    )
    contact_name: f.Text = f.text(
        "Whom to ask for at the location.",
        max_length=200,
        aliases=f.names("site contact, contact, contact person"),
        privacy=_PERSONAL,
    )
    contact_phone: f.Text = f.phone(
        "Telephone at the location.",
        aliases=f.names("site phone, phone, phone number"),
    )
    notes: f.Text = f.text(
        "What staff noted, e.g. how to get in.",
        max_length=10_000,
        aliases=f.names("note, comment, comments, description, access notes, directions"),
        privacy=_PERSONAL,
    )

    class Config:
        metadata = row_rules(
            Together("latitude", "longitude"),
        ) | business_rules(
            b.NotBothZero(
                "latitude",
                "longitude",
                why='The place lies in the Gulf of Guinea; 0 mostly stands for "unknown".',
            ),
        )
