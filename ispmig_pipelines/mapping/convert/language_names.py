"""The languages of ISO 639: codes and names, in English and as their speakers call them.

The codes are those of ISO 639-1 and ISO 639-2, as registered by the Library of Congress
(https://www.loc.gov/standards/iso639-2/).
"""

from __future__ import annotations

TWO_LETTERS = """
aa aar Afar; Afaraf
ab abk Abkhazian; Abkhaz; Аҧсуа
ae ave Avestan
af afr Afrikaans
ak aka Akan
am amh Amharic; አማርኛ
an arg Aragonese; Aragonés
ar ara Arabic; العربية; عربي
as asm Assamese; অসমীয়া
av ava Avaric; Avar; Авар мацӀ
ay aym Aymara; Aymar aru
az aze Azerbaijani; Azərbaycan; Azərbaycan dili; Azərbaycanca
ba bak Bashkir; Башҡортса; Башҡорт теле
be bel Belarusian; Belorussian; Беларуская
bg bul Bulgarian; Български
bh bih Bihari
bi bis Bislama
bm bam Bambara; Bamanankan
bn ben Bengali; Bangla; বাংলা
bo bod/tib Tibetan; བོད་ཡིག
br bre Breton; Brezhoneg
bs bos Bosnian; Bosanski
ca cat Catalan; Valencian; Català; Valencià
ce che Chechen; Нохчийн мотт
ch cha Chamorro; Chamoru
co cos Corsican; Corsu
cr cre Cree
cs ces/cze Czech; Čeština; Česky
cu chu Church Slavic; Church Slavonic; Old Church Slavonic
cv chv Chuvash; Чӑвашла
cy cym/wel Welsh; Cymraeg
da dan Danish; Dansk
de deu/ger German; Deutsch
dv div Divehi; Dhivehi; Maldivian; ދިވެހި
dz dzo Dzongkha; རྫོང་ཁ
ee ewe Ewe; Eʋegbe
el ell/gre Greek; Modern Greek; Ελληνικά
en eng English
eo epo Esperanto
es spa Spanish; Castilian; Español; Castellano
et est Estonian; Eesti; Eesti keel
eu eus/baq Basque; Euskara
fa fas/per Persian; Farsi; فارسی
ff ful Fulah; Fula; Pulaar; Fulfulde
fi fin Finnish; Suomi
fj fij Fijian; Vosa Vakaviti
fo fao Faroese; Føroyskt
fr fra/fre French; Français
fy fry Western Frisian; Frisian; Frysk
ga gle Irish; Irish Gaelic; Gaeilge
gd gla Scottish Gaelic; Gaelic; Gàidhlig
gl glg Galician; Galego
gn grn Guarani; Avañe'ẽ
gu guj Gujarati; ગુજરાતી
gv glv Manx; Gaelg
ha hau Hausa
he heb Hebrew; עברית
hi hin Hindi; हिन्दी; हिंदी
ho hmo Hiri Motu
hr hrv Croatian; Hrvatski
ht hat Haitian; Haitian Creole; Kreyòl ayisyen
hu hun Hungarian; Magyar
hy hye/arm Armenian; Հայերեն
hz her Herero
ia ina Interlingua
id ind Indonesian; Bahasa Indonesia
ie ile Interlingue; Occidental
ig ibo Igbo; Asụsụ Igbo
ii iii Sichuan Yi; Nuosu
ik ipk Inupiaq
io ido Ido
is isl/ice Icelandic; Íslenska
it ita Italian; Italiano
iu iku Inuktitut; ᐃᓄᒃᑎᑐᑦ
ja jpn Japanese; 日本語
jv jav Javanese; Basa Jawa
ka kat/geo Georgian; ქართული
kg kon Kongo
ki kik Kikuyu; Gikuyu; Gĩkũyũ
kj kua Kuanyama; Kwanyama
kk kaz Kazakh; Қазақша; Қазақ тілі; Қазақ
kl kal Greenlandic; Kalaallisut
km khm Khmer; Central Khmer; Cambodian; ខ្មែរ; ភាសាខ្មែរ
kn kan Kannada; ಕನ್ನಡ
ko kor Korean; 한국어
kr kau Kanuri
ks kas Kashmiri
ku kur Kurdish; Kurdî
kv kom Komi
kw cor Cornish; Kernewek
ky kir Kirghiz; Kyrgyz; Кыргызча; Кыргыз тили
la lat Latin; Latina
lb ltz Luxembourgish; Letzeburgesch; Lëtzebuergesch
lg lug Ganda; Luganda; Oluganda
li lim Limburgan; Limburger; Limburgish; Limburgs
ln lin Lingala; Lingála
lo lao Lao; ລາວ; ພາສາລາວ
lt lit Lithuanian; Lietuvių; Lietuvių kalba
lu lub Luba-Katanga
lv lav Latvian; Latviešu; Latviešu valoda
mg mlg Malagasy
mh mah Marshallese
mi mri/mao Maori; Māori; Te reo Māori; Reo Māori
mk mkd/mac Macedonian; Македонски
ml mal Malayalam; മലയാളം
mn mon Mongolian; Монгол; Монгол хэл
mr mar Marathi; मराठी
ms msa/may Malay; Bahasa Melayu; Melayu
mt mlt Maltese; Malti
my mya/bur Burmese; Myanmar
na nau Nauru
nb nob Norwegian Bokmål; Bokmål; Norsk bokmål
nd nde North Ndebele; Ndebele; isiNdebele
ne nep Nepali; नेपाली
ng ndo Ndonga
nl nld/dut Dutch; Flemish; Nederlands; Vlaams
nn nno Norwegian Nynorsk; Nynorsk; Norsk nynorsk
no nor Norwegian; Norsk
nr nbl South Ndebele
nv nav Navajo; Navaho
ny nya Chichewa; Chewa; Nyanja; Chinyanja
oc oci Occitan; Provençal
oj oji Ojibwa
om orm Oromo; Afaan Oromoo
or ori Oriya; Odia; ଓଡ଼ିଆ
os oss Ossetian; Ossetic; Ирон
pa pan Punjabi; Panjabi; ਪੰਜਾਬੀ
pi pli Pali
pl pol Polish; Polski
ps pus Pashto; Pushto; پښتو
pt por Portuguese; Português
qu que Quechua; Runa simi
rm roh Romansh; Rumantsch
rn run Rundi; Kirundi; Ikirundi
ro ron/rum Romanian; Moldavian; Moldovan; Română
ru rus Russian; Русский; Русский язык
rw kin Kinyarwanda; Ikinyarwanda
sa san Sanskrit; संस्कृतम्
sc srd Sardinian; Sardu
sd snd Sindhi; سنڌي
se sme Northern Sami; Davvisámegiella
sg sag Sango
si sin Sinhala; Sinhalese; සිංහල
sk slk/slo Slovak; Slovenčina; Slovensky
sl slv Slovenian; Slovene; Slovenščina
sm smo Samoan; Gagana Samoa
sn sna Shona; chiShona
so som Somali; Soomaali
sq sqi/alb Albanian; Shqip
sr srp Serbian; Српски; Srpski
ss ssw Swati; Siswati
st sot Southern Sotho; Sesotho
su sun Sundanese; Basa Sunda
sv swe Swedish; Svenska
sw swa Swahili; Kiswahili
ta tam Tamil; தமிழ்
te tel Telugu; తెలుగు
tg tgk Tajik; Тоҷикӣ
th tha Thai; ไทย; ภาษาไทย
ti tir Tigrinya; ትግርኛ
tk tuk Turkmen; Türkmen; Türkmençe
tl tgl Tagalog; Wikang Tagalog
tn tsn Tswana; Setswana
to ton Tongan; Lea faka-Tonga
tr tur Turkish; Türkçe
ts tso Tsonga; Xitsonga
tt tat Tatar; Татарча
tw twi Twi
ty tah Tahitian; Reo Tahiti
ug uig Uighur; Uyghur; ئۇيغۇرچە
uk ukr Ukrainian; Українська; Українська мова
ur urd Urdu; اردو
uz uzb Uzbek; Oʻzbek; O'zbek; Oʻzbekcha; O'zbekcha; Ўзбек
ve ven Venda; Tshivenḓa
vi vie Vietnamese; Tiếng Việt
vo vol Volapük
wa wln Walloon; Walon
wo wol Wolof
xh xho Xhosa; isiXhosa
yi yid Yiddish; ייִדיש
yo yor Yoruba
za zha Zhuang
zh zho/chi Chinese; Mandarin; 中文; 汉语; 漢語; 普通话
zu zul Zulu; isiZulu
"""  # noqa: RUF001 - letters of the Ewe and of Uzbeks
"""A line per language: code of two letters, of three (two of these, for terms and for books, where
they differ), names. BCP 47 takes the code of two letters where there is one."""

THREE_LETTERS = """
ace ach ada ady afa afh ain akk ale alg alt ang anp apa arc arn arp art arw ast ath aus awa bad
bai bal ban bas bat bej bem ber bho bik bin bla bnt bra btk bua bug byn cad cai car cau ceb cel
chb chg chk chm chn cho chp chr chy cmc cmn cnr cop cpe cpf cpp crh crp csb cus dak dar day del
den dgr din doi dra dsb dua dum dyu efi egy eka elx enm ewo fan fat fil fiu fon frm fro frr frs
fur gaa gay gba gem gez gil gmh goh gon gor got grb grc gsw gwi hai haw hil him hit hmn hsb hup
iba ijo ilo inc ine inh ira iro jbo jpr jrb kaa kab kac kam kar kaw kbd kha khi kho kmb kok kos
kpe krc krl kro kru kum kut lad lah lam lez lol loz lua lui lun luo lus mad mag mai mak man map
mas mdf mdr men mga mic min mkh mnc mni mno moh mos mun mus mwl mwr myn myv nah nai nap nds new
nia nic niu nog non nqo nso nub nwc nym nyn nyo nzi osa ota oto paa pag pal pam pap pau peo phi
phn pon pra pro raj rap rar roa rom rup sad sah sai sal sam sas sat scn sco sel sem sga sgn shn
sid sio sit sla sma smi smj smn sms snk sog son srn srr ssa suk sus sux syc syr tai tem ter tet
tig tiv tkl tlh tli tmh tog tpi tsi tum tup tut tvl tyv udm uga umb vai vot wak wal war was wen
xal yao yap ypk yue zap zbl zen zgh znd zun zza
"""
"""Codes of languages that have none of two letters."""
