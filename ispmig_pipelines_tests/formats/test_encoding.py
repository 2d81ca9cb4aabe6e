"""Encodings are settled by evidence; split evidence asks; invalid bytes are never replaced."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from ispmig_pipelines.errors import SourceError
from ispmig_pipelines.formats import CsvOptions, open_source
from ispmig_pipelines.formats.encoding import Encoding, detect_encoding, shown, utf8_blocks

RUSSIAN = "логин;имя;город\n1;Иванов Иван;Москва\n2;Петренко Олена;Полтава\n3;Сидорова;Тверь\n"
UKRAINIAN = RUSSIAN.replace("Полтава", "Київ, Чернігів")
GREEK = "id,όνομα,πόλη\n1,Γιώργος Παπαδόπουλος,Αθήνα\n2,Ελένη Νικολάου,Θεσσαλονίκη\n"
POLISH = "id;imię;miasto\n1;Łukasz Wójcik;Łódź\n2;Małgorzata Żak;Kraków\n"
CZECH = "id,jméno\n1,Jiří Dvořák\n2,Žaneta Šťastná\n3,Růžena Černá\n"
GERMAN = "id,name,straße\n1,Jürgen Müller,Hauptstraße 5\n2,Jörg Weiß,Königsallee 1\n"
FRENCH = "id,nom,ville\n1,Hélène Lefèvre,Orléans\n2,François Noël,Besançon\n"
SPANISH = "id,nombre\n1,José Núñez\n2,Begoña Ibáñez\n3,María\n"
PORTUGUESE = "id,nome\n1,João Conceição\n2,Antônio Guimarães\n"
THAI = "id,name\n1,สมชาย,กรุงเทพ\n2,สมหญิง,เชียงใหม่\n"
HEBREW = "id,name,city\n1,כהן,תלאביב\n2,לוי,חיפה\n"
HUNGARIAN = "id,name,city\n1,Erdős,Győr\n2,Ürményi,Székesfehérvár\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "windows-1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp866"),
        (RUSSIAN, "iso8859-5"),
        (RUSSIAN.upper(), "windows-1251"),
        (RUSSIAN.upper(), "koi8-r"),
        (UKRAINIAN, "windows-1251"),
        (UKRAINIAN, "koi8-u"),
        (GREEK, "iso8859-7"),
        (GREEK, "cp737"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (CZECH, "cp1250"),
        (GERMAN, "cp1252"),
        (GERMAN, "latin-1"),
        (GERMAN, "cp850"),
        (FRENCH, "cp1252"),
        (FRENCH, "mac_roman"),
        (SPANISH, "cp1252"),
        (PORTUGUESE, "cp1252"),
        ("price\n5 €\n", "cp1252"),
        (HEBREW, "cp1255"),
        ("temperature\n5°\n6°\n", "cp1252"),
        (THAI, "cp874"),
    ],
)
def test_the_encoding_is_found_by_the_words_it_makes(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    found = detect_encoding([data], whole=True)
    assert data.decode(found.name) == text
    assert found.question == ""


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        ("price\né€\n", "cp1252", "cp1252"),
        (HUNGARIAN, "iso8859-2", "cp1250"),
        ("id,name\n1,José Muñoz Müller\n", "cp1252", "cp1250"),
        ("id,name\n1,ﾀﾅｶ,ﾄｳｷｮｳ\n", "cp932", "cp932"),
        ("id,name\n1,a\n2,Bob\n", "cp037", "EBCDIC"),
        ("id,name\n1,a\n2,Bob\n", "cp500", "EBCDIC"),
    ],
)
def test_little_text_that_another_encoding_reads_as_well_is_a_question(
    text: str, encoding: str, named: str
) -> None:
    found = detect_encoding([text.encode(encoding)], whole=True)
    assert named in found.question


CUSTOMERS: dict[str, tuple[str, str, str]] = {
    # Column names and customers of each language; the code pages that hold its letters.
    "it": (
        "Codice;Cognome;Comune;Pagata",
        "Niccolò Forlì Sì Velocità Morosità Modalità Cantù Salò Nardò Perché Lunedì Calò Rossi",
        "cp1252 latin-1 iso8859-15 cp850 cp437 mac_roman",
    ),
    "es": (
        "Codigo;Apellido;Ciudad;Pagada",
        "José García Núñez Muñoz Málaga León Cádiz Begoña María Peña Íñigo Álvarez Güímar Pérez",
        "cp1252 latin-1 cp850 mac_roman",
    ),
    "fr": (
        "Reference;Nom;Ville;Payee",
        "Hélène Lefèvre Orléans François Noël Besançon Nîmes Gaël Loïc Benoît Évry Mâcon Dupont",
        "cp1252 latin-1 iso8859-15 cp850 mac_roman",
    ),
    "de": (
        "Kundennr;Nachname;Ort;Bezahlt",
        "Müller Jürgen Köln Weiß Königsallee München Düsseldorf Schäfer Größe Österreich Übach",
        "cp1252 latin-1 cp850 mac_roman",
    ),
    "pt": (
        "Codigo;Sobrenome;Municipio;Pago",
        "João Conceição Antônio Guimarães São Simões Araújo Estêvão Évora Setúbal Fátima Inês",
        "cp1252 latin-1 cp850 mac_roman",
    ),
    "nl": (
        "Klantnr;Achternaam;Plaats;Betaald",
        "België Coördinator Daniël Zoë Renée Financiën Michaël Joël Piëta Utrecht Industriële",
        "cp1252 latin-1 cp850",
    ),
    "sv": (
        "Kundnr;Efternamn;Ort;Betald",
        "Åke Öberg Malmö Göteborg Björk Ängelholm Västerås Gävle Håkan Örebro Växjö Märta Lund",
        "cp1252 latin-1 cp850",
    ),
    "da": (
        "Kundenr;Efternavn;By;Betalt",
        "Søren Jørgensen København Møller Ægir Åse Kjær Rønne Næstved Ærø Køge Åbenrå Rødovre",
        "cp1252 latin-1 cp850",
    ),
    "is": (
        "Nafn;Heimili;Sveit;Greitt",
        "Þór Guðmundsson Reykjavík Ísafjörður Björk Jóhannsson Árni Örn Ólafur Ægir Kópavogur",
        "cp1252 latin-1 cp850",
    ),
    "pl": (
        "Numer;Nazwisko;Miasto;Zaplacono",
        "Łukasz Wójcik Łódź Małgorzata Żak Kraków Poznań Dąbrowski Święty Źródło Piątek Ćwik",
        "cp1250 iso8859-2 cp852 cp1257 iso8859-16",
    ),
    "cs": (
        "Cislo;Prijmeni;Obec;Zaplaceno",
        "Jiří Dvořák Žaneta Šťastná Růžena Černá Plzeň Kolín Třebíč Děčín Říha Kučera Ústí Novák",
        "cp1250 iso8859-2 cp852",
    ),
    "sk": (
        "Cislo;Priezvisko;Obec;Zaplatene",
        "Ľubomír Žilina Košice Kováč Štefan Ďuriš Tóth Trenčín Oľga Šťastný Krajčír Kôň Päta",
        "cp1250 iso8859-2 cp852",
    ),
    "hu": (
        "Azonosito;Nev;Telepules;Fizetve",
        "Erdős Győr Ürményi Kovács Tóth Kőszeg Németh Fűzfő Gyöngyös Ödön Ózd Érd Vörös Szűcs",
        "cp1250 iso8859-2 cp852",
    ),
    "hr": (
        "Broj;Prezime;Mjesto;Placeno",
        "Šibenik Čakovec Petrović Đakovo Županja Požega Đurđica Željko Ćosić Križevci Dražen",
        "cp1250 iso8859-2 cp852",
    ),
    "ro": (
        "Cod;Nume;Localitate;Platit",
        "Ionuţ Iaşi Braşov Timişoara Ţepeş Ştefan Bacău Brăila Mureş Vâlcea Împărat Cătălin",
        "cp1250 iso8859-2 cp852",
    ),
    "tr": (
        "Musteri;Soyad;Sehir;Odendi",
        "Şahin Çelik Öztürk Doğan Güneş Eskişehir İstanbul Muğla Uşak Çetin Özdemir Ayşe",
        "cp1254 iso8859-9 cp857",
    ),
    "lt": (
        "Numeris;Vardas;Miestas;Busena",
        "Šiauliai Panevėžys Kazlauskienė Žukauskas Klaipėda Rūta Ąžuolas Šarūnas Čepas Įmonė",
        "cp1257 iso8859-13 cp775",
    ),
    "lv": (
        "Numurs;Vards;Iela;Samaksa",
        "Jānis Bērziņš Kalniņš Rīga Liepāja Kārlis Ķekava Ģirts Rēzekne Cēsis Krūmiņš Ļaudona",
        "cp1257 iso8859-13 cp775",
    ),
    "et": (
        "Klient;Nimi;Linn;Makstud",
        "Tõnu Võru Jõhvi Põltsamaa Pärnu Jüri Mägi Õnne Käärd Köster Ülle Rätsep Põlva Ööbik",
        "cp1257 cp1252 iso8859-15",
    ),
    "ru": (
        "id;name;street;city",
        "Иванов Москва Сидорова Тверь Кузнецов Воронеж Фёдоров Лебедев Щукин Ульяновск Цветкова",
        "windows-1251 koi8-r cp866 iso8859-5 mac_cyrillic",
    ),
    "uk": (
        "id;name;street;city",
        "Київ Шевченко Чернігів Бондаренко Харків Єфименко Олійник Львів Запоріжжя Юрій Наталія",
        "windows-1251 koi8-u iso8859-5",
    ),
    "bg": (
        "id;name;street;city",
        "София Пловдив Димитров Бургас Търново Хасково Щерев Христов Кърджали Кюстендил Жеков",
        "windows-1251 iso8859-5 cp866",
    ),
    "sr": (
        "id;name;street;city",
        "Београд Јовановић Петровић Ђорђевић Николић Крагујевац Љубиша Чачак Џајић Зрењанин",
        "windows-1251 iso8859-5",
    ),
    "el": (
        "id;name;street;city",
        "Γιώργος Παπαδόπουλος Αθήνα Ελένη Νικολάου Θεσσαλονίκη Πάτρα Ηράκλειο Ιωάννης Άννα Ζωή",
        "cp1253 iso8859-7 cp737",
    ),
    "he": ("id;name;street;city", "כהן לוי חיפה ירושלים מזרחי פרץ ביטון אברהם שרה יעקב", "cp1255"),
    "ar": ("id;name;street;city", "محمد أحمد علي حسن القاهرة الإسكندرية فاطمة خالد", "cp1256"),
    "th": ("id;name;street;city", "สมชาย กรุงเทพ สมหญิง เชียงใหม่ ภูเก็ต ขอนแก่น", "cp874"),
}

CASES = [
    (language, encoding)
    for language, (_, _, encodings) in CUSTOMERS.items()
    for encoding in encodings.split()
]


def _customers(language: str, count: int, turn: int) -> str:
    """A list with ``count`` of the language's words, from one of them on."""
    header, words, _ = CUSTOMERS[language]
    known = words.split()
    picked = [known[(turn + i) % len(known)] for i in range(count)]
    rows = "".join(f"{100 + i};{word};17;x\r\n" for i, word in enumerate(picked))
    return f"{header}\r\n{rows}"


@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_a_list_of_customers_is_read_in_its_encoding(language: str, encoding: str) -> None:
    text = _customers(language, len(CUSTOMERS[language][1].split()), 0)
    data = text.encode(encoding)
    found = detect_encoding([data], whole=True)
    assert data.decode(found.name) == text
    assert found.question == ""


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize(("language", "encoding"), CASES)
def test_few_letters_are_read_rightly_or_asked_about_and_never_read_wrongly(
    language: str, encoding: str, count: int
) -> None:
    for turn in range(0, len(CUSTOMERS[language][1].split()), 3):
        text = _customers(language, count, turn)
        data = text.encode(encoding)
        found = detect_encoding([data], whole=True)
        if not found.question:
            assert data.decode(found.name) == text
            continue
        if "mix encodings" in found.question:
            # Two letters of DOS may be one of UTF-8.
            continue
        named = {found.name, *re.findall(r"[a-z0-9_]+(?:-[0-9a-z-]+)?", found.question)}
        assert any(_read_as(data, name) == text for name in named), found.question


def _read_as(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except (LookupError, UnicodeDecodeError):
        return ""


@pytest.mark.parametrize(
    "text",
    [
        "Num. Fattura;Scadenza;Imponibile;Pagata;Causale\n1/2024;13/05/2024;30,53;Sì;Canone\n",
        "Cognome;Comune;Saldo\nRicci;Forlì;-10,50\nRusso;Lecce;0,00\n",
        "Kunde;Straße;Ort\nMeier;Am Markt 5;Kassel\n",
        "Cliente;Apellido;Ciudad\n1;Muñoz;Madrid\n2;Lopez;Burgos\n",
    ],
)
def test_one_letter_of_the_west_is_settled_by_the_words_around_it(text: str) -> None:
    found = detect_encoding([text.encode("cp1252")], whole=True)
    assert (found.name, found.question) == ("cp1252", "")


def test_italian_is_not_made_baltic_by_letters_of_three_languages() -> None:
    text = "id;x\n1;Niccolò\n2;Forlì\n3;Velocità\n"
    found = detect_encoding([text.encode("cp1252")], whole=True)
    assert (found.name, found.question) == ("cp1252", "")


def test_a_question_names_cp1252_among_what_it_may_be() -> None:
    found = detect_encoding(["id;x\n1;Cantù\n".encode("cp1252")], whole=True)
    assert "cp1252" in found.question
    assert "cp1250" in found.question


@pytest.mark.parametrize("name", ["Simões Conceição", "Tõnu Võru", "Begoña Núñez"])
def test_words_with_a_tilde_are_not_hungarian(name: str) -> None:
    found = detect_encoding([f"id,name\n1,{name}\n".encode("cp1252")], whole=True)
    assert (found.name, found.question) == ("cp1252", "")


@pytest.mark.parametrize("text", [RUSSIAN, GREEK, GERMAN])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_unicode_without_a_mark(text: str, encoding: str) -> None:
    found = detect_encoding([text.encode(encoding)], whole=True)
    assert (found.name, found.bom, found.question) == (encoding, 0, "")


def test_an_accent_far_behind_the_beginning_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    ascii_part = b"".join(b"%d,Ann\n" % i for i in range(250_000))
    path.write_bytes(b"id,name\n" + ascii_part + FRENCH.split("\n", 1)[1].encode("cp1252") * 5_000)
    with open_source(path, csv=CsvOptions(delimiter=",")) as reader:
        assert reader.detected.encoding == "cp1252"


def test_one_invalid_byte_after_a_sample_of_ascii_rejects_its_record(tmp_path: Path) -> None:
    path = tmp_path / "late.csv.gz"
    rows = [b"%d,Ann" % i for i in range(200_000)]
    rows[150_001] = b"150001,Ren\xe9"
    path.write_bytes(gzip.compress(b"id,name\n" + b"\n".join(rows) + b"\n", 1))
    with open_source(path) as reader:
        assert reader.detected.encoding == "utf-8"
        batches = list(reader.batches("late"))
    rejects = [r for b in batches for r in b.rejects]
    assert sum(b.cells.num_rows for b in batches) == 199_999
    assert [(r.record, r.line, r.rule, r.text, r.accepted) for r in rejects] == [
        (150_002, 150_003, "record.encoding", "150001,Ren\\xe9", "utf-8")
    ]


def test_mostly_utf_8_stays_utf_8() -> None:
    data = ("name\n" + "Zoë\n" * 200).encode() + b"Ren\xe9\n"
    assert detect_encoding([data], whole=True).name == "utf-8"


def test_bytes_that_make_no_words_are_a_question(tmp_path: Path) -> None:
    data = b"id,x\n" + b"".join(bytes((48, 44, 0x98, 0x81, 0x8D, 0x90, 10)) for _ in range(9))
    assert "spec" in detect_encoding([data], whole=True).question
    path = tmp_path / "odd.csv"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="Name the source's encoding"):
        open_source(path)
    with open_source(path, encoding="cp866") as reader:
        assert reader.detected.questions == ()


def test_a_byte_that_the_encoding_does_not_define_rejects_its_record(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,name\n1,Ren\xe9\n2,x\x81y\n")
    with open_source(path, encoding="cp1252") as reader:
        [records] = reader.batches("a")
    assert records.cells.to_pylist() == [{"id": "1", "name": "René"}]
    assert [(r.record, r.rule, r.text) for r in records.rejects] == [
        (2, "record.encoding", "2,x\\x81y")
    ]


def test_half_a_surrogate_pair_in_utf_16_rejects_its_record(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        "id,name\n1,Ann\n2,".encode("utf-16-le") + b"\x00\xd8" + "\n".encode("utf-16-le")
    )
    with open_source(path, encoding="utf-16-le") as reader:
        [records] = reader.batches("a")
    assert records.cells.num_rows == 1
    assert [r.rule for r in records.rejects] == ["record.encoding"]


def test_utf_16_that_ends_within_a_character_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,name\n1,Ann\n2,Bob\n".encode("utf-16")[:-1])
    with pytest.raises(SourceError, match="middle of a character"):
        list(open_source(path).batches("a"))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
@pytest.mark.parametrize("encoding", ["utf-16-le", "cp1251", "shift_jis", "utf-8"])
def test_blocks_of_any_size_give_the_same_text(size: int, encoding: str) -> None:
    text = "id;имя\n1;Иван\n2;plain\n"
    data = text.encode(encoding)
    at = 0

    def read(count: int) -> bytes:
        nonlocal at
        part = data[at : at + count]
        at += count
        return part

    assert b"".join(utf8_blocks(read, Encoding(encoding), size)).decode() == text


def test_an_unknown_encoding_is_refused_with_examples(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id\n1\n")
    with pytest.raises(SourceError, match="no encoding 'utf-88'"):
        open_source(path, encoding="utf-88")


def test_raw_text_can_be_stored_anywhere() -> None:
    assert shown(b"a\0b\xff\xc3\xa9") == "a\\x00b\\xffé"


def test_a_small_file_that_mixes_encodings_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes("No,Name\n1,José\n2,".encode() + b"Jos\xe9\n")
    with pytest.raises(SourceError, match="mix encodings"):
        open_source(path)
    with open_source(path, encoding="utf-8") as reader:
        (batch,) = reader.batches("mixed")
    assert batch.cells.column("Name").to_pylist() == ["José"]
    assert [(r.record, r.rule) for r in batch.rejects] == [(2, "record.encoding")]
