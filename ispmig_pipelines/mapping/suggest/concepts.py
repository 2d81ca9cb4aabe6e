# ruff: noqa: RUF001, E501, SIM905
"""What the words of a column's name mean, in whatever language: ``Kundennummer``, ``cliente_id``
and ``Customer No.`` are all *customer* and *id*.

The words are the usual ones of billing exports in English, German, Spanish, Portuguese, French,
Italian, Dutch, Polish, Czech, Turkish, Indonesian, Russian and Ukrainian (Cyrillic and
transliterated).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from functools import lru_cache
from itertools import takewhile

from ispmig_pipelines.mapping.suggest.billing_words import BILLING_WORDS
from ispmig_pipelines.mapping.suggest.paths import parts_of, told
from ispmig_pipelines.mapping.suggest.regional_words import REGIONAL_WORDS
from ispmig_pipelines.mapping.suggest.trade_words import TRADE_WORDS
from ispmig_pipelines.mapping.suggest.vocabulary import MORE_WORDS
from ispmig_pipelines.mapping.suggest.world_words import WORLD_WORDS

# Concept (or several, where one word says them all): words. Accents and case do not matter.
_WORDS = """
customer: customer customers client clients cust clnt subscriber subscribers subscr subs abonent abonents abonenty member members consumer kunde kunden kd kdnr:id kdnum:id kundennr:id cliente clientes clte abonne abonnes abonado abonados assinante assinantes utente utenti mijoz клиент клиенты клиента клиентов абонент абоненты абонента клієнт клієнти klient klienci klienta odbiorca musteri müşteri abone teilnehmer suscriptor klant klanten debitor debitoren klantenlijst debiteur debiteuren zakaznik zákazník ugyfel ügyfél patron patrons kunder kund asiakas clienti abonati rotem пользователь пользователи user_list zakaznika zakazniku zakaznici zákazníci zakaznicke pelanggan custmast
account: лицевой лицевого account acct acc konto cuenta conta compte rekening ls schet лс счёт счет hesap rachunekklienta a/c ac_no:id conto ucet účet akun rekening_
id: id no nr num number numero numéro nummer numer code codigo código cod kod ident identifier identificador key nro n° № номер nomer код ид numara number# ref_id identifiant kennung schluessel nbr num_ cislo číslo čislo nomor nomer_
first name: vorname prenom prénom firstname fname givenname imie imię имя imya ім'я imya first given forename nome_proprio voornaam ad voorletters voornamen initials keresztnev nombres prenoms prénoms jmeno jméno meno given_names givenname
last name: nachname familienname surname lastname lname apellido apellidos sobrenome cognome nazwisko фамилия familiya familia прізвище soyad soyadi soyadı last achternaam nombres_apellidos family naam achternamen vezeteknev příjmení prijmeni priezvisko familyname prijmeni_
name: name names nombre nome nom nazwa bezeichnung имя_название название nazvanie назва isim adı bezeichn titel title наименование
full name: fullname фио fio піб pib fullnm vollname adsoyad nomecompleto nombrecompleto nomcomplet naam_volledig naamvolledig nama_lengkap celemeno
company: company firma firmy firm empresa societe société entreprise azienda ditta компания kompaniya компанія организация organization organisation business sirket şirket unternehmen bedrijf biz razaosocial razonsocial ragionesociale raisonsociale bedrijfsnaam:name handelsnaam tradingas tradingname naziv cég vállalat ragsoc spolecnost společnost spolocnost perusahaan
contact: contact kontakt contacto contato ansprechpartner контакт referente ansprechperson contactpersoon
email: email mail emails emailaddress correo courriel e-mail почта pochta пошта epost eposta e-posta posta_elettronica pec emailadres mailadres emailaddr surel
phone: phone telephone tel telefon telefono teléfono telefone téléphone telephone# phones fone ph phonenumber:id телефон тел telefonnummer:id telefoon fon rufnummer:id phoneno:id telefoonnummer:id contactno contactnumber teléfonos telefonos vezetekes homeph:home telp telepon nohp_ phn
mobile phone: mobile mobil celular cell cellphone movil móvil portable handy gsm cellulare komorka komórkowy мобильный мобильный_телефон мобільний mob telemovel mobiltelefon handynummer:id mobiel gsmnummer mobilnummer handynr tel_movil whatsapp celulares cel mob hp no_hp nohp mobilni handphone
work: work office daytime business_phone oficina buero büro рабочий bureau day_phone:phone alt alternate alternative secondary other_phone
home: home house_phone casa privat домашний landline festnetz fijo
fax: fax telefax факс faks
street: street str strasse straße calle rua rue via ulica улица ulitsa вулиця sokak cadde straat logradouro st chemin straat straatnaam address_1 domicilio_calle ulice ulici jalan jl
address: address addr adresse anschrift direccion dirección endereco endereço indirizzo адрес adres adresa адреса adress domicilio location_address alamat adresa_ postaladdress:billing
city: city town ort stadt ciudad cidade ville citta città miasto город gorod місто sehir şehir wohnort localidad plaats municipio miejscowosc miejscowość comune gemeinde il woonplaats locality stad by posttown town_city mesto obec mesto_ město kota kabupaten
region: uf region state province provincia bundesland estado regione область oblast wojewodztwo województwo province_state county departamento département dept kanton county_state uf_ regio provincie kraj_ provinsi propinsi
postal: zip plz postal postcode postleitzahl cp cep cap zipcode codepostal индекс indeks pocztowy index_code kodpocztowy postal_code postalcode postnummer pincode pin_code postalcd irsz psc psč kodepos kode_pos
country: country land pais país pays paese страна strana країна kraj ulke ülke
county: district landkreis raion район bairro colonia barrio estate suburb neighborhood neighbourhood quartier quartiere frazione mahalle stadtteil ortsteil area subdistrict barangay neighborhood_area ward wijk taluk tehsil upazila thana okres kecamatan kelurahan desa suburb_
tax id: vatid ustid taxid nip cif rfc cnpj cuit nif inn инн siret partitaiva piva ruc iva_id steuernummer umsatzsteuerid vkn rut nit gstin gst_no btwnummer vatno abn dic dič npwp ic_dph
national id: cpf dni cedula cédula passport паспорт pasport pesel curp personalausweis codicefiscale tckn ssn cnic nid documento rg ausweis aadhaar aadhar aadhaarno nin omang bsn ktp no_ktp rodne_cislo
birth: birth birthday dob geburtstag geburtsdatum nacimiento nascimento naissance nascita рождения urodzenia dogum doğum geburt geboortedatum:date geboren narozeni narození lahir
date: date datum fecha data_ dia día dt дата tarih tarihi jour дат datum_ tanggal tgl datum_
signup: signup registration registered alta cadastro inscription iscrizione anmeldung joined registrado регистрации rejestracji kayit kayıt since seit beitritt registrace reg join abonnement_date joindate:date sinds opened inschrijving aanmelding einrichtungsdatum member_since added enrolled onboarded registrace registrácie daftar pendaftaran open opendt:date
created: created creation creado criado erstellt angelegt создан создания cree créé utworzenia olusturma inserimento aufgenommen erfasst entered
status: situacion situación status state_ zustand estado_ etat état stato статус stan durum situacao situação estatus состояние sost statut active_state stat stav acctstat:account
balance: balance owes owed owing saldo kontostand solde баланс saldos bakiye bal баланс_счета guthaben_saldo openstaand_saldo ledger_balance currbal zustatek zůstatek zostatok
credit: credit credito crédito кредит kredyt
debt: debt schuld deuda divida dívida dette долг borc owed owing arrears outstanding openstaand rueckstand rückstand offener dues schulden owing dluh dlh hutang
deposit: deposit kaution deposito depósito депозит caution depot kaucja depozito
currency: currency waehrung währung moneda moeda devise valuta валюта waluta curr para_birimi cur monnaie
plan: plano planos plan tariff tarif tarifa tariffa package pkg paquete pacote forfait тариф tarifnyj тарифный пакет taryfa paket tarife piano abonnement produkt produit product offer offre planname:name srv_plan produto producto oferta formule planname_ bundle tier abonnementen pakket product_name bouquet scheme pack paket_ layanan
service: service servicio serviço servico servizio dienst leistung услуга usluga послуга usługa hizmet anschluss subscription suscripcion assinatura svc connection conexion conexão abonnement_nr line_id vertragsposition circuit circuits lines lijn leitung verbindung svc sluzba služba langganan svcord
speed: speed velocidad velocidade geschwindigkeit vitesse velocita velocità скорость predkosc prędkość hiz hız bandwidth bandbreite ancho_de_banda rate_limit
download: download down dl descarga bajada downstream rx_rate herunterladen вниз indirme pobieranie
upload: upload up ul subida upstream carga tx_rate отдача yukleme wysylanie
price: price precio preco preço preis prix prezzo цена cena tsena ціна fiyat fee cuota mensualidad mensalidade entgelt стоимость стоимость_услуги grundpreis charge charges abonplata абонплата monatspreis:month kosten ucret cost costo abono mrc canone abopreis monthlyfee:month maandbedrag:month tarifpreis rental rent mrr recurring_charge abonnementsprijs prijs harga biaya cenik abonament:month abonamentu:month
month: month monthly monat monatlich mes mensual mensal mensuel mensile месяц ежемесячно miesieczna miesięczny aylik aylık maand maandelijks mthly mesic měsíc mesacne bulan bulanan
year: year yearly jahr jährlich ano año annee anno год rok yil
setup: setup einrichtung instalacion_costo anschlussgebuehr activation_fee install_fee installfee nrc einmalig aansluitkosten
tax: tax vat mwst ust iva tva ндс steuer kdv impuesto imposto taxe btw пдв hst gst pst qst salestax btw moms impuestos dph ppn pajak exmpt_
rate: rate satz tasa taxa percent percentage prozent pct oran ставка procent
invoice: invoice invoices inv factura facturas fatura faturas rechnung rechnungen facture factures fattura fatture счет-фактура bill bills rachunek faktura faktury накладная rech rg_nr beleg boleto boletos quittung factuur facturen soa statement statements rechnungs ledger sales_ledger tagihan faktury_ faktúra invnbr:id
line: det dtl line zeile linea linha ligne riga строка position item items pos posten pozycja partida artikel rechnungsposition righe
payment: payment payments pay pago pagos pagamento pagamentos zahlung zahlungen paiement paiements pagamenti платеж платёж оплата oplata platezh платіж platnosc płatność wplata wpłata odeme ödeme paid_payment receipt recibo einzahlung reglement reglements règlement règlements pagamento_ zahlungseingaenge zahlungseingang tender betaling betalingen collection collections ontvangsten ontvangst cash_received einzahlungen deposits_made topup topups recharge recharges aufladung recarga recargas receipts pmt platba platby pembayaran pmthist
method: method metodo método methode forma zahlungsart:payment zahlungsweise:payment способ sposob mode modo yontem forma_pago mezzo means medio tender_type how wijze betaalwijze:payment betaalmethode:payment channel mode_of metoda zpusob způsob via cara
amount: amount amt betrag importe monto valor montant importo сумма summa suma kwota tutar sum сума bedrag valor_total sum_ amnt bedragen wert_ valore castka částka suma_ jumlah nominal
total: total gesamt totale итого razem toplam gesamtbetrag:amount brutto gross gesamtsumme:amount ttc grandtotal incl inclvat inkl celkem spolu
net: net netto subtotal zwischensumme neto imponibile ht base nettobetrag:amount excl exclvat exbtw exvat sintva sansva pretax untaxed zaklad základ bezdph
due: due faellig fällig vencimiento vencimento echeance échéance scadenza срок termin vade faelligkeit fälligkeit fälligkeitsdatum:date faelligkeitsdatum:date pagar_hasta zahlbar vence verval vervaldatum:date payby fallig betaaldatum splatnosti splatnost splatnosť jatuhtempo tempo
issue: issue issued emision emisión emissao emissão ausstellung emissione émission выставления wystawienia issuedate:date vystaveni vystavení vystavenia
paid: paid bezahlt gezahlt pagado pago_ paye payé оплачено zaplacono odendi bezahlt_am pagata versato betaald collected lunas zaplaceno bayar
period: period periodo período periode période zeitraum период okres donem
start: start begin beginn inicio início debut début inizio начало początek poczatek baslangic activation activated activacion ativacao активации подключения aktivierung von from desde anfang uruchomienia connected installation instalacion instalação attivazione activacao inbetriebnahme schaltung activé live ingangsdatum:date activated_on startdatum:date aktivierungsdatum:date commissioned golive inst instdt:date connected aktif_sejak pripojeni připojení
end: end ende fin fim fine конец koniec bitis hasta until bis to ate até отключения ends einde einddatum:date enddatum:date
expiry: expiry expiration expires expire caducidad vencto истекает ablauf wygasa exp valid_until окончания expira renewal_until kadaluarsa
cancelled: cancelled canceled cancel cancellation kuendigung kündigung gekündigt baja_ cancelacion cancelamento résiliation iptal churn terminated termination расторжения gekuendigt disconnect disconnected disconnection left disdetta cessazione dimissione kuendigungsdatum:date cease ceased closed opzegging opzegdatum:date opgezegd baixa desactivacion abmeldung disc berhenti
contract: contract vertrag contrato contrat contratto договор dogovor договір umowa sozlesme sözleşme kontrakt agreement mindestlaufzeit laufzeit mindestvertragslaufzeit vertragslaufzeit contratti overeenkomst minterm lockin commitment min_term contract_term term
building: building haus bldg house hausnummer:id hausnr:id дом dom будинок numero_casa bina edificio hnr nr_domu будівля huisnr huisnummer
apartment: apartment apt wohnung flat apartamento квартира kvartira kv daire mieszkanie unit suite departamento_nr piso_depto wohnungsnr:id toevoeging
floor: floor etage stockwerk piso andar etaj этаж pietro piętro kat storey
entrance: entrance podjezd подъезд eingang aufgang staircase
latitude: latitude lat latitud breite breitengrad широта latitudine gps_lat enlem latit
longitude: longitude lon lng long longitud laenge länge längengrad долгота longitudine boylam longit
gps: gps coordinates coords geo coordenadas koordinaten koordinaty geolocation координаты latlong latlon koordinat souradnice souřadnice
ip address: ip ipaddress ipaddr ipv4 ipv4address адрес_ip ip-adresse ipadresse ip_addr framedipaddress wan_ip wanip publicip
ipv6 address: ipv6
mac address: mac macaddress macaddr hwaddr macadresse mac-adresse маc мак
network: network netz red rede réseau subnet netzwerk сеть siec netmask_network netzwerkadresse
pool: pool
vlan: vlan vid
gateway: gateway
serial id: serial serialnumber seriennummer sn seriale serie серийный seri serialno seriennr série
model: model modell modelo modele modèle modello модель
device: device geraet gerät dispositivo equipo equipamento equipement équipement apparat устройство urzadzenie urządzenie cihaz equipment cpe router ont onu modem antena geräte geraete gear hardware asset inventory inventar apparecchio radio apparati apparato apparecchiature materiel matériel zariadenie apparaat apparatuur
vendor: marque vendor manufacturer hersteller fabricante marca fabricant производитель producent make brand üretici
firmware: firmware
login: login username user usuario usuário benutzername utilisateur логин uname kullanici benutzer userid_login pppoeuser:pppoe gebruikersnaam inlognaam usr prihlasovaci pengguna
password: password pass passwd pwd passwort kennwort contrasena contraseña senha motdepasse пароль haslo hasło sifre şifre clave pppoepass:pppoe parol wachtwoord heslo sandi
secret: secret geheimnis
pppoe: pppoe ppp radius
router: nas bras mikrotik
type: type typ tipo art kind category kategorie categoria тип rodzaj tur tür art_ clase classe kategoria
technology: technology technologie tecnologia tecnología технология technologia medium
language: language sprache idioma lingua langue язык jezyk język dil lang locale
group: group gruppe grupo groupe gruppo группа grupa grup segment
zone: zone zona зона
tower: tower towers sector sektor node nodo torre torres pop ap accesspoint celda basestation вышка бс
reseller: reseller partner operator
note: note notes comment comments bemerkung bemerkungen notiz nota notas observacion observación observaciones observacoes observações obs remark remarks примечание primechanie комментарий komentarz uwagi not_ aciklama açıklama notizen kommentar anmerkung memo commentaire remarque opmerking opmerkingen observaçao obs_ megjegyzes poznamka poznámka poznamka_ catatan keterangan
description: description beschreibung descripcion descripción descricao descrição descrizione описание opis aciklama_ desc text leistungstext designation concepto libelle libellé détails what omschrijving
quantity: quantity qty menge cantidad quantidade quantite quantité quantita quantità количество kolichestvo ilosc ilość adet anzahl cant howmany aantal
unit: einheit unidad unidade unité unita единица
reference: reference referenz referencia ref verwendungszweck txn_ref riferimento référence verwendung zweck checkno:id chequeno:id kenmerk betalingskenmerk:payment or_no
transaction: transaction txn trx trans transaccion transacao transaktion транзакция operation booking buchung
bank: bank banco banque banca банк bankname:name
card: card karte tarjeta cartao cartão carte карта karta
holder: holder inhaber kontoinhaber titular titulaire владелец titolare
mandate: mandate mandat mandato sepa lastschrift dd_mandate ddmandate
iban: iban
consent: consent einwilligung consentimiento einverstanden gdpr dsgvo согласие optin opt_in
exempt: exempt befreit exento isento taxfree:tax steuerfrei:tax notax:tax taxexmpt:tax exmpt
cap: cap quota limit volumen volume datenvolumen:data лимит limite kota
data_volume: traffic traffic_limit трафик
discount: discount rabatt descuento desconto remise sconto скидка rabat indirim
billing: billing abrechnung facturacion facturación cobranca cobrança fakturierung rechnungsadresse:address facturation fatturazione billto rechnungs facturation_ mailing invoicing postal_address
cycle: cycle zyklus ciclo frequency turnus intervall
day: day tag giorno день dzien gun
last: letzte ultimo último dernier
next: next naechste nächste proximo próximo prochain
days: days tage dias días jours giorni дней dni dagen
location: location standort ubicacion localizacao site lieu sede lokalizacja premise premises konum местоположение locatie
owner: owner eigentuemer besitzer propietario proprietaire propriétaire proprietario eigentümer eigenaar
received: received empfangen recibido eingang zahlungseingang:payment
cashier: cashier kassierer cajero collector cobrador кассир kasiyer collectedby receivedby encaisse
installed: installed montiert instalado montage eingebaut установлен pose consegna instalado_ geliefert delivered geplaatst geinstalleerd
service_location: installationsadresse:address service_address impianto  servicelocation premise_address
static: static statisch statische fixo fixa fija fijo fisso feste statico estatica estatico
public: public publica pública pubblico öffentlich öffentliche publique
active: attivo attiva activo ativo actif aktiv active enabled habilitado enable activa
autopay: autopay autoplay_ autobill
wifi: wifi wlan
reason: reason grund motivo motif причина powod
method_delivery: delivery versand envio
terms: terms zahlungsbedingungen
bill: billed
"""

_IGNORED = frozenset(
    "fk internet principal present validite gmt al vom utc tl zł zl rs metadata the of de del de la das do da di du des der die el le les los las y e et und and und a an na "
    "tbl fld col txt field feld campo champ pole value wert per par por pro für fur para a in im am "
    "iso electronico electronica eletronico electronique elettronica elektroniczna lengkap is ist es на для о по z za u so far has have your our current actual aktuell contratado contratada "
    "subscribed assigned asignado asignada zugewiesen zugewiesene attribuee abonnierter mbps kbps gbps mbit kbit "
    "gbit mbits мбіт мбит кбіт кбит гбит megas грн руб kobo paise naira pon eur usd gbp chf pln czk uah rub brl mxn inr kes ngn zar cad aud sek nok dkk".split()
)
"""Words of a name that say nothing of what the column holds."""


def without_accents(text: str) -> str:
    """Lower case without accents; ß as ss. Cyrillic stays."""
    text = text.casefold().replace("ı", "i").replace("ł", "l").replace("ø", "o")
    decomposed = unicodedata.normalize("NFD", text)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c) or c == "\u0306")
    return unicodedata.normalize("NFC", bare)


def _read() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    lists = (TRADE_WORDS, _WORDS, MORE_WORDS, REGIONAL_WORDS, BILLING_WORDS, WORLD_WORDS)
    for line in (line for words in lists for line in words.strip().splitlines()):
        concepts, words = line.split(":", 1)
        meant = tuple(concepts.split())
        for written in words.split():
            word, _, more = written.partition(":")
            for spelled in {word, word.strip("_#"), _umlauts(word)}:
                plain = without_accents(spelled).replace("-", "").replace("_", "").replace("'", "")
                found.setdefault(plain, (*meant, *([more] if more else [])))
    return found


def _umlauts(word: str) -> str:
    return word.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")


_CONCEPT_OF = _read()
_STEMS = {w: c for w, c in _CONCEPT_OF.items() if len(w) >= 4} | {
    w[:-1]: c for w, c in _CONCEPT_OF.items() if len(w) >= 5 and w[-1] in "aeiouyаеиоуяьй"
}
_IN_ORDER = sorted(_CONCEPT_OF)
_LONGEST = max(len(word) for word in _CONCEPT_OF)
_PIECES = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-zа-я0-9])(?=[A-ZА-Я])|(?<=[A-Z])(?=[A-Z][a-z])")


_INITIAL = re.compile(r"(?:(?<=[a-z_ ])|^)([FL])_?[Nn](?:ame|m)\b")
_NUMERO = re.compile(r"\b[Nn][°º]|№")
_OF_SPEED = re.compile(
    r"(?i)(?<![a-z])[kmg](?:bit|b)?(?:/s|ps)(?![a-z])|(?<=[a-z])[MKG]bps\b|(?<![a-z])[kmg]bit(?![a-z])"
    r"|(?<![а-яі])[кмг]б[іи]т(?:/с)?(?![а-яі])"
)
"""Units that say that a number is a speed: ``Mb/s``, ``DnMbps``."""
_SHORT_FORMS = ((re.compile(r"(?i)\bo/s\b"), " outstanding "), (re.compile(r"(?i)\bs/n\b"), " sn "))
"""Abbreviations whose letters a stroke keeps apart."""
_ELISION = re.compile(r"\b[dDlL]['’]")

OTHER_READINGS: dict[str, str] = {
    "tarif": "price", "tarifa": "price", "tariff": "price", "estado": "status", "state": "status", "stato": "region", "cep": "mobile", "il": "city",
    "clave": "id", "provincia": "region", "cuenta": "id", "referencia": "id", "st": "region",
    "pago": "paid", "pagado": "paid", "valor": "amount", "abonament": "plan", "abonamentu": "plan",
    "disc": "discount", "ul": "street", "via": "method", "okres": "period", "счет": "invoice",
    "счета": "invoice", "счету": "invoice",
}  # fmt: skip
"""Words that mean something else elsewhere, and the concept that they then are."""


@lru_cache(maxsize=50_000)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name: ``custPhoneNo`` is cust, phone, no; of a path those that tell
    something: ``invoiceHeader.address.city`` is address, city."""
    *above, name = parts_of(name)
    found_above = [w for part in above for w in words_of(part) if _means_something(w)]
    name = _INITIAL.sub(lambda m: " First Name" if m[1] == "F" else " Last Name", name)
    name = _NUMERO.sub(" no ", _ELISION.sub(" ", name)).replace("%", " percent ")
    name = _OF_SPEED.sub(" speed ", name)
    for written, meant in _SHORT_FORMS:
        name = written.sub(meant, name)
    found: list[str] = []
    for piece in _PIECES.findall(name.replace("'", "")):
        # PPPoE is a word, however it is written.
        known = (
            piece == piece.upper()
            or without_accents(piece) in _CONCEPT_OF
            or (
                # KvK is no apartment (kv) with a letter: so short a piece is an abbreviation.
                len(piece) <= 4 and min(map(len, _CAMEL.sub(" ", piece).split()), default=0) == 1
            )
        )
        found += (
            [without_accents(piece)]
            if known
            else map(without_accents, _CAMEL.sub(" ", piece).split())
        )
    return _joined([*found_above, *found])


def _means_something(word: str) -> bool:
    """Whether a word of a part above others is known: what is not says nothing of those below."""
    return word in _CONCEPT_OF or word in _IGNORED or _meaning(word) != [word]


_WHEN = frozenset("on at since am zum vom le al".split())
"""Words that make a name one of a day where it ends with them: ``billed_on``, ``Kündigung zum``."""


def _joined(words: list[str]) -> tuple[str, ...]:
    """Two words that are one of the list: ``ragione sociale``, ``bill to``; and a last word that
    says when something was."""
    found: list[str] = []
    while len(words) > 1 and words[-1] in ("utc", "gmt"):
        # In which zone a time is says nothing of what it is.
        words = words[:-1]
    for word in words:
        if found and found[-1] + word in _CONCEPT_OF and len(word) > 1:
            found[-1] += word
        else:
            found.append(word)
    if len(found) > 1 and found[-1] in _WHEN:
        found[-1] = "date"
    if len(found) > 1 and found[-1] == "1":
        # The first of several is the one.
        found.pop()
    return tuple(found)


@lru_cache(maxsize=20_000)
def concepts_of(name: str) -> tuple[str, ...]:
    """What a name's words mean, sorted; a word that is not known stands for itself."""
    whole = _CONCEPT_OF.get(without_accents("".join(c for c in told(name) if c.isalnum())))
    if whole is not None and "%" not in name:
        return tuple(sorted(set(whole)))
    found: list[str] = []
    for word in words_of(name):
        if word in _IGNORED or (len(word) == 1 and not word.isdigit()):
            continue
        found += _meaning(word)
    return tuple(sorted(_together(set(found), words_of(name))))


_OF_ADDRESSES = frozenset({"address", "street", "city", "postal", "region", "country", "county"})
_WHOSE_PHONE = {"w": ("work",), "h": ("home",), "m": ("mobile",), "c": ("mobile",)}
"""``tel_w``: what one letter says of a telephone number."""
_AT_MOST = frozenset({"max", "maximum", "maximo", "maxima", "ceil", "mir", "banda"})
_NAMED = frozenset({"customer", "contact", "name", "first", "company", "holder"})


def _together(concepts: set[str], words: tuple[str, ...]) -> set[str]:
    """What words mean beside others: the last payment is no family name, the city of a bill is
    that of the address for bills."""
    if "last" in words and len(words) > 1:
        others = {c for w in words if w != "last" and w not in _IGNORED for c in _meaning(w)}
        if others and not others & _NAMED:
            concepts = (concepts - {"last", "name"}) | {"latest"} | others
    if "invoice" in concepts and concepts & _OF_ADDRESSES:
        concepts = (concepts - {"invoice"}) | {"billing"}
    if "email" in concepts:
        # An email id is the address.
        concepts = concepts - {"id"}
    if "phone" in concepts and len(words) > 1 and words[-1] in _WHOSE_PHONE:
        concepts = concepts | set(_WHOSE_PHONE[words[-1]])
    if "expiry" in concepts and "end" in concepts:
        concepts = concepts - {"end"}
    if "phone" in concepts and "static" in concepts:
        # A telefono fijo stands at home.
        concepts = (concepts - {"static"}) | {"home"}
    if {"ds", "us"} & concepts and concepts & {"speed", "rate"}:
        # Down- and upstream, as cable networks say it.
        way = {"ds": "download", "us": "upload"}
        concepts = {way.get(c, c) for c in concepts - {"rate"}} | {"speed"}
    if {"gb", "city"} <= concepts:
        # A kota is a town in one language, and a quota in another.
        concepts = (concepts - {"city"}) | {"cap"}
    if concepts & {"tax", "net"}:
        # DPH22 and Zaklad22 are of the rate of 22 %.
        concepts = {c for c in concepts if not c.isdigit()}
    if concepts & {"download", "upload"} and (
        any(w.endswith("limit") for w in words) and not concepts & {"data_volume", "gb"}
    ):
        concepts = concepts - {"cap"}
    if concepts & {"download", "upload"}:
        # What a line has at most is what it has.
        concepts = concepts - _AT_MOST
    if concepts & {"cap", "data_volume"} and not concepts & {"price", "amount", "overage"}:
        concepts = concepts - {"gb"}
    return concepts


@lru_cache(maxsize=50_000)
def unknown_words(name: str) -> frozenset[str]:
    """The words of a name that mean nothing known, numbers left out."""
    return frozenset(
        w for w in words_of(name)
        if w not in _IGNORED and len(w) > 1 and not w.isdigit()
        and w not in _CONCEPT_OF and _meaning(w) == [w]
    )  # fmt: skip


@lru_cache(maxsize=50_000)
def is_known(name: str) -> bool:
    """Whether every word of a name is known: then it is none that is misspelled."""
    words = [w for w in words_of(name) if w not in _IGNORED and len(w) > 1]
    return bool(words) and all(_meaning(w) != [w] or w in _CONCEPT_OF for w in words)


@lru_cache(maxsize=20_000)
def readings_of(name: str) -> tuple[tuple[str, ...], ...]:
    """:func:`concepts_of` it, and what else it may mean."""
    first = concepts_of(name)
    words = words_of(name)
    readings = [first]
    for word in words:
        if word in OTHER_READINGS:
            rest = {c for w in words if w != word and w not in _IGNORED for c in _meaning(w)}
            readings.append(tuple(sorted({*rest, OTHER_READINGS[word]})))
    return tuple(dict.fromkeys(readings))


def _meaning(word: str) -> list[str]:
    if word in _CONCEPT_OF:
        return list(_CONCEPT_OF[word])
    for end in ("id", "no", "nr", "num"):
        # An invoiceid is no case of invoice.
        if word.endswith(end) and len(word) - len(end) >= 4 and word[: -len(end)] in _CONCEPT_OF:
            return [*_CONCEPT_OF[word[: -len(end)]], "id"]
    for before in ("tbl", "tb"):
        # Names of tables: tblinvoices, tbpelanggan.
        rest = word.removeprefix(before)
        if rest != word and len(rest) >= 4 and _meaning(rest) != [rest]:
            return _meaning(rest)
    for end in ("s", "es", "en", "n", "e"):
        if word.endswith(end) and len(word) - len(end) >= 4 and word[: -len(end)] in _CONCEPT_OF:
            return list(_CONCEPT_OF[word[: -len(end)]])
    if len(word) >= 5:
        # Endings of cases: договора, telefonu.
        for shorter in (word[:-1], word[:-2]):
            if len(shorter) >= 5 and shorter in _STEMS:
                return list(_STEMS[shorter])
    if len(word) >= 6:
        pieces = _compound(word)
        if pieces:
            return [concept for piece in pieces for concept in _CONCEPT_OF[piece]]
    return _abbreviated(word) or [word]


def _abbreviated(word: str) -> list[str]:
    """What all known words have in common that begin with one: ``résil.``, ``kuend``."""
    if len(word) < 4:
        return []
    at = bisect_left(_IN_ORDER, word)
    longer = list(takewhile(lambda w: w.startswith(word), _IN_ORDER[at:]))
    shared = [set(_CONCEPT_OF[w]) for w in longer]
    return sorted(set.intersection(*shared)) if shared else []


def _compound(word: str) -> list[str]:
    """``kundennummer`` is kunden and nummer; ``clientid`` is client and id. Joints of German
    compounds (s, n, en) may stand between. Empty if it cannot be told apart."""
    best: dict[int, list[str]] = {0: []}
    for start in range(len(word)):
        if start not in best:
            continue
        for end in range(start + 2, min(start + _LONGEST, len(word)) + 1):
            piece = word[start:end]
            if piece not in _CONCEPT_OF or (
                len(piece) < 3
                and piece not in ("id", "nr", "no", "ip")
                # Extracts of mainframes end so: PMTDT, ONTSN, HOMEPH.
                and not (piece in ("dt", "sn", "ph") and end == len(word))
            ):
                continue
            for joint in ("", "s", "n", "en", "es"):
                if word.startswith(joint, end):
                    at = end + len(joint)
                    if joint and at == len(word) and not (joint in ("s", "es") and start):
                        # A plural ends a compound, nothing else does.
                        continue
                    if at not in best or len(best[at]) > len(best[start]) + 1:
                        best[at] = [*best[start], piece]
    pieces = best.get(len(word), [])
    return pieces if 1 < len(pieces) <= 4 else []
