"""Countries, ISO 3166-1: two letters, three letters, three digits, or a name."""

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

_NUMBERS = """
AD020 AE784 AF004 AG028 AI660 AL008 AM051 AO024 AQ010 AR032 AS016 AT040 AU036 AW533 AX248 AZ031
BA070 BB052 BD050 BE056 BF854 BG100 BH048 BI108 BJ204 BL652 BM060 BN096 BO068 BQ535 BR076 BS044
BT064 BV074 BW072 BY112 BZ084 CA124 CC166 CD180 CF140 CG178 CH756 CI384 CK184 CL152 CM120 CN156
CO170 CR188 CU192 CV132 CW531 CX162 CY196 CZ203 DE276 DJ262 DK208 DM212 DO214 DZ012 EC218 EE233
EG818 EH732 ER232 ES724 ET231 FI246 FJ242 FK238 FM583 FO234 FR250 GA266 GB826 GD308 GE268 GF254
GG831 GH288 GI292 GL304 GM270 GN324 GP312 GQ226 GR300 GS239 GT320 GU316 GW624 GY328 HK344 HM334
HN340 HR191 HT332 HU348 ID360 IE372 IL376 IM833 IN356 IO086 IQ368 IR364 IS352 IT380 JE832 JM388
JO400 JP392 KE404 KG417 KH116 KI296 KM174 KN659 KP408 KR410 KW414 KY136 KZ398 LA418 LB422 LC662
LI438 LK144 LR430 LS426 LT440 LU442 LV428 LY434 MA504 MC492 MD498 ME499 MF663 MG450 MH584 MK807
ML466 MM104 MN496 MO446 MP580 MQ474 MR478 MS500 MT470 MU480 MV462 MW454 MX484 MY458 MZ508 NA516
NC540 NE562 NF574 NG566 NI558 NL528 NO578 NP524 NR520 NU570 NZ554 OM512 PA591 PE604 PF258 PG598
PH608 PK586 PL616 PM666 PN612 PR630 PS275 PT620 PW585 PY600 QA634 RE638 RO642 RS688 RU643 RW646
SA682 SB090 SC690 SD729 SE752 SG702 SH654 SI705 SJ744 SK703 SL694 SM674 SN686 SO706 SR740 SS728
ST678 SV222 SX534 SY760 SZ748 TC796 TD148 TF260 TG768 TH764 TJ762 TK772 TL626 TM795 TN788 TO776
TR792 TT780 TV798 TW158 TZ834 UA804 UG800 UM581 US840 UY858 UZ860 VA336 VC670 VE862 VG092 VI850
VN704 VU548 WF876 WS882 YE887 YT175 ZA710 ZM894 ZW716
"""
NUMERIC = {word[2:]: word[:2] for word in _NUMBERS.split()}
"""Three digits → two letters."""

# Exceptionally reserved for, or used officially instead of, the code in the standard.
_OTHER_CODES = {"UK": "GB", "EL": "GR"}

_OF_OTHER_CODES = ALPHA_3 | NUMERIC | _OTHER_CODES

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


_THREE_DIGITS = pa.array(sorted(NUMERIC), pa.string())


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
    if found := _OF_OTHER_CODES.get(code) or _names().get(_plain(text)):
        return found
    raise Refused("value.type", ACCEPTED)


def convert_country(values: pa.StringArray) -> Converted:
    """The code of two capital letters."""
    # No other code and no name has a digit. Fewer than three are a number of the old system, or a
    # calling code: 36 is Hungary's, and 036 is Australia.
    numbered = pc.and_not(
        pc.match_substring_regex(values, "[0-9]"),
        pc.is_in(values, value_set=_THREE_DIGITS),
    )
    return refused_or(
        values,
        numbered,
        "value.type",
        ACCEPTED,
        lambda rest: per_distinct(rest, _country, pa.string()),
    )
