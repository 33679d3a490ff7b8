"""Rows of personal, payment and health data: each number with the words that people put beside it."""

import json

from . import europe, overseas
from . import people as p
from .rows import row, span

# type: (maker, words that people put before it, whether its printed form says enough by itself)
TYPES = {
    "email": (p.email, ["email", "E-Mail", "correo", "mail address", "contact"], True),
    "phone_us": (p.phone_us, ["phone", "Tel", "cell", "mobile number", "call me at"], False),
    "phone_uk": (p.phone_uk, ["phone", "mobile", "tel", "Telephone"], False),
    "phone_in": (p.phone_in, ["mobile", "phone no", "WhatsApp", "contact number"], False),
    "phone_de": (p.phone_de, ["Telefon", "Tel.", "Handy", "Mobil", "phone"], False),
    "phone_fr": (p.phone_fr, ["téléphone", "Tél.", "portable", "mobile", "phone"], False),
    "phone_intl": (p.phone_intl, ["phone", "teléfono", "telefono", "mobile", "Telefoon", "fax"], True),
    "credit_card": (
        p.credit_card,
        ["card number", "credit card", "Kreditkarte", "carte bancaire", "tarjeta de crédito", "visa", "cc no"],
        True,
    ),
    "iban": (p.iban, ["IBAN", "Kontonummer (IBAN)", "account", "Bankverbindung", "compte"], True),
    "swift_bic": (p.swift_bic, ["BIC", "SWIFT", "SWIFT/BIC", "bic code", "Swift code"], False),
    "us_ssn": (overseas.us_ssn, ["SSN", "social security number", "Social Security No.", "soc sec #"], True),
    "us_itin": (
        overseas.us_itin,
        ["ITIN", "taxpayer identification number", "Individual Taxpayer ID", "itin no"],
        False,
    ),
    "us_ein": (overseas.us_ein, ["EIN", "employer identification number", "FEIN", "Federal Tax ID"], False),
    "us_aba_routing": (overseas.us_aba, ["routing number", "ABA", "Routing No.", "RTN", "aba routing"], False),
    "us_npi": (overseas.us_npi, ["NPI", "NPI number", "provider NPI", "National Provider Identifier"], False),
    "us_mbi": (overseas.us_mbi, ["MBI", "Medicare number", "Medicare ID", "Medicare Beneficiary Identifier"], False),
    "us_dea": (overseas.us_dea, ["DEA", "DEA number", "DEA #", "DEA registration"], False),
    "us_passport": (
        lambda d: d.choice([d.chars("d", 9), d.chars("N", 1) + d.chars("d", 8)]),
        ["passport number", "Passport No.", "US passport", "passport #"],
        False,
    ),
    "us_driver_license": (
        lambda d: d.choice([d.chars("N", 1) + d.chars("d", 7), d.fill("[N1][d3]-[d4]-[d4]"), d.fill("[N1][d12]")]),
        ["driver's license", "driver license number", "DL number", "Driver's License No."],
        False,
    ),
    "us_bank_account": (
        lambda d: d.chars("d", d.randint(9, 12)),
        ["account number", "checking account", "bank account no", "Account #"],
        False,
    ),
    "uk_nino": (europe.uk_nino, ["National Insurance number", "NINO", "NI number", "ni no"], True),
    "uk_nhs": (europe.uk_nhs, ["NHS number", "NHS no", "NHS No.", "patient NHS number"], False),
    "uk_utr": (europe.uk_utr, ["UTR", "unique taxpayer reference", "UTR number", "Self Assessment UTR"], False),
    "uk_driving_licence": (
        europe.uk_driving,
        ["driving licence", "licence number", "DVLA licence", "Driving Licence No"],
        False,
    ),
    "uk_bank_account": (europe.uk_bank, ["sort code and account", "bank details", "sort code / account number"], False),
    "in_aadhaar": (overseas.in_aadhaar, ["Aadhaar", "Aadhaar number", "UIDAI no", "आधार"], True),
    "in_pan": (overseas.in_pan, ["PAN", "PAN card", "PAN no", "Permanent Account Number"], False),
    "in_gstin": (overseas.in_gstin, ["GSTIN", "GST number", "GST no", "GSTIN/UIN"], True),
    "in_voter_epic": (overseas.in_epic, ["EPIC", "voter ID", "EPIC no", "Voter ID card"], False),
    "in_ifsc": (
        lambda d: d.choice(["HDFC", "SBIN", "ICIC", "UTIB", "PUNB"]) + "0" + d.chars("d", 6),
        ["IFSC", "IFSC code", "ifsc", "Bank IFSC"],
        False,
    ),
    "in_upi": (p.upi, ["UPI", "UPI ID", "VPA", "pay to UPI"], False),
    "au_tfn": (overseas.au_tfn, ["TFN", "tax file number", "Tax File No", "tfn number"], False),
    "au_abn": (overseas.au_abn, ["ABN", "Australian Business Number", "abn no"], False),
    "au_acn": (overseas.au_acn, ["ACN", "Australian Company Number", "acn no"], False),
    "au_medicare": (overseas.au_medicare, ["Medicare card", "Medicare number", "medicare no", "Medicare"], False),
    "ca_sin": (overseas.ca_sin, ["SIN", "social insurance number", "Social Insurance No", "NAS"], False),
    "de_steuer_id": (
        europe.de_steuer_id,
        ["Steuer-ID", "Steueridentifikationsnummer", "steuerliche Identifikationsnummer", "IdNr.", "tax id"],
        False,
    ),
    "de_personalausweis": (
        europe.de_ausweis,
        ["Personalausweisnummer", "Ausweisnummer", "Personalausweis", "Ausweis-Nr."],
        False,
    ),
    "fr_nir": (europe.fr_nir, ["numéro de sécurité sociale", "NIR", "n° sécu", "sécurité sociale", "INSEE"], False),
    "fr_siren": (europe.fr_siren, ["SIREN", "n° SIREN", "numéro SIREN"], False),
    "fr_siret": (europe.fr_siret, ["SIRET", "n° SIRET", "numéro SIRET"], False),
    "es_dni": (europe.es_dni, ["DNI", "NIF", "documento de identidad", "D.N.I."], True),
    "es_nie": (europe.es_nie, ["NIE", "número de identidad de extranjero", "N.I.E.", "tarjeta NIE"], True),
    "it_codice_fiscale": (europe.it_codice, ["codice fiscale", "C.F.", "CF", "cod. fiscale"], True),
    "it_partita_iva": (europe.it_iva, ["P.IVA", "partita IVA", "Partita I.V.A.", "p. iva"], False),
    "nl_bsn": (europe.nl_bsn, ["BSN", "burgerservicenummer", "sofinummer", "BSN-nummer"], False),
    "be_national_number": (
        europe.be_national,
        ["rijksregisternummer", "numéro national", "registre national", "INSZ"],
        False,
    ),
    "pl_pesel": (europe.pl_pesel, ["PESEL", "nr PESEL", "numer PESEL"], False),
    "pl_nip": (europe.pl_nip, ["NIP", "numer NIP", "nr NIP"], False),
    "pt_nif": (europe.pt_nif, ["NIF", "contribuinte", "número de contribuinte", "N.º fiscal"], False),
    "se_personnummer": (europe.se_personnummer, ["personnummer", "pnr", "pers.nr", "personal identity number"], False),
    "no_fodselsnummer": (europe.no_fodselsnummer, ["fødselsnummer", "fnr", "personnummer", "fødselsnr"], False),
    "dk_cpr": (europe.dk_cpr, ["CPR", "CPR-nummer", "CPR-nr.", "personnummer"], False),
    "fi_hetu": (europe.fi_hetu, ["henkilötunnus", "hetu", "HETU", "sotu"], True),
    "ch_ahv": (europe.ch_ahv, ["AHV-Nummer", "AHV-Nr.", "numéro AVS", "numero AVS"], True),
    "cz_rodne_cislo": (europe.cz_rodne, ["rodné číslo", "RČ", "r.č.", "rodne cislo"], False),
    "ro_cnp": (europe.ro_cnp, ["CNP", "cod numeric personal", "C.N.P."], False),
    "bg_egn": (europe.bg_egn, ["ЕГН", "EGN", "единен граждански номер"], False),
    "hr_oib": (europe.hr_oib, ["OIB", "osobni identifikacijski broj"], False),
    "ee_isikukood": (europe.ee_isikukood, ["isikukood", "Isikukood", "personal code"], False),
    "ie_pps": (europe.ie_pps, ["PPS number", "PPSN", "PPS No.", "Personal Public Service number"], False),
    "gr_amka": (europe.gr_amka, ["ΑΜΚΑ", "AMKA", "Α.Μ.Κ.Α."], False),
    "tr_tckn": (europe.tr_tckn, ["TC Kimlik No", "TCKN", "T.C. Kimlik Numarası", "kimlik no"], False),
    "br_cpf": (overseas.br_cpf, ["CPF", "CPF do titular", "cpf nº"], False),
    "br_cnpj": (overseas.br_cnpj, ["CNPJ", "cnpj nº", "CNPJ da empresa"], False),
    "ar_cuit": (overseas.ar_cuit, ["CUIT", "CUIL", "C.U.I.T."], False),
    "cl_rut": (overseas.cl_rut, ["RUT", "RUN", "R.U.T."], False),
    "mx_curp": (overseas.mx_curp, ["CURP", "Clave Única de Registro de Población", "curp"], True),
    "mx_rfc": (overseas.mx_rfc, ["RFC", "R.F.C.", "Registro Federal de Contribuyentes"], False),
    "cn_resident_id": (overseas.cn_resident, ["身份证号", "身份证号码", "公民身份号码", "resident ID"], True),
    "sg_nric": (overseas.sg_nric, ["NRIC", "FIN", "NRIC/FIN", "nric no"], True),
    "kr_rrn": (overseas.kr_rrn, ["주민등록번호", "주민번호", "RRN", "resident registration number"], False),
    "jp_my_number": (overseas.jp_my_number, ["マイナンバー", "個人番号", "My Number", "my number"], False),
    "th_national_id": (overseas.th_id, ["เลขประจำตัวประชาชน", "Thai ID", "บัตรประชาชน", "national ID (Thailand)"], False),
    "my_nric": (overseas.my_nric, ["MyKad", "NRIC no", "IC no", "No. Kad Pengenalan"], False),
    "id_nik": (overseas.id_nik, ["NIK", "nomor KTP", "No. KTP", "Nomor Induk Kependudukan"], False),
    "za_id": (overseas.za_id, ["South African ID", "SA ID number", "RSA ID", "ID number (South Africa)"], False),
    "il_id": (overseas.il_id, ["תעודת זהות", "Teudat Zehut", "ת.ז.", "מספר זהות"], False),
    "ru_snils": (europe.ru_snils, ["СНИЛС", "SNILS", "снилс №"], True),
    "ru_inn": (europe.ru_inn, ["ИНН", "INN", "инн №"], False),
    "tw_national_id": (overseas.tw_id, ["身分證字號", "身份證字號", "Taiwan national ID", "國民身分證"], False),
    "ip_address_v4": (p.ipv4, ["client ip", "IP", "remote_addr", "ip address", "IP-Adresse"], True),
    "ip_address_v6": (p.ipv6, ["client ip", "IPv6", "remote_addr", "ip address"], True),
    "mac_address": (p.mac, ["MAC", "hwaddr", "MAC address", "ether"], True),
    "imei": (p.imei, ["IMEI", "IMEI number", "device IMEI", "imei no"], False),
    "vin": (p.vin, ["VIN", "chassis number", "vehicle identification number", "Fahrgestellnummer"], False),
    "crypto_btc_address": (p.btc, ["BTC address", "wallet", "bitcoin", "send BTC to"], True),
    "crypto_eth_address": (p.eth, ["ETH address", "wallet", "ethereum", "send ETH to"], True),
    "passport_mrz": (p.mrz, ["MRZ", "passport scan", "machine readable zone"], True),
    "date_of_birth": (
        p.birth,
        [
            "date of birth",
            "DOB",
            "birth date",
            "geboren am",
            "né(e) le",
            "fecha de nacimiento",
            "data di nascita",
            "Geburtsdatum",
        ],
        False,
    ),
    "medical_record_number": (
        lambda d: d.choice([d.chars("d", 8), d.fill("MRN-[d7]"), d.fill("[d3]-[d2]-[d3]")]),
        ["MRN", "medical record number", "Medical Record No.", "patient MRN"],
        False,
    ),
    "postal_address": (p.address, ["address", "home address", "Anschrift", "adresse", "ship to", "lives at"], False),
    "geo_coordinates": (p.coordinates, ["GPS", "home location", "coordinates", "lat/lon"], False),
    "person_name": (p.person_name, ["name", "full name", "patient", "Nachname, Vorname", "signed by"], False),
}

# Whatever rests on words alone is judged apart: it does not count for the bar, as in the labelled sets.
STRETCH = {"person_name", "geo_coordinates", "us_driver_license", "us_bank_account"}

CARRIERS = [
    ("form", "{label}: §\nstatus: open\n"),
    ("form", "Application\n-----------\n{label}    §\nbranch     Graz\n"),
    ("prose", "Please update my file, {label} is §, thank you."),
    ("prose", "Her {label} ({where}) reads § according to the letter."),
    ("prose", "I can't submit the form. {label} § is rejected, why?"),
    ("prose-de", "Hallo, {label} lautet § – bitte eintragen."),
    ("prose-fr", "Bonjour, {label} : §. Merci d'avance."),
    ("prose-es", "Hola, {label} es §, gracias."),
    ("chat", '{{"messages":[{{"role":"user","content":"fill in the form: {label} §"}}]}}'),
    ("json", '{{"id":7,"{label}":"§","active":true}}'),
    ("yaml", 'person:\n  {label}: "§"\n  newsletter: no\n'),
    ("csv", "row,{label},city\n1,§,Porto\n"),
    ("tsv", "{label}\tcountry\n§\tAT\n"),
    ("html", "<tr><th>{label}</th><td>§</td></tr>"),
    ("markdown", "| {label} | checked |\n|---|---|\n| § | yes |\n"),
    ("markdown", "**{label}:** §\n"),
    ("mail", "Dear team,\n\nas requested, {label}: §\n\nRegards\nM."),
    ("log", '2026-02-03 11:20:01 INFO kyc.check field="{label}" value="§" result=ok'),
    ("sql", "INSERT INTO persons (\"{label}\", created) VALUES ('§', NOW());"),
    ("ticket", '[#8812] customer writes: "{label} = §" - please mask before sharing'),
    ("notes", "- {label} → §\n- follow up on Friday"),
    ("ocr", "{label} ......... §\nSEX F   HEIGHT 1.71"),
]
# A value that is enough by itself also stands without any word.
BARE = [
    ("bare-prose", "can you check § for me?"),
    ("bare-prose", "It says § on the slip."),
    ("bare-list", "§\nand nothing else"),
    ("bare-json", '{{"v": "§"}}'),
    ("bare-csv", "4;§;yes"),
]
# Only in such places does a bare value of these types mean a person; elsewhere it is an example or a machine's.
NEVER_BARE = {"ip_address_v6", "mac_address"}
# And of these only as they are printed: the digits alone are as often an account of a cloud or an order.
PRINTED = {"us_ssn": "-", "in_aadhaar": " ", "br_cpf": ".", "br_cnpj": ".", "cl_rut": ".", "ch_ahv": "."}
WHERE = ["page 2", "see below", "new one", "from the scan"]


def rows(draw, each):
    for kind, (make, labels, speaking) in TYPES.items():
        tier = "stretch" if kind in STRETCH else "core"
        chosen = draw.sample(CARRIERS, min(each, len(CARRIERS)))
        if speaking and kind not in NEVER_BARE:
            chosen[-1] = draw.choice(BARE)
        for category, text in chosen:
            value = make(draw)
            while category.startswith("bare") and PRINTED.get(kind, "") not in value:
                value = make(draw)
            if "\n" in value and category not in ("form", "mail", "notes", "prose", "ocr", "bare-list"):
                category, text = CARRIERS[0]
            filled = text.format(label=draw.choice(labels), where=draw.choice(WHERE)).replace("§", value)
            yield row(filled, [span(filled, value, kind)], f"personal:{category}", tier=tier)


def together(draw, count):
    """Several data of one person in one form, object or table: what they are must not run into each other."""
    core = [kind for kind in TYPES if kind not in STRETCH | {"passport_mrz", "postal_address"}]
    for turn in range(count):
        chosen = draw.sample(core, draw.randint(2, 4))
        fields = [(kind, draw.choice(TYPES[kind][1]), TYPES[kind][0](draw)) for kind in chosen]
        way = turn % 4
        if way == 0:
            text = "Registration\n" + "".join(f"{label}: {value}\n" for _, label, value in fields) + "signed: yes\n"
        elif way == 1:
            text = json.dumps(
                {"person": {label: value for _, label, value in fields}, "score": 512}, ensure_ascii=False
            )
        elif way == 2:
            text = ";".join(label for _, label, _ in fields) + "\n" + ";".join(value for *_, value in fields) + "\n"
        else:
            text = (
                "Please correct my data: " + ", ".join(f"{label} {value}" for _, label, value in fields) + ". Thanks!"
            )
        spans, at = [], 0
        for kind, label, value in fields:
            # In a table all labels come first.
            at = text.index(value, text.index(label, 0 if way == 2 else at))
            spans.append(span(text, value, kind, at))
            at += len(value)
        yield row(text, spans, f"personal:together-{('form', 'json', 'csv', 'prose')[way]}")
