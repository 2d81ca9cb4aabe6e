"""Words of the trade, and of one country's exports, that come before the same letters in
another language: an American ``Mo Rate``, a Dutch ``KvK``, a Mexican ``num_ext``.
"""

from __future__ import annotations

# Concept (or several, where one word says them all): words, as in ``concepts``.
TRADE_WORDS = """
customer: mbr lid leden relatie relaties relatienr:id relatienummer:id relatiecode:id
customer signup: membership
company id: kvk kvknr kvknummer ico ičo regon krs handelsregister kbo
id: cd
month: mo
type: class tipologia
start: connect підключення activated
end: thru through ended ukonceni ukončení
cancelled: відключення
cycle: cyc corte
reference: ck rif
payment reference: vs variabilnisymbol
cashier: clerk касир recibio rechargedby takenby postedby enteredby operatore receivedby
debt: os outstanding
due amount: residuo
balance credit: wallet preplatek přeplatek
contract: caf uzavreni uzavření uzavření
service: conn
reseller: lco
tax: cgst sgst igst utgst
net tax: exgst taxablevalue taxableamount taxableamt exvat
total tax: incgst inclgst incvat
paid: uhrazeno voldaan
received: rcvd recd
postal: pcode
tax id: vatreg іпн
name: nazev název label
download: dolu вх вхідна вхідний входящая
upload: nahoru вих вихідна вихідний исходящая
speed: швидкість шв
rate: sazba tarief
building: numext:id extnum noext:id popisne popisné cislopopisne:id cislodomu:id буд hausnummer_
apartment: numint:id intnum noint:id кв door toev
floor: поверх
entrance: підїзд
status: стан outcome
login: логін gebruiker
note: примітка коментар causale narration
method: спосіб
olt: olt комутатор коммутатор switch
tower: vysilac vysílač bts highsite poi
discount: korting promo promotion
reason: reden
line: regel regels
each price: stukprijs
service_location address: aansluitadres
technology: techniek
mandate reference: machtigingskenmerk
holder: tenaamstelling
consent: nieuwsbrief wants
message: sms
active: leverbaar
archived: архівний архивный archived archivado arquivado
owner: propiedad propriedade
date: fec
county: lga
provider: psp pg
transaction id: txref
surcharge: surcharge
landmark: landmark
invoice: doc
due: venc vcto vto vencto
paid: pag pagto pgto
last name: paterno materno apellidopaterno apellidomaterno apepaterno apematerno
suspended: suspended bloqueado bloqueada bloq blocked gesperrt suspendido suspenso
disabled: disabled
hidden: hidden oculto
deleted: deleted borrado eliminado excluido
download: veldown downrate downlimit
upload: velup uprate uplimit
vendor: producer
customer: soc
status: aktif
active: aktif aktivni aktywny aktywna активен активный активна
id: rowid pk
note: comentarios comentário commenti commentaires komentarze komentáře komentar catatan keterangan
shipping: ship shipping
last: ultima última laatste ostatni ostatnia posledni poslední dernière terakhir ultimi ultime
last: последний последняя останній остання
contract date: dataassinatura fechafirma fechadefirma datafirma datasignature vertragsdatum
contract date: signedon signeddate datumpodpisu dataassinaturacontrato
tax id: tvaintra tvaintracom numtva vatnumber steuernr
company id: siret
active: envente onsale tosell verkäuflich
fax: faxno faxnummer
signup: anmeldedatum:date eintrittsdatum:date beitrittsdatum:date fechaalta:date dataadesao:date
signup: dateinscription:date inschrijfdatum:date dataiscrizione:date datazapisu:date
signup: datumregistrace:date kayittarihi:date tanggaldaftar:date tglregistrasi:date
signup: датарегистрации:date датареєстрації:date
start: vertragsbeginn:contract aktivierungsdatum:date anschlussdatum:date fechaactivacion:date
start: dataativacao:date fechainstalacion:date
birth: geburt:date
upload: rise
download: descent
issue date: datef
created date: datec
payment date: datep
company id: siren
position: rang rank
tax rate: tvatx tauxtva aliquota alicuota alícuota alíquota
start: ouverture
company: fantasia nomefantasia
person: pessoa persona personne persoon juridical
debt: aberto abierto
authentication: autenticacao autenticacion autenticación authtype
signup: registro joining onboarding
cashier: recibidopor recebidopor registradopor cobradopor coletor recaudador
national id: identificacion identificación identificacao identificação
due day: diapago diadepago
suspended date: fechacorte datacorte feccorte
cancelled: retiro retirada inactivacion inactivación desativacao desativação tutup penutupan cabut
profile: perfil profil
issue: emitido emitida generated
tax: igv itbis isv
reference: comprobante
transaction: operacion operación operacao operação
street: road
tax id: krapin
setup price: otc
created: create
note: info
contact: responsavel responsável responsable responsabile
setup: adesao adesão
payment method: formapag formapago formadepago
discount amount: valordesc
warranty: guarantee guaranty garantía
cycle: interval
year: tahun
national id: codfiscale codfisc
"""
