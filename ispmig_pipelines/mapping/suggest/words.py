# ruff: noqa: RUF001, E501, SIM905
"""Words of status columns and their like in many languages, and what they are on the platform."""

from __future__ import annotations

from collections.abc import Mapping

from ispmig_pipelines.mapping.suggest.choice_words import MORE_SYNONYMS
from ispmig_pipelines.model.entity import column_key
from ispmig_pipelines.model.field_info import FieldInfo

_SYNONYMS: dict[str, str] = {
    "active": "aktif aktivni aktivní actief active activated enabled enable aktiv activo activa ativo ativa actif attivo active attiva "
    "активен активный активна актив активний працює aktywny aktywna aktif live online current connected running "
    "ok inbetrieb geschaltet habilitado conectado подключен работает valid gültig",
    "suspended": "isolir nonaktif pozastaven cut cutoff geblokkeerd geschorst temporarilydisconnected suspended suspend blocked block disabled disable inactive inaktiv gesperrt gesperr suspendido "
    "suspendida suspenso bloqueado bloqueada suspendu bloqué sospeso bloccato заблокирован заблокирована "
    "приостановлен приостановлена блокирован заблокований zablokowany zawieszony askıda paused hold onhold "
    "stopped barred cortado cortada pasif inativo inactivo inactiva inactif nieaktywny неактивен locked frozen "
    "заморожен noactivo deshabilitado suspendiert opgeschort",
    "cancelled": "ukoncen ukončen berhenti pullout pulledout deactive deactivated disconnected opgeheven cancelled canceled cancel terminated terminate closed churned left gekündigt gekuendigt beendet "
    "baja cancelado cancelada résilié résiliée disdetto cessato отключен отключена закрыт расторгнут відключений "
    "archived deleted ended iptal rozwiązany zamknięty anulowany retirado former ex gelöscht storniert expelled "
    "odłączony stillgelegt abgemeldet debaja opgezegd retired",
    "lead": "lead prospect new potential interessent interessiert prospecto novo neu potencial новый новая потенциальный",
    "pending": "pending waiting inactivation ordered provisioning pendiente pendente enattente inattesa ожидает "
    "ожидание oczekujący oczekuje ausstehend wartend bestellt beklemede scheduled new planned inbearbeitung wpending",
    "expired": "expired abgelaufen vencido vencida expirado expirada expiré scaduto истек истёк просрочен wygasł süresidoldu lapsed",
    "person": "res person residential individual private privat privatkunde persona personal particular pessoafisica pf "
    "physical particulier privato физлицо физическоелицо фл фізособа osobaprywatna osoba bireysel household home "
    "herr frau familie mr mrs ms natural physicalperson consumer hogar domiciliar residencial residenziale",
    "company": "bus company business corporate commercial firma firm geschäft geschäftskunde gewerbe empresa empresarial pessoajuridica pj "
    "société professionnel azienda aziendale юрлицо юридическоелицо юл юрособа kurumsal organization "
    "organisation legal corp biz enterprise comercial negocio b2b gewerblich gewerbekunde",
    "paid": "lunas zaplaceno uhrazeno paid bezahlt pagado pagada pago paga payé payée pagato pagata оплачен оплачено opłacona zapłacona ödendi "
    "settled closed beglichen ausgeglichen cobrada quitado liquidado",
    "open": "belum belumlunas nezaplaceno open unpaid notpaid offen pendiente pendente impayé impayée daemettere неоплачен неоплачено "
    "nieopłacona ödenmedi due outstanding impagada nopagada sent issued unbezahlt emitida aberto abierta emitted",
    "overdue": "overdue late überfällig ueberfaellig vencida vencido enretard scaduta просрочен przeterminowana gecikmiş pastdue gemahnt mora atrasado",
    "partly_paid": "partlypaid partial partiallypaid partiallypayed teilbezahlt parcial partiel parziale частичнооплачен",
    "void": "void voided cancelled canceled deleted storniert anulada anulado annulée annullata аннулирован "
    "anulowana iptal cancelada storno",
    "draft": "draft entwurf borrador rascunho brouillon bozza черновик szkic taslak proforma",
    "written_off": "writtenoff writeoff ausgebucht incobrable uncollectible",
    "disputed": "disputed strittig",
    "cash": "tunai hotove hotově cash bar efectivo dinheiro espèces especes contanti наличные готівка gotówka nakit money kasse barzahlung",
    "cheque": "cheque check chèque scheck assegno mailedcheck cheques чек czek",
    "card": "pin creditcards card creditcard debitcard karte kreditkarte tarjeta cartão cartao carte cartebancaire carta карта "
    "банковскаякарта картка karta kredikartı creditcardautomatic visa mastercard stripe cc kartenzahlung tarjetadecredito",
    "bank_transfer": "bpay prevod převod bacs neft rtgs imps faster fasterpayment überweisungen bank banktransfer transfer wire wiretransfer überweisung ueberweisung transferencia "
    "transferência virement bonifico перевод банк банковскийперевод przelew havale eft banktransferautomatic ach pix "
    "bankwire bankoverweisung depositobancario безналичные",
    "direct_debit": "inkaso dd incasso automatischeincasso einzug prélèvementautomatique directdebit lastschrift sepa domiciliación domiciliacion débitoautomático debitoautomatico "
    "prélèvement addebito sdd bankeinzug autodebit",
    "online": "upi paytm phonepe gpay razorpay online paypal web gateway internet electronic electroniccheck portal liqpay yoomoney mercadopago",
    "mobile_money": "gcash paymaya maya tigopesa mtnmomo mobilemoney mpesa bkash nagad rocket momo airtelmoney",
    "voucher": "voucher gutschein vale scratchcard ваучер",
    "payment": "payment zahlung pago pagamento paiement платеж оплата income",
    "refund": "refund erstattung reembolso remboursement rimborso возврат",
    "chargeback": "chargeback rücklastschrift",
    "internet": "internet data broadband",
    "phone": "phone voice voip telefonie telefon телефон telefonia",
    "tv": "tv iptv television fernsehen телевидение cabletv",
    "bundle": "bundle combo kombi combo3",
    "fiber": "fiber fibre fiberoptic ftth fttb glasfaser fibra gpon оптика волокно światłowód fttx epon fibraóptica fibraoptica fibreoptique",
    "cable": "cable docsis kabel coax coaxial hfc cabo",
    "dsl": "dsl adsl vdsl xdsl",
    "wireless": "wireless radio funk wifi inalámbrico inalambrico wlan fwa pmp радио антенна rádio wisp",
    "mobile": "mobile lte 4g 5g mobil",
    "satellite": "satellite satellit satélite",
    "ethernet": "ethernet lan metroethernet",
    "monthly": "monthly month monatlich mensual mensal mensuel mensile ежемесячно месяц miesięcznie aylık monthtomonth m",
    "quarterly": "quarterly quarter vierteljährlich trimestral trimestriel trimestrale kwartalnie",
    "half_yearly": "halfyearly semiannual halbjährlich semestral semestriel",
    "yearly": "yearly annual annually year jährlich anual annuel annuale ежегодно год rocznie yıllık oneyear",
    "two_yearly": "twoyearly twoyear biennial",
    "weekly": "weekly week wöchentlich semanal",
    "daily": "daily day täglich diario",
    "one_time": "onetime once einmalig unico único",
    "prepaid": "prepaid prepay prepago prépago prépagé prepagato предоплата przedpłata prepaidmonthly guthaben",
    "postpaid": "postpaid postpay pospago pospaid recurring постоплата rechnung",
    "static": "static fixed fest statisch fija fijo estatica estática fixo статический stały fixe",
    "dynamic": "dynamic dynamisch dinamica dinámica динамический dhcp dynamique",
    "delegated": "delegated delegiert prefix",
    "management": "management verwaltung mgmt",
    "pool": "pool",
    "pppoe": "pppoe ppp",
    "hotspot": "hotspot",
    "router": "router roteador enrutador маршрутизатор wlanrouter cpe routeur gateway wifirouter",
    "switch": "switch коммутатор conmutador",
    "modem": "modem cablemodem kabelmodem",
    "ont": "ont onu",
    "olt": "olt",
    "antenna": "antenna antenne antena антенна funkantenne radio",
    "access_point": "accesspoint ap sektorantenne sector",
    "set_top_box": "decodeur décodeur décodeurtv tvbox settopbox stb decoder",
    "server": "server",
    "in_stock": "instock stock lager almacen warehouse склад estoque",
    "faulty": "faulty broken defekt defective dañado avariado",
    "lost": "lost verloren perdido",
    "retired": "retired ausgemustert obsolete discontinued retirado archived inactive eingestellt disabled expired deprecated",
    "residential": "residential person home privat private hogar residencial",
    "business": "business company corporate commercial firma empresa gewerbe",
    "isp": "fai isp provider own eigen",
    "customer": "customer client kunde cliente",
    "leased": "leased rented gemietet alquilado rental miete mietgerät",
    "email": "email mail correo электронная epost eposta",
    "post": "post letter mail paper correopostal brief papier почта mailed postal",
    "completed": "completed complete success successful succeeded paid ok abgeschlossen completado concluído успешно "
    "done accepted confirmed erfolgreich gebucht verbucht approved settled captured",
    "failed": "failed error fehlgeschlagen fallido declined rejected recusado",
    "refunded": "refunded erstattet reembolsado",
    "invoice": "invoice rechnung factura fatura facture fattura счет inv",
    "credit_note": "creditnote credit gutschrift notadecredito notadecrédito avoir creditmemo notadicredito",
    "bank_account": "bankaccount bank iban lastschrift account konto",
    "wallet": "wallet paypal",
    "revoked": "revoked widerrufen",
    "reserved": "reserved reserviert reservado",
    "free": "free frei libre livre свободен available unused",
    "recurring": "recurring subscription monthly abo",
    "usage": "usage",
    "setup": "setup installation einrichtung instalación",
    "equipment": "equipment hardware gerät",
    "discount": "discount rabatt descuento",
    "tax": "tax",
    "portal": "portal",
}  # fmt: skip
_WORDS = {
    choice: {column_key(word) for words in (_SYNONYMS, MORE_SYNONYMS)
             for word in words.get(choice, "").split()} | {column_key(choice)}
    for choice in {**_SYNONYMS, **MORE_SYNONYMS}
}  # fmt: skip
_NEAREST = {"pending": "lead", "lead": "pending", "expired": "suspended"}
"""What comes nearest where there is no such choice: a customer is not pending, a line no lead."""
_YES = {
    column_key(w)
    for w in "yes y true t on 1 ja j si sí s sim oui o vrai да д так tak t evet e x wahr vero نعم naam ndiyo haan ano igen yeah".split()
}
_NO = {
    column_key(w)
    for w in "no n false f off 0 nein nee nej não nao non faux нет н ні nie hayır hayir h falsch لا hapana nahi nem".split()
}
_LETTERS = {
    "active": "a", "suspended": "s", "cancelled": "cx", "lead": "l", "pending": "p", "expired": "e",
    "paid": "p", "open": "o", "void": "v", "draft": "d", "person": "p", "company": "c",
}  # fmt: skip


def meaning_of(word: str, choices: tuple[str, ...], *, is_yes_no: bool = False) -> str | None:
    """Which of the choices a word is; None if that is not sure.

    Args:
        is_yes_no: the column's name says what a yes means (``active``, ``enabled``).
    """
    key = column_key(word)
    if not key:
        return None
    found = [choice for choice in choices if key == column_key(choice)]
    found = found or [choice for choice in choices if key in _WORDS.get(choice, ())]
    if found:
        # Disabled is suspended where there is such a thing, retired where there is not.
        return found[0]
    if is_yes_no and choices:
        yes, no = _yes_and_no(choices)
        if key in _YES:
            return yes
        if key in _NO:
            return no
    if len(key) >= 5:
        # gekündigt zum 31.12. is gekündigt; suspended (unpaid) is suspended.
        led = {c for c in choices for w in _WORDS.get(c, ()) if len(w) >= 6 and key.startswith(w)}
        if len(led) == 1:
            return led.pop()
    for other, near in _NEAREST.items():
        if other not in choices and near in choices and key in _WORDS[other]:
            return near
    return None


def _yes_and_no(choices: tuple[str, ...]) -> tuple[str | None, str | None]:
    if "active" in choices:
        other = next((c for c in ("suspended", "retired", "revoked", "free") if c in choices), None)
        return "active", other
    if "paid" in choices:
        return "paid", "open"
    if choices[:2] == ("person", "company"):
        return "company", "person"
    if "post" in choices:
        return "email", "post"
    if "prepaid" in choices:
        return "prepaid", "postpaid"
    return None, None


def lookup_of(
    counts: Mapping[str, int], choices: tuple[str, ...], *, is_yes_no: bool = False
) -> tuple[dict[str, str], list[str]]:
    """The words that are sure, with what they are; and those that are not."""
    sure: dict[str, str] = {}
    unsure: list[str] = []
    for word in counts:
        found = meaning_of(word, choices, is_yes_no=is_yes_no)
        if found is None:
            unsure.append(word)
        else:
            sure[word] = found
    if unsure and all(len(word) == 1 and word.isalpha() for word in counts):
        if {w.casefold() for w in counts} == {"f", "j"} and {"person", "company"} <= set(choices):
            # Física and jurídica, as Brazilian systems have them.
            return {w: "person" if w.casefold() == "f" else "company" for w in counts}, []
        # A, S, C: a letter each, all of them the first of a choice.
        first = {letter: c for c in reversed(choices) for letter in _LETTERS.get(c, "")}
        if all(word.casefold() in first for word in counts):
            return {word: first[word.casefold()] for word in counts}, []
    return sure, unsure


def yes_and_no_words(counts: Mapping[str, int]) -> tuple[list[str], list[str], list[str]]:
    """The words for yes, those for no, and others."""
    keys = {word: column_key(word) for word in counts}
    yes = [w for w, k in keys.items() if k in _YES]
    no = [w for w, k in keys.items() if k in _NO]
    return yes, no, [w for w in counts if w not in yes and w not in no]


_STATES = ("lead", "pending", "active", "suspended", "expired", "cancelled")


def is_of_a_state(counts: Mapping[str, int]) -> bool:
    """Whether words are those of the state of a customer or a service, at least many of them."""
    known = sum(
        n for word, n in counts.items()
        if len(column_key(word)) >= 4 and meaning_of(word, _STATES) is not None
    )  # fmt: skip
    return known >= 0.3 * max(sum(counts.values()), 1)


def known_share(entity: str, name: str, info: FieldInfo, counts: Mapping[str, int]) -> float:
    """Share of a column's cells whose words are known for the field."""
    total = sum(counts.values())
    if not total:
        return 0.0
    if name == "yes_no":
        _, _, others = yes_and_no_words(counts)
        return 1 - sum(counts[w] for w in others) / total
    sure, _ = lookup_of(counts, info.choices, is_yes_no=True)
    return sum(counts[w] for w in sure) / total
