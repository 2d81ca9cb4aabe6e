# ruff: noqa: E501
"""Words of columns' names that no other list has, of the trade and of many languages.

They are read last: a word that means something in
:mod:`ispmig_pipelines.mapping.suggest.concepts`, ``trade_words`` or ``vocabulary`` keeps that
meaning.
"""

from __future__ import annotations

# Concept (or several, where one word says them all): words, as in ``concepts``.
REGIONAL_WORDS = """
id: codice kode kodu codigos kodas kood identyfikator identificativo
customer: aboneler musteriler pelanggans asiakkaan zakaznika_ klantcode:id
type: tip jenis tipe kategori kategorija rodzaje
person: osoba osoby osobe particulier
company: unvan unvani denominacion denominacao denominazione_ firmenkunde perusahaan_ yritys cegnev_
contact: kontaktowa kontaktowy kontakty kontaktni_ attn attention
signup: inclusao inclusion_ ingresado afiliacion adhesion enrollment enrolment_ registracii registracija
home: residencial residencia residential domowy domowa stacjonarny stacjonarna rumah domashniy domashnij domaci domicile privato privatnummer:id
work: comercial dienstlich geschaeftlich geschaftlich geschaeft geschaft trabajo trabalho travail ufficio lavoro sluzbowy sluzbowa firmowy firmowa kantor alterno alternativo alternativa zakelijk rabochiy arbeit professionnel
static: fixe fixed statyczne statyczny statyczna stala stale estatico fijos tetap
home phone: fijo_ landlines haustelefon
city: poblacion poblado localite
country: nazione negara paises
group: grubu grp grupy kelompok gruppen groupes
zone: territory territorio territoire territoires gebiet coverage wilayah
previous: anterior vorheriger vorherige former precedente precedent poprzedni onceki sebelumnya
provider: proveedor anbieter operadora provedor provedora fournisseur_acces paysystem
balance: balans
debt: tunggakan zadluzenie zadolzhennost arriere arrieres impagado adeudado borcu_ unpaid pendiente pendente aberta
credit: kredi kredytowy kreditowy kreditlimit:cap
deposit: caucion cauzione jaminan kaution_
grace: grace gracia tolerancia tolerance carencia karenz kulanz tenggang tolleranza kulanztage
billing: rozliczeniowy rozliczeniowa rozliczenie rozliczenia facturable
cycle: cykl periodicidad periodicidade periodicite periodicita periodizitaet recurrence recurrencia recorrencia frequenza frequence frecuencia frequencia frecuencia_ siklus czestotliwosc intervalo interwal
method_delivery: envoi wysylki zustellung zustellart:type spedizione
consent: zgoda zgody accept rgpd lopd lgpd
note: notatki notatka notlar komment kommentare internalnote
location: sitio lokasi emplacement endroit
building: gebaude gebaeude immeuble batiment civico blok condominio predio bloque bloco
entrance: podezd escalera klatka scala escalier porch
floor: lantai
latitude: lintang
longitude: bujur
gps: coord coords_ coordenada coordenadas_ koordinaten_ coordinate
plan: prodotto prodotti taryfowy
service: abbonamento abbonamenti abonnements abos
description: deskripsi deskription uraian beschrijving descripcao
speed: skorost vel bandwith
price: gebuehr gebuhr grundgebuehr grundgebuhr monatsgebuehr:month monatsgebuhr:month stoimost frais contributo tarifs cennik
setup: instalasi installazione einrichtungsgebuehr:price einrichtungsgebuhr:price anschlussgebuehr:price anschlussgebuhr:price aktywacyjna installations
rate: porcentaje percentual percentuale porcentagem pourcentage prosentase persen
prepaid: prepago prepagato prepagado prabayar prepaye
postpaid: pospago pospaid pascabayar postpagado
validity: validez validade gueltigkeit waznosci waznosc validita berlaku geldig
valid: gueltig gultig valido valida valable wazny wazna
month: meses mesi mois monate miesiecy miesiecznie bulannya
duration: duracion durata duree dauer duracao suresi duration prazo
cap: franquia allowance inklusivvolumen
data_volume: trafego trafico donnees danych
overage: adicional additional excedente excess supplementaire
profile: profiles perfiles perfis profili
session limit: sesiones sessoes
end: zakonczenia zakonczenie konca selesai berakhir fino akhir
start: aktywacji aktywacja aktivasyon uruchomiono dari awal schaltdatum:date provisioned begun inicial inizial
suspended: isolir bloqueio suspensao sospensione suspension suspend blokady
cancelled: cancelation disattivazione resiliation rezygnacja_ removal removed dismissal deactivated
reason: alasan ground causa
contract: kontrak contratacion contratacao vertragsabschluss:date stipula
signed: signed signature podpisania unterschrift unterschriftsdatum:date firmado assinado imza
due: limite_pago payable
total: toplami_ totaal genel insgesamt jumlahtotal
net: imponible imponivel gravado liquido matrah_ taxables
amount: wartosc betraege nilai montos valores
balance debt: kalan sisa pozostalo restbetrag
discount: diskon potongan
issue: geracao gerado ausgestellt emis
sent: enviado versendet wyslano envoye inviato verschickt
payer: payer payeur pagador
buyer: nabywcy nabywca kaeufer comprador acheteur
quantity: qte miktar kuantitas cantidades
unit: jm birim satuan eenheid
each: birim_ satuan_
payment: kwitansi bayaran cobro cobros recebimento recebimentos voucherno:id
method: meio moyen modalita jenispembayaran:payment kanal canal
cheque: chq scheck czek
reference: referensi tytul dekont przelewu referenz_ bukti
bank: banka banku bancaria bancario bancaire bankowy bankowe kreditinstitut
commission: comissao comision commission prowizja komisyon provvigione
cashier: kasir petugas caissier caissiere kasjer kassir teller penerima operador cajera tahsildar
card brand: kartentyp kartenmarke
holder: intestatario wlasciciel
device: perangkat urzadzenia_ dispositivos equipos_ geraet_ cihazlar
vendor: merk produttore fabrikat
serial id: seryjny seryjna matricola fsan
asset: inwentarzowy patrimonio
firmware: firmwarestand software
returned: devolucion devolucao rueckgabe ruckgabe retour zwrotu restituzione dikembalikan
purchase: acquisition adquisicion aquisicion beli pembelian buy anschaffung einkauf alis
address static: fixeip
network: subred subrede rete sieci siatka subnetz
gateway: passerelle gw brama puertaenlace puertadeenlace defaultgw gateways
condition: kondisi condicion condicao
"""
