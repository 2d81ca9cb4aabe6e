# ruff: noqa: RUF001, E501
"""What the names of columns say of whom their cells could hurt, in the languages of exports."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ispmig_pipelines.model import ENTITIES
from ispmig_pipelines.model.entity import column_key
from ispmig_pipelines.model.field_info import FieldType, Privacy


@lru_cache(maxsize=4096)
def words_of(name: str) -> str:
    """A column's name as words in small letters without accents: ``DateOfBirth`` → ``date of
    birth``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", flat(spaced)))


def flat(text: str) -> str:
    """A text in small letters without accents, which in Cyrillic й and ї have, too."""
    for letter, plain in (("ß", "ss"), ("ø", "o"), ("đ", "d"), ("ł", "l"), ("ı", "i")):
        text = text.replace(letter, plain)
    parts = unicodedata.normalize("NFKD", text)
    return "".join(c for c in parts if not unicodedata.combining(c)).casefold()


def _named(*words: str, within: tuple[str, ...] = ()) -> re.Pattern[str]:
    """What names with one of the words match.

    Args:
        within: words of scripts that have no spaces between words, found anywhere.
    """
    # Words are made flat as names are; no letter of a pattern's own changes by it.
    whole = r"(?:^| )(?:" + "|".join(map(flat_pattern, words)) + r")(?: |$)"
    return re.compile("|".join([whole, *map(flat_pattern, within)]))


def flat_pattern(word: str) -> str:
    """A regular expression for what :func:`flat` makes of what it matched."""
    return re.sub(r"[^\x00-\x7f]+", lambda found: flat(found[0]), word)


SECRET = _named(
    "pass", r"passw\w*", "pwd", "passphrase", r"pw\d?", "secret", "psk", r"kennw\w*", "passwort",
    r"contras\w+", "clave", "senha", "mot de passe", "mdp", r"has(?:lo|la)", "wachtwoord", "heslo",
    "parola", "sifre", "пароль", "хеш", "пин", "salt", r"\w*hash\w*", "api key", "apikey",
    "access key", "private key", "token", "otp", "totp", "pin", "pin code", "puk", "security answer",
    "secret answer", "kata sandi", "losenord", "adgangskode", "salasana", "ppp pass", r"\w+passw\w+",
    r"\w+pass", r"\w+pwd",
    "лозинка", "κωδικος", "jelszo", "lozinka", "zaporka",
    within=("密码", "密碼", "パスワード", "비밀번호", "كلمة المرور",),
)  # fmt: skip
EMAIL = _named(r"e ?mails?\d?", "email address", "correo", r"e ?mail\w*", r"\w+e?mail", "courriel",
               "posta", "почта", "пошта", "surel", "eposta", "e posta",
    "имейл", "ηλεκτρονικο ταχυδρομειο", "e posta",
    within=("邮箱", "電子郵件", "电子邮件", "メール", "이메일", "البريد",),
)  # fmt: skip
PHONE = _named(
    r"(?:tele)?phones?\d?", r"tel\d?", "telefono?", r"telefon\w*", "mobile?", "mobil", "handy",
    r"cell(?:ular)?", "celular", "movil", "fax", r"\w+phone\d?", "gsm", "komorka", "telemovel",
    "portable", "cellulare", "fixe", "sms", "whatsapp", "viber", "telegram", "телефон", "тел",
    "мобильный", "мобільний", "hp", "no hp", "handphone", "rufnummer", "msisdn", "numero tel",
    "puhelin", "cep", "cep tel",
    "τηλεφωνο", "κινητο", "телефонен", "телефонный", "telefonszam", "mobilszam", "phone no", "phone number", "contact no",
    within=("电话", "電話", "手机", "手機", "携帯", "전화", "휴대폰", "هاتف", "جوال", "موبايل", "תלפון", "טלפון",),
)  # fmt: skip
BIRTH = _named(
    "dob", "birth", "birthday", r"birth ?date", "date of birth", "born", r"geb", r"geburts\w*",
    "geb dat", "gebdatum", "fecha (?:de )?nacimiento", "nacimiento", "nascimento", "data nasc",
    "dt nasc", "data (?:di )?nascita", "nascita", "naissance", "date (?:de )?naissance", "ne le",
    "data urodzenia", "urodzenia", r"geboorte\w*", "datum narozeni", "narozeni", "dogum tarihi",
    "dogum", "дата рождения", "рождения", "дата народження", "народження", "tanggal lahir",
    "tgl lahir", "fodselsdato", "fodelsedatum", "syntymaaika", "age", "alter", "edad", "eta",
    "b day", "bday", "birth dt", "dt birth", "rodenja", "datum rodenja", "szuletesi", "szuletesi ido", "szuletesi datum", "nasterii", "data nasterii", "rojstva", "datum narodenia", "narodenia", "γεννησης", "ημερομηνια γεννησης", "рождение", "ngay sinh",
    within=("生日", "出生", "生年月日", "생년월일", "생일", "تاريخ الميلاد", "الميلاد", "תאריך לידה", "วันเกิด",),
)  # fmt: skip
NAME = _named(
    "first name", "last name", "firstname", "lastname", "forename", "surname", "family name",
    "given name", "middle name", "middlename", "full name", "fullname", "real name", "realname",
    "maiden name", "contact name", "contact person", "contact", "customer name", "client name",
    "subscriber name", "person", "spouse", "partner name", "next of kin", "emergency contact",
    "mother", "father", "mothers maiden name", "guardian", "holder", "holder name", "owner name",
    "vorname", "nachname", "name", "familienname", "geburtsname", "ansprechpartner", "inhaber",
    "nombre", "nombres", "apellidos?", "titular", "nome", "cognome", "sobrenome", "intestatario",
    "nom", "prenom", "titulaire", "imie", "nazwisko", "naam", "voornaam", "achternaam", "jmeno",
    "prijmeni", "ad", "soyad", "adi", "soyadi", "ad soyad", "фио", "имя", "фамилия", "отчество",
    "піб", "прізвище", "ім я", "nama", "nama lengkap", "fornavn", "etternavn", "efternavn",
    "fornamn", "efternamn", "etunimi", "sukunimi",
    "ονομα", "επωνυμο", "ονοματεπωνυμο", "име", "презиме", "vezeteknev", "keresztnev", "teljes nev", "nev", "nume", "prenume", "ime", "prezime", "priezvisko", "meno",
    within=("姓名", "氏名", "名前", "이름", "성명", "الاسم", "اسم العميل", "שם פרטי", "שם משפחה", "ชื่อ",),
)  # fmt: skip
ADDRESS = _named(
    r"addr(?:ess)?\d?", r"address ?(?:line)? ?\d?", r"\w*address\d?", "street", "street name",
    "house no", "house number", "house", "apartment", "apt", "flat", "unit no", "zip", "zip code",
    "zipcode", "post ?code", "postal code", "city", "town", "suburb", "county", "strasse",
    r"\w+strasse", "str", "hausnummer", "hausnr", "plz", "ort", "wohnort", "anschrift", "adresse",
    r"\w+adresse", "direccion", "calle", "domicilio", "codigo postal", "ciudad", "localidad",
    "indirizzo", "via", "cap", "citta", "comune", "endereco", "rua", "morada", "cep", "cidade",
    "bairro", "rue", "ville", "code postal", "adres", "ulica", "miasto", "kod pocztowy", "straat",
    "huisnummer", "postcode", "woonplaats", "ulice", "mesto", "psc", "sokak", "mahalle", "ilce",
    "адрес", "улица", "город", "индекс", "адреса", "вулиця", "місто", "alamat", "kota", "gate",
    "gatuadress", "osoite", "gps address",
    "διευθυνση", "οδος", "πολη", "cim", "lakcim", "iranyitoszam", "varos", "utca", "adresa", "strada", "oras", "ulica i broj", "ulitsa", "grad", "постански број",
    within=("地址", "住所", "郵便番号", "邮编", "주소", "우편번호", "العنوان", "المدينة", "כתובת", "ที่อยู่",),
)  # fmt: skip
COORDINATES = _named(
    "lat", "lng", "lon", "long", "latitude", "longitude", r"\w*coord\w*", "geo", "gps", r"gps\w+",
    "geolocation", "latlng", "latlong", "breitengrad", "laengengrad", "langengrad", "latitud",
    "longitud", "latitudine", "longitudine", "широта", "долгота", "довгота", "koordinaten",
    "koordinat", "location point",
)  # fmt: skip
DEVICE = _named(
    "imei", "imsi", "iccid", "meid", "esn", "sim", "sim no", "serial", "serial no",
    "serial number", "serialno", "serialnumber", "sn", "hwid", "device id", "deviceid", "uuid",
    "udid", "guid", "fingerprint", "asset tag", "seriennummer", "numero de serie", "numer seryjny",
    "серийный номер", "onu", "onu sn", "gpon sn", "ont sn", "cpe sn", "cookie", "session id",
    "advertising id", "duid", "circuit id", "remote id",
)  # fmt: skip
USERNAME = _named(
    "user", "username", "user name", "login", r"\w+login", r"\w+username", "userid", "user id",
    "account name", "benutzername", "benutzer", "usuario", "utente", "nutzer", "utilisateur",
    "uzytkownik", "gebruikersnaam", "uzivatel", "kullanici", "логин", "логін", "skype", "facebook",
    "instagram", "twitter", "nickname", "nick", "pppoe", "ppp user",
)  # fmt: skip
ABOUT = _named(
    "gender", "sex", "geschlecht", "sexo", "sesso", "sexe", "plec", "geslacht", "pohlavi",
    "cinsiyet", "пол", "стать", "jenis kelamin", "kon", "nationality", "citizenship",
    "staatsangehorigkeit", "nacionalidad", "nazionalita", "nationalite", "marital status",
    "familienstand", "estado civil", "stato civile", "stan cywilny", "birthplace",
    "place of birth", "geburtsort", "luogo di nascita", "lugar de nacimiento", "naturalidade",
    "occupation", "profession", "beruf", "employer", "income", "salary", "photo", "picture",
    "signature", "credit score", "salutation", "title", "anrede", "language", "household",
    "children", "anniversary", "hobby", "hobbies", "driver license", "drivers license",
    "vehicle", "license plate", "kennzeichen",
)  # fmt: skip
BANK = _named("iban", "bic", "swift", r"bank ?account\w*", "account no bank", "kontonummer", "konto",
              "blz", "bankleitzahl", "routing", "routing no", "sort code", "cuenta bancaria",
              "cuenta", "clabe", "rib", "conto", "konto bankowe", "rekening", "rekeningnummer",
              "no rekening", "расчетный счет", "р с")  # fmt: skip
SPECIAL = _named(
    "religion", "religious", "konfession", "faith", "church tax", "kirchensteuer", "agama",
    "religione", "religiao", "wyznanie", "вероисповедание", "din", "health", "health status",
    "medical", "medical notes", "disability", "disabled person", "handicap", "blood", "blood type",
    "blutgruppe", "diagnosis", "krankenkasse", "schwerbehindert", "discapacidad", "salud",
    "ethnicity", "ethnic", "ethnic group", "race", "caste", "etnia", "political", "party",
    "political party", "union", "trade union", "gewerkschaft", "sindicato", "sindacato",
    "sexual orientation", "orientation", "criminal record", "biometric", "fingerprint template",
)  # fmt: skip
NOTES = _named(
    "notes?", "comments?", "remarks?", "memo", "description", "desc", "info", "bemerkung(?:en)?",
    "kommentar", "notiz(?:en)?", "anmerkung(?:en)?", "observaciones", "obs", "notas?", "note",
    "observacoes", "remarque", "commentaires?", "uwagi", "opmerking(?:en)?", "poznamka", "notlar",
    "aciklama", "примечание", "комментарий", "примітка", "коментар", "keterangan", "catatan",
    "message", "reason", "history", "text",
    "megjegyzes", "observatii", "napomena", "poznamky", "σημειωσεις", "παρατηρησεις", "бележки",
    within=("备注", "備考", "備註", "비고", "메모", "ملاحظات", "הערות",),
)  # fmt: skip

AMBIGUOUS = _named("name", "nombre", "nome", "nom", "naam", "ad", "adi", "nama", "person", "contact",
                   "titular", "holder", "father", "mother")  # fmt: skip
"""Words of :data:`NAME` that plans, towers and routers have, too: there the cells decide."""

THINGS = _named(
    "plan", "package", "product", "service", "tariff", "tarif", "tarifa", "tariffa", "paket", "piano",
    "profile", "bundle", "offer", "tower", "site", "sector", "router", "device", "host", "server",
    "olt", "ap", "node", "network", "interface", "vlan", "pool", "zone", "group", "model", "vendor",
    "brand", "file", "table", "template", "queue", "item", "category", "type", "currency", "status",
    "event", "report", "campaign",
)  # fmt: skip
"""Words beside one of :data:`AMBIGUOUS` that say whose name it is not."""

PLACES = _named("cap", "via", "ort", "house", "gate", "str", "flat", "ad", "grad", "cim", "town")
"""Words of :data:`ADDRESS` that stand for something else, too, where few different cells are."""

CATEGORIES = _named("din", "party", "race", "union", "orientation", "faith", "health")
"""Words of :data:`SPECIAL` that stand for something else, too, where cells have digits."""

_SAY_MUCH = frozenset({Privacy.PERSONAL, Privacy.PAYMENT, Privacy.SECRET})
_TYPES = frozenset(
    {FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.POSTAL_CODE, FieldType.MAC,
     FieldType.ADDRESS}
)  # fmt: skip
_SAY_LITTLE = frozenset(
    {"segment", "zone", "previous_isp", "contact_role", "name", "county", "floor", "entrance",
     "building", "asset_tag", "description", "reference", "price_reason", "discount_reason",
     "cancellation_reason", "purchase_order", "brand", "processor_customer"}
)  # fmt: skip


@lru_cache(maxsize=4096)
def field_meant(name: str) -> tuple[str, str] | None:
    """The (entity, field) of the model that a column is called like, if its content is about
    somebody; None where it is called like none, or may as well mean something else.

    Keys are none: a number says nothing of its own, and is in every table.
    """
    key = column_key(name)
    for entity, info in ENTITIES.items():
        field = info.columns_meant.get(key)
        if field is None:
            continue
        meant = info.fields[field]
        if meant.key or meant.references or field in _SAY_LITTLE:
            return None
        return (entity, field) if meant.privacy in _SAY_MUCH and meant.type in _TYPES else None
    return None
