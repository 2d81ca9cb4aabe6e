# ruff: noqa: RUF001, E501
"""Words of bills, subscriptions and lists of customers in the languages of the big markets of small
providers: Portuguese, Spanish, French, German, Italian, Polish, Czech, Slovak, Hungarian, Romanian,
Croatian and Serbian, Dutch, Russian (also transliterated), Turkish, Indonesian, Bengali and Arabic
(transliterated).
"""

from __future__ import annotations

# Concept (or several, where one word says them all): words, as in ``concepts``. What is told there
# already stands.
BILLING_WORDS = """
customer: odberatel odberatelia zakaznik_ vevo vevok klijent klijenti korisnik korisnici pretplatnik pretplatnici kupac narucitel objednatel beneficiar titular_contrato assinatura_cliente grahok grahak_ gahok musteriler abonenci uzivatel uzivatelia
customer account: cari carihesap carikart
account: licevoy licevoi licschet hesapno:id nomordakwah
company: unvan unvani ticariunvan obchnazev nazevfirmy:name nazovfirmy:name cegneve denumirefirma:name nazivfirme:name tvrtka poduzece spol yuridik
first name: krstne krestni utonev prenume ismi adı_
last name: vezetek prezime nume_familie soyismi familyasi
full name: adisoyadi adsoyisim isimsoyisim imeprezime nazwaimie jmenoprijmeni menopriezvisko numeprenume
national id: tcno tckn tcnumarasi curp ine ife dni nie carnetidentidad kartuidentitas nomorktp nik oib jmbg egn cnp amka personnummer rodnecislo rodnekcislo szemelyi seriepasaport nid_ nidno
tax id: verginumarasi vergikimlik adoszam codfiscal nrfiscal pib eik nipnumber numeroifu ninea nif_ npwp_ tinno trn_ bin binno ustidnr steuernr uid_nummer
due: splatno splatne datsplat:date datsplatnosti:date datumsplatnosti:date esedekes hatarido scadenta scadent dospece dospijece dtvenc:date dtvencto:date dtvencimento:date fvto:date fecvenc:date sonodeme:date odemevadesi zahlbarbis echeancier oplatitdo
issue: vystaveno vystaveny datvyst:date datumvystaveni:date kiallitas kelte emisa izdavanja emitida emitido expedicion dtemissao:date dtemi:date fecemi:date fechaemi:date terbit duzenleme duzenlenme faturatarihi:date
paid: datuhr:date uhrazeno uhradene uhrada kifizetve platita placeno quitado quitacao liquidado liquidada dtpagto:date dtpgto:date dtpgt:date dtbaixa:date fecpago:date tahsiledildi odendigi saldada saldado regle reglee
net: zakladdane zakladdph netto_ neto_ vatalap bazadetva osnovica bezdane montantht ml_net baseimponible baseimponivel
tax: afa adokulcs pdv porez dan_ iss icms itbis isv igv ivaamount kdvtutari:amount mwstbetrag:amount montanttva:amount
rate: sazba sadzba stopa kulcs aliquota alicuota
total: osszesen ogolem ukupno vsego_ itogo totalgeral totalfactura totalttc geneltoplam sumakoncowa
description: popis megnevezes naziv_usluge descripcion_ bezeichnungstext leistungsbeschreibung libelleligne nomeproduto tanim uraian_ biboron
note: napomena megjegyzes_ mentiune observ obs1 kommentarii catatan_ zametka zametki montobbo
quantity: pocetmj mnozstvi mnozstvo pocet mennyiseg cantitate kolicina qtd qtde qtdade aantallen ilosci poriman
unit: mj mernajednotka mennyisegiegyseg unitatemasura jedinicamjere unidadmedida unidademedida mengeneinheit
price: cena_jedn jedncena:each jednotkovacena:each egysegar:each pretunitar:each jedinicnacijena:each vlrunit:each vlunit:each precounitario:each stueckpreis:each aylikucret:month ucreti_ bedel bedeli mulyo
payment reference: varsymbol variabilnisymbol variabilnysymbol varsym symvar pozivnabroj
reference: evrak evrakno:id belgeno:id fisno:id dekontno:id makbuzno:id nrkp nrdok nrdokumentu dokladno:id comprob comprobante nrocomprobante:id nodokumen bizonylat brojdokumenta
payment: uhrady_ uplata uplate fizetes plata plati incasare incasari pagto pgto recebto tahsil odemeleri bayar_ taka_joma
method: hrazeni fizetesimod modplata nacinplacanja forma_pgto formapgto:payment tipopago:payment odemetipi:payment odemesekli:payment
amount: iznos osszeg suma_de valoare montantpaye:paid tutar_ vlr vl
status: allapot stare_ durumkodu sostoyanie statusi obostha sitstatus
active: actif_ aktivny aktivni aktif activa_ aktywny aktivan deystvuyuschiy
cancelled: iptal iptaledildi zruseno zruseny megszunt reziliat raskinut desativado desligado rozwiazana otkljucen
suspended: askida pozastaveno pozastaveny felfuggesztve suspendat suspendido suspenso gesperrt zawieszony priostanovlen dondurulmus dondu
start: zahajeni zaciatok pocetak inceput kezdete dtativacao:date baslama baglanti_tarihi
end: ukonceni ukoncenie kraj_ vege sfarsit dtfim:date kapanis
contract: smlouva smlouvy zmluva zmluvy ugovor szerzodes contractul sozlesmeno:id
street: ulica_ ulice_ utcanev strada_ cadde_ bulvar ruelle callejon
city: obec_ mesto__ varos helyseg localitatea grad ilcesi il_ilce
postal: psc_ postanskibroj iranyitoszam_ codpostal_ postakodu
building: cislopopisne cp_ hazszam brojkuce nrcasa bina_no numerodecasa
phone: telefonszam_ brojtelefona telno_ telefonu_ cislotelefonu
mobile phone: mobilszam mobilni_telefon mobitel ceptel_ nomorhp nohandphone whatsapp_
email: eposta_ mejl emailcim elektronickaposta correoelectronico_
speed: hiz_ hizi brzina sebesseg_ viteza_ rychlost_ predkosc_ velocidadmbps
download: stahovani letoltes descarcare preuzimanje descargamb
upload: odesilani feltoltes_ incarcare slanje
plan: tarifa_ paketi_ csomag pachet pretplata sluzba_ internetpaketi nomeplano:name
router: server servers sunucu nasserver bng_ pppoeserver routeur_
secret: titok tajne
gb: gigabyte gigabytes go гб gbytes
device: uredaj keszulek echipament zarizeni zariadeni yontgi
serial id: vyrobnicislo vyrobnecislo sorozatszam serijskibroj numarserie serinumarasi
language: jazyk nyelv limba jezik
currency: mena penznem moneda_ valuta_ doviz dovizcinsi parabirimi
"""
