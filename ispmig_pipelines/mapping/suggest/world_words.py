# ruff: noqa: RUF001, E501
"""Words of columns' names found wanting when the usual names of every field were gone through in one
language after the other: German, Spanish, Portuguese, French, Italian, Dutch, Polish, Czech, Slovak,
Hungarian, Romanian, Croatian, Russian, Ukrainian, Turkish and Indonesian.

They are read last: a word that another list has keeps the meaning that it has there.
"""

from __future__ import annotations

# Concept (or several, where one word says them all): words, as in ``concepts``.
WORLD_WORDS = """
customer: abonat abonatului platnik ugyfelszam:id ugyfelkod:id абонентский корисник соискатель
id: sifra folio артикул šifra symbol_
person: fisica física juridica jurídica физ физлицо физическое юр юрлицо юридическое soggetto particular natuurlijk
company: corporate korporate orgname:name organizace organizacja предприятие контора
first: primeiro primer primero první prvni первое premier
contact: interlocuteur контактное kontaktni yetkili kapcsolattarto
suspended: заблокирован заблокирована заблокирована блокировка blokir blokada blokovano zablokowany zablokowana bloccato bloque_ sperre gesperrt_ sospeso pozastaven приостановлен askiya engelli
signup: aanmelddatum:date registratie registratiedatum:date registracie regisztracio регистрация registrierung aufnahme aufnahmedatum:date inscrit iscritto registrado inregistrare
created: criacao criação creazione vytvoreno vytvoren vytvořeno erfassung létrehozva letrehozva insdate:date crdate:date regdate:date создано добавлен dibuat oprettet
cancelled: putus wypowiedzenia wypowiedzenie rozwiazania zruseni odpojeni odpojeno расторжение аннулирован anulada anulado anulada anulowana anulowano annulata annullata annullato storno stornovano storniert estorno estornado voided annule annulee dibatalkan batal megszunes
phone: fono linka fijos telefonicke numertelefonu:id nrtelefonu:id
mobile phone: моб сотовый сотовая nomorwa notelpon hpnumber
city: наспункт населенныйпункт нп населений наспункта commune belediye kommun
region: регион региона voivodship
county: районы kampung
country: zeme země nation ország orszag țara
company id: кпп огрн огрнип окпо rccm mersis mersisno ičp rcs
national id: cni паспортные паспортов удостоверение emirates civil carnet kimligi ktpnik osobni
birth: geb nac nasc nasterii szuletesi születési born narodenia naissances doğumtarihi
language: taal мова
group: skupina skupiny tags csoport групи
balance: остаток остатки egyenleg salda zostatok_ залишок
debt: piutang offen zbyva zbývá kekurangan restant impaye impayes impayé nezaplaceno neuhrazeno tartozas restanta заборгованість emaberto porpagar porcobrar
due: kuhrade dozaplaty коплате dapagare reste_
cap: limiet limita limitu лимита kuota
credit: кредитный кредитного кредита kreditni
credit cap: kredietlimiet
deposit: kauce залог залога fianza borg kaucia zaloha záloha
marketing: publicidad publicidade publicite publicité pubblicita werbung reklama reklamy reklam propaganda рекламу рассылку
consent: souhlas suhlas consenso izin izni izinli zgoda_ autoriza autorizacion согласен
exempt: zwolniony muaf osvobozeno osvobozen exonerado exento_ esenzione
note: observations observatii observatii_ observacije poznamky zapiski
installed: instalace instalacji instalacja instalacie instalacni установки установка установлен installiert montaje montazu_ instalare telepites ausgegeben ausgabe ausgehaendigt wydania wydano vydano vydani выдачи выдан teslim remis entregado entregue uitgegeven plaatsing plaatsingsdatum:date dipasang
latitude: szerokosc szerokość sirka šírka
longitude: dlugosc długość delka dĺžka hosszusag
gps: geo_ geogr geograficzna zem zemepisna
zone: secteur bolge bölge kawasan
plan: balicek balíček balicku план плана планы dijacsomag csomag_ pakke abonnementstype
start: aktivace aktivacia aktivalas bekapcsolas activare pripojenia подключён vklop
valid: platnost platnosti_ valabil valabilitate érvényes ervenyes действует действителен
expiry: expiracao expiração expiracion истечения истечение lejarat caduca geçerlilik
price: redevance havidij havi_dij dij díj mensualite mensualité poplatek poplatky poplatku paušál pausal naknada cijena_ vartosc
discount: sleva slevy zlava zľava kedvezmeny kedvezmény reducere iskonto popust скидки скидку reduction réduction знижка
rate: процент процентов procento procentu szazalek százalék postotak yuzde yüzde
contract: fidelizacao fidelización smlouve tahahut
period: obdobi období obdobie idoszak időszak competencia competência razdoblje perioada
cycle: cyklus ciclos zahlungsrhythmus zahlweise abrechnungsintervall_
next: sonraki berikutnya nastepna nastepny nasledujici pristi příští urmatoarea kovetkezo следующий следующая следующее наступний
invoice: szamla racun racuna račun račún nota_fiscal notafiscal nfe boletos_ facturii
issue: kelt emiterii emitere izdavanje выписки выписан
paid: оплачен оплачена оплачены odenen ödenen oplacona oplacono_ fizetve uhrazen uhrazena zaplacena zaplacen settled achitat achitata приход сплачено betaalde
total: summe sdph sndc сндс coniva comiva conimpuestos celkova celková всього konecna итоговая
net: kdvsiz kdvharic dpp безндс bezndс безпдв horstaxe horstaxes hortaxe sinimpuestos semimpostos senzaiva ohnemwst ohneust exkl exklmwst exclusief
tax: podatek podatku impozit taksa daň_ adó
method_delivery: доставки доставка zasilani zasílání zasielania dorucovani invio gonderim gönderim verzendwijze
type: вид vid_ виды druh druhu fajta
date: dne dnia dnem kunmaand
reference: referans poziv dokladu voucher_ref
cashier: gebuchtvon erfasstvon verbuchtvon encaissepar incassatoda przyjal przyjął przyjmujacy оператор принял принято diterimaoleh tahsileden inkasent pokladni pokladník rogzitette
provider: платежнаясистема платежныйагент agentpayment
quantity: qta колво кво
each: единицу единица_ ед szt_
vendor: vyrobce výrobce merek gyarto gyártó producator proizvodac proizvođač виробник
owner: comodato wlasnosc własność vlastnik vlastník vlastnictvi собственность собственник mulkiyet mülkiyet mulkiyeti sahip sahibi kepemilikan eigendom czyje gehort gehoert tulajdonos proprietar
returned: zurueck zuruck zurück zurueckgegeben zwrot zwrocono vraceno vraceni vráceno возврата возврат возвращен iade kembali dikembalikan_ devuelto devolvido restituito retourne retourné visszaadva
purchase: покупки покупка приобретения nakupu nákupu ek zakup_ beszerzes
warranty: zaruka záruka zaruky zaruci гарантия гарантии гарантія garansi garancia jamstvo
management: gerencia gerência gerenciamento administration administracion administracao gestione gestion gestión gestao zarzadzania zarządzania zarz spravy správy управления yonetim yönetim verwaltung beheer admin
firmware: прошивка прошивки
gateway: brana brána шлюз шлюза
holder: majitel majitele rekeninghouder владельца tulajdonosa
mandate: machtiging machtigings zmocneni
signed: unterschrieben podpisano podepsano podepsána подписан подписания signee signé assinada getekend
password: parola lozinka jelszo jelszó пароля
login: prihlaseni felhasznalo felhasználó логина lozinke korisnickoime
serial id: seriove sériové серийник seriennum
router: роутер роутера маршрутизатор router_
due days: zahlungsfrist betalingstermijn zahlungsfristtage platzo
reason: powodu duvod dôvod indok motivul причины
tower: vysilace kulesi baz_istasyonu bazistasyonu zugangspunkt accesspunkt антенна_бс
"""
