# ruff: noqa: RUF001, E501
"""Further words of columns' names and what they mean: abbreviations, trade words, and languages
beyond those of :mod:`ispmig_pipelines.mapping.suggest.concepts` (Arabic, also transliterated;
Hindi transliterated, Swahili, Romanian, Malay).
"""

from __future__ import annotations

# Concept (or several, where one word says them all): words, as in ``concepts``.
MORE_WORDS = """
customer: mushtarik mushtarikin amil ameel umala مشترك عميل زبون grahak mteja wateja pelanggan_ nasabah klientin abonentka kontragent контрагент customerno:id custno:id custid:id subscriberno:id subscriberid:id subscriberkey:id clientno:id mijozlar abonentas odberatel asiakkaat posiadacz
account: hisab akaunti حساب kont konta acctno:id acctnum:id accountnumber:id
id: raqm raqam nambari sankhya رقم bil mã key_ idn uid oid cislo_ numer_ numeru numero_ numarasi numarası nummern kimligi
first name: ism_awal fname_ givn impiegato_nome fornavn förnamn etunimi pehla_naam jina_kwanza имени
last name: laqab lname_ nisba efternavn efternamn sukunimi jina_la_ukoo фамилии
name: nama ism اسم jina naam_ denumire navn namn nimi denominazione
full name: adsoyadi fullname_ namalengkap ismkamil jina_kamili fio_
company: sharika شركة entreprise_ kampuni bedrijf_ cegnev sirketadi şirketadı razao razón razon ragione raison firmenname:name firmenbezeichnung:name
contact: kontaktperson contactpersoon_ kontaktni
email: bareed bareed_iliktruni barid iliktruni بريد الكتروني barua_pepe imel elposta eposti emailaddr2 mailaddress epostasi pasto
phone: hatif هاتف simu fon_ dooravani phon tlf tlfn puhelin telefonnr:id telefonszam telefonszám telefonum telno:id telefonicznego fixphone
mobile phone: jawwal jawal jawwaal mubail mahmul muhamul جوال محمول موبايل simu_ya_mkononi rununu ceptel ceptelefonu ceptelefon gsmno:id mobil_ mobno:id cellno:id mobileno:id celularr mobilná msisdn:id komorkowy komorkowego
street: shari شارع mtaa barabara gata gatan sok sokagi sokağı caddesi utca via_ calle_ drum strada gatuadress katuosoite ul
address: unwan onwan عنوان anwani pata pataa osoite adres_ adresi adreso endereço_ lakcim lakcím cím logradouro_ anwani_ postal_addr
city: madina مدينة mji shahar nagar oras oraș localitate kaupunki település telepules kommune miasta kabkota townname miejscowosci
region: muhafaza mintaqa wilaya محافظة منطقة mkoa rajya judet județ voivodeship wojewodztwa fylke län megye prov
postal: ramz_baridi ramzbaridi baridi pincode_ posti kodpocztowy_ postcode_ postnr irányítószám iranyitoszam postinumero kodpocztowego pna pocztowego
country: dawla balad دولة بلد nchi desh tara țară lan land_ maa kraju
district: hayy حي ilce ilçe powiat gmina kata wilaya_ndogo urbanizacion urbanización
tax id: vergino vergi_no vergino_ vkn_ nip_ nipu raqm_daribi daribi pan gstno:id ytunnus orgnr cui cvr uidnr
national id: document documento documentnumber:id numerodocumento:id nrodocumento:id numdocumento:id kimlik kimlikno hawiya huwiyya هوية kitambulisho aadhar_ tckimlik tckimlikno nin_ pesel_ cpf_ dowod osobisty dowodu cedulla identidad identidade ktpno
birth: milad ميلاد kuzaliwa janm naissance_ syntymä
date: tarikh tareekh تاريخ tarehe dinank tanggal_ dato päivä dat_ daty datą dte
signup: ishtirak ishtirakk اشتراك kujiunga souscription souscrit subscribed_ subscribedon:date enrolment rejestracja uyelik üyelik kayitlanma joindt:date crtdt:date kundeseit:date mitgliedseit:date
created: insha creacion_ crdt:date utworzono crtd erstellungsdatum:date
status: hala haala halat حالة hali sthiti statuses durumu stanu stani stare aktivstatus stts sts
balance: raseed rasid رصيد salio baki bakaya_ saldenstand rasid_ bakiyesi
credit: haben credor acreedor
debt: deyn dain mustahaq madeni deni bakaya devedor deudor debitore borcu zaleglosc zaległość zaleglosci rückstände amountowed pastdue past_due
deposit: amana taamin
currency: umla sarafu para_birimi_ mata_uang
plan: baqa baaqa باقة taarifa kifurushi offerta pkgdesc_ planname_ tarifname:name paketname:name pkt taryfy pakietu pakiet produktu plano_ planu tarifi tarifesi abonelik_ paketi abonnemang rateplan rate_plan svcplan prod
service: khidma خدمة huduma seva anschluss_ hizmeti uslugi usługi lacze łącze svcs srvc srv
speed: sura suraa سرعة kasi gati bps_ predkosci prędkości hizi velocità_ nopeus hastighet snelheid rychlost rýchlosť kecepatan viteza sebesseg sebesség throughput
download: tanzil dn dwn dnstream dnld descendant descendente descendant_ stahování letöltés download_ absteigend rx
upload: rafa upstr uplink ascendant ascendente montant_ feltöltés hochladen wysyłanie tx
price: si'r sir thaman سعر bei kimat mulya pret preț cijena ár hind hinta pris ucreti ücreti oplata_ opłata opłaty oplaty ceny kosztu feeamt arpu tarifa_mensual
month: shahri shahr شهري mwezi maheena mies miesiac miesięcznie mc mc_ mtl mth mthly_ mnthly mon ayda kuukausi måned måned_
year: sanawi sana mwaka varsh
tax: daribat dariba ضريبة kodi vergi moms_ alv fiscal
rate: nisba_ asilimia stawka oranı orani
invoice: fatura_ fatoora فاتورة ankara chalan faturasi faktur facturación_ számla laskut rgnr:id invno:id invnum:id invoiceno:id faktury_ fv
line: item_ items_ satir satır
payment: daf dafa sadad dafu دفع malipo bhugtan tahsilat tahsilatlar pay_ pays pymt pmnt paymnt zahl makbuz zaplat wplaty wpłaty wplat betaal odemeler ödemeler qubud paiment betalning fizetés
method: tariqa طريقة njia vidhi meth mthd metoda_ zahlweg yontemi yöntemi sekli şekli
amount: mablagh مبلغ kiasi rakam_ rashi tutari tutarı kwoty wysokosc belob beløb belopp
total: majmu ijmali jumla kul vsego toplami bruttobetrag:amount vat_inclusive ttc_
net: safi netbetrag
due: istihqaq nihai_due mwisho deadline zahlungsziel odeme_tarihi platnosci płatności płatn
issue: isdar wystaw wyst
period: fatra kipindi okresu
start: bidaya bidayah baslangici mwanzo shuru pocz od
end: nihaya intiha intihaa bitisi mwisho_ ant koniec_
expiry: expdt:date expdate:date intihaa_ salahiya son_kullanma wygasniecia
cancelled: ilgha disconnectdt:date iptali rezygnacji rezygnacja kughairi
contract: aqd عقد mkataba umowy umow taahhut taahhüt taahhüdü sozlesmesi contractno:id contractnr:id contractnum:id vertragsnr:id vertragsnummer:id comm_ bindung bindefrist compromiso permanencia fidelidade fidélité engagement
building: mabna nyumba hausnr_ houseno:id houseno houseno_ hausno domu bldgno bld housenum housenumber hausnr:id binano bina_ budynku budynek
apartment: shaqa lokalu lokal mieszkania daireno aptno unitno interior apto sala
floor: dor tabaq sakafu
latitude: khattard enlemi
longitude: khattoul boylami
ip address: ipadr adres_ip ipadresi
mac address: macadresi
serial id: tasalsuli serialnr serialnum seria seri_ serino
model: namudhaj modeli typenbezeichnung
device: jihaz جهاز kifaa yantra nadajnik nadajnika anten antenne antenna modemi cihazi equip urzadzenia onu_ hw
vendor: mark_ marka markasi markası fabrikant make_ hersteller_ brand_ mfr mfg mfgr
firmware: fw fwver firmwareversion os_version swver
login: mustakhdim مستخدم mtumiaji kullaniciadi kullanıcı kullaniciadı uzytkownik użytkownik użytkownika prayokta loginname usern identifiant_
password: kalimat kalimat_sirr kalima sirr كلمة nenosiri sifresi şifresi mdp pasword kata_sandi pswd
type: naw نوع aina prakar tipi türü turu rodzaju typu soort slag typ_
technology: taqniya technik tehnologie teknoloji technologia_ tech zugangsart anschlussart
language: lugha لغة bhasha
group: majmua kundi
zone: nitaq eneo
tower: burj برج mnara wieza wieża nadajniki station_bts apname ap_name torre_ istasyon
note: mulahazat mulahaza ملاحظات maelezo tippani uwaga bemerk rmk rmks cmt cmts hinweis hinweise
description: wasf maelezo_ vivaran dsc pkgdesc:plan
quantity: kammiya kiasi_ matra
reference: marji rejea refno:id ref_no:id refnum:id refnr:id
transaction: muamala muamele islem işlem trxn txid:id
bank: banki masraf بنك
card: bitaqa kadi kart karti kartı cc
mandate: rum umr mandatsref mandatsreferenz mandatreferenz mandatsnummer:id
discount: khasm takhfif punguzo indirimi disct
installed: install tarkib montaz montaż monter
billing: bill_ fatura_adresi billaddr:address billaddress:address
reason: rsn reasn sababu sabab sebebi nedeni
owner: eigentum ownership malik
complement: complemento complément complement zusatz adresszusatz aptosuite addressline2
purchase: kauf purchase purchased achat compra aankoop zakup zakupu satinalma satın_alma nakup acquisto acquired bought
warranty: garantie garantia garanzia gwarancja gwarancji garanti warranty
each: einzel unitario unitário unitaire unitaria jednostkowa jednostk jedn
special: sonder individual individuell especial spezial
management: ssh mgmt management telnet winbox verwaltungs
portal: portal central selfcare kabinet cabinet kundenportal
shipping: ship shipping
balance credit: guthaben prepaidbalance creditbalance
direct: direct
debit: debit debito débito lastschriftbetrag
service_location: shipto serviceaddr:address svcaddr:address installaddr:address installaddress:address installationaddress:address anschlussadresse:address anschlussanschrift:address endereco_instalacao
sent: sent
days: gun_sayisi siku
day: dia_ gunu günü siku_
setup: nrc_ kurulum uunganisho
created: timestamp:date datetime:date erstelltam:date inserted insertdate:date
note: anotacoes anotações anotacao anotaciones apuntes detalle_nota
description: dsc descr des dscr dsc_ detalle detalles
paid: terbayar dibayar recebido recebida cobrado cobrada abonado_ paidamt:amount received_amt encaisse encaissé gezahlter ontvangen
router: concentrador concentrator servidor nas_ nasname nashost nasip nasipaddress bras_ rb
purchase: aquisicao aquisição adquirido compra_
cost: custo costo_compra
serial id: nserie numserie noserie nroserie numeroserie serialno_ snr numserial
start: mulai assign assigned_on dimulai terpasang aktivasi ativado
signup: terdaftar entrada ingreso registrasi bergabung gabung inscrito
installed: instalacao pemasangan pasang
session limit: telas screens conexoes pantallas maxsessions concurrent simultaneous
screens: screens
consent: aceita acepta consents marketing_ok newsletter
apartment: depto flatno aptnum
setup: aktivasi_biaya
national id: ci cedulaidentidad nocedula idnumber identitycard nationalid no_identitas nik
tax id: kra pinnumber_kra tin
disabled: disable disabled deaktiviert bloqueado_ blocked
provider: plataforma platform pasarela provider acquirer
"""
