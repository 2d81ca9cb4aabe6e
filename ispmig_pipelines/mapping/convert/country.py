"""Countries, ISO 3166-1: two letters, three letters, or a name."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from ispmig_pipelines.mapping.convert.values import Converted, Refused, per_distinct, refused_or

_TABLE = """
AD AND AE ARE AF AFG AG ATG AI AIA AL ALB AM ARM AO AGO AQ ATA AR ARG AS ASM AT AUT AU AUS AW ABW
AX ALA AZ AZE BA BIH BB BRB BD BGD BE BEL BF BFA BG BGR BH BHR BI BDI BJ BEN BL BLM BM BMU BN BRN
BO BOL BQ BES BR BRA BS BHS BT BTN BV BVT BW BWA BY BLR BZ BLZ CA CAN CC CCK CD COD CF CAF CG COG
CH CHE CI CIV CK COK CL CHL CM CMR CN CHN CO COL CR CRI CU CUB CV CPV CW CUW CX CXR CY CYP CZ CZE
DE DEU DJ DJI DK DNK DM DMA DO DOM DZ DZA EC ECU EE EST EG EGY EH ESH ER ERI ES ESP ET ETH FI FIN
FJ FJI FK FLK FM FSM FO FRO FR FRA GA GAB GB GBR GD GRD GE GEO GF GUF GG GGY GH GHA GI GIB GL GRL
GM GMB GN GIN GP GLP GQ GNQ GR GRC GS SGS GT GTM GU GUM GW GNB GY GUY HK HKG HM HMD HN HND HR HRV
HT HTI HU HUN ID IDN IE IRL IL ISR IM IMN IN IND IO IOT IQ IRQ IR IRN IS ISL IT ITA JE JEY JM JAM
JO JOR JP JPN KE KEN KG KGZ KH KHM KI KIR KM COM KN KNA KP PRK KR KOR KW KWT KY CYM KZ KAZ LA LAO
LB LBN LC LCA LI LIE LK LKA LR LBR LS LSO LT LTU LU LUX LV LVA LY LBY MA MAR MC MCO MD MDA ME MNE
MF MAF MG MDG MH MHL MK MKD ML MLI MM MMR MN MNG MO MAC MP MNP MQ MTQ MR MRT MS MSR MT MLT MU MUS
MV MDV MW MWI MX MEX MY MYS MZ MOZ NA NAM NC NCL NE NER NF NFK NG NGA NI NIC NL NLD NO NOR NP NPL
NR NRU NU NIU NZ NZL OM OMN PA PAN PE PER PF PYF PG PNG PH PHL PK PAK PL POL PM SPM PN PCN PR PRI
PS PSE PT PRT PW PLW PY PRY QA QAT RE REU RO ROU RS SRB RU RUS RW RWA SA SAU SB SLB SC SYC SD SDN
SE SWE SG SGP SH SHN SI SVN SJ SJM SK SVK SL SLE SM SMR SN SEN SO SOM SR SUR SS SSD ST STP SV SLV
SX SXM SY SYR SZ SWZ TC TCA TD TCD TF ATF TG TGO TH THA TJ TJK TK TKL TL TLS TM TKM TN TUN TO TON
TR TUR TT TTO TV TUV TW TWN TZ TZA UA UKR UG UGA UM UMI US USA UY URY UZ UZB VA VAT VC VCT VE VEN
VG VGB VI VIR VN VNM VU VUT WF WLF WS WSM YE YEM YT MYT ZA ZAF ZM ZMB ZW ZWE
"""
_ALPHA_2_AND_3 = _TABLE.split()

ALPHA_3 = dict(zip(_ALPHA_2_AND_3[1::2], _ALPHA_2_AND_3[::2], strict=True))
"""Three letters → two."""
CODES = frozenset(_ALPHA_2_AND_3[::2])

# Exceptionally reserved for, or used officially instead of, the code in the standard.
_OTHER_CODES = {"UK": "GB", "EL": "GR"}

_OTHER_NAMES = {
    "america": "US",
    "united states of america": "US",
    "the united states": "US",
    "u.s.a.": "US",
    "u.s.": "US",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "united kingdom of great britain and northern ireland": "GB",
    "holland": "NL",
    "the netherlands": "NL",
    "republic of ireland": "IE",
    "eire": "IE",
    "czech republic": "CZ",
    "russian federation": "RU",
    "korea, republic of": "KR",
    "republic of korea": "KR",
    "korea, democratic people's republic of": "KP",
    "viet nam": "VN",
    "burma": "MM",
    "ivory coast": "CI",
    "cote d'ivoire": "CI",
    "macedonia": "MK",
    "north macedonia": "MK",
    "swaziland": "SZ",
    "eswatini": "SZ",
    "cape verde": "CV",
    "cabo verde": "CV",
    "east timor": "TL",
    "timor-leste": "TL",
    "turkey": "TR",
    "turkiye": "TR",
    "bolivia, plurinational state of": "BO",
    "venezuela, bolivarian republic of": "VE",
    "iran, islamic republic of": "IR",
    "tanzania, united republic of": "TZ",
    "moldova, republic of": "MD",
    "syrian arab republic": "SY",
    "lao people's democratic republic": "LA",
    "brunei darussalam": "BN",
    "palestine, state of": "PS",
    "holy see": "VA",
    "taiwan, province of china": "TW",
    "democratic republic of the congo": "CD",
    "congo, the democratic republic of the": "CD",
    "republic of the congo": "CG",
    "the gambia": "GM",
    "the bahamas": "BS",
    "bahamas, the": "BS",
    "hong kong": "HK",
    "macau": "MO",
    "macao": "MO",
    "reunion": "RE",
    "curacao": "CW",
    "st. lucia": "LC",
    "st. kitts and nevis": "KN",
    "trinidad & tobago": "TT",
    "bosnia": "BA",
    "czechia": "CZ",
    "cesko": "CZ",
    "slovak republic": "SK",
    "kyrgyz republic": "KG",
    "uae": "AE",
    "vatican city": "VA",
    "us virgin islands": "VI",
    "hong kong sar": "HK",
    "the philippines": "PH",
    "sint maarten": "SX",
    "bonaire": "BQ",
    "dr congo": "CD",
    "democratic republic of congo": "CD",
    "people's republic of china": "CN",
    "republic of south africa": "ZA",
    "lao pdr": "LA",
    "st lucia": "LC",
    "st. vincent and the grenadines": "VC",
}

ACCEPTED = "a country's code (ISO 3166) or name"


def _plain(name: str) -> str:
    """Without accents, case and doubled spaces."""
    bare = name
    if not name.isascii():
        apart = unicodedata.normalize("NFKD", name)
        bare = "".join(c for c in apart if not unicodedata.combining(c))
    return " ".join(bare.casefold().replace("\u2019", "'").replace("&", "and").split())


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Names of countries in the languages that phonenumbers knows → code; a name that means two
    countries somewhere means none."""
    from phonenumbers.geodata.locale import LOCALE_DATA  # slow to load, and seldom needed

    named: dict[str, str] = {}
    for code, translations in LOCALE_DATA.items():
        if code not in CODES:
            continue
        for name in translations.values():
            # "*en" repeats the name of another language.
            if not name.startswith("*") and named.setdefault(_plain(name), code) != code:
                named[_plain(name)] = ""
    english = {_plain(data["en"]): code for code, data in LOCALE_DATA.items()
               if code in CODES and not data.get("en", "*").startswith("*")}  # fmt: skip
    return named | english | {_plain(name): code for name, code in _OTHER_NAMES.items()}


def _country(text: str) -> str:
    code = text.upper().replace(".", "")
    if code in CODES:
        return code
    if found := ALPHA_3.get(code) or _OTHER_CODES.get(code) or _names().get(_plain(text)):
        return found
    raise Refused("value.type", ACCEPTED)


def convert_country(values: pa.StringArray) -> Converted:
    """The code of two capital letters."""
    # No code and no name has a digit.
    numbered = pc.match_substring_regex(values, "[0-9]")
    return refused_or(
        values,
        numbered,
        "value.type",
        ACCEPTED,
        lambda rest: per_distinct(rest, _country, pa.string()),
    )
