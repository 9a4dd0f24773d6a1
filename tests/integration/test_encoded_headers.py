# SPDX-License-Identifier: MIT
"""Subjects, names and file names that other programs encoded: equal to the original.

The strings mix Chinese with ASCII, emoji and several charsets; they are encoded by Python's
two generators and by nodemailer's, and travel by SMTP.
"""
import base64
import email
import email.header
import email.headerregistry
import email.message
import email.policy
import json
import random
import subprocess

import clients

SEED = 20260102
ASCII = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+!"
SIMPLIFIED = "测试邮件第一季度报告您的验证码已经发送请查收附件合同编号订单通知"
TRADITIONAL = "測試郵件第一季度報告您的驗證碼已經發送請查收附件合約編號訂單通知"
JAPANESE = "テスト用の件名日本語ひらがな報告書添付資料ご確認ください"
EMOJI = "🎉📧🚀✨👩‍💻🇨🇳"

ALPHABETS = {
    "utf-8": SIMPLIFIED + EMOJI + "äöüßéàñ",
    "gb18030": SIMPLIFIED + TRADITIONAL,
    "gb2312": SIMPLIFIED,
    "big5": TRADITIONAL,
    "shift_jis": JAPANESE,
    "iso-2022-jp": JAPANESE,
}


def text(rng, charset, longest):
    """Runs of the charset's letters and of ASCII, single blanks between some."""
    runs = []
    for _ in range(rng.randint(1, 6)):
        alphabet = rng.choice([ALPHABETS[charset], ASCII])
        runs.append("".join(rng.choices(alphabet, k=rng.randint(1, 14))))
    joined = rng.choice(["", " "]).join(runs)[:longest].strip()
    return joined if any(ord(c) > 127 for c in joined) else joined + ALPHABETS[charset][0]


def encodable(rng, charset, longest):
    """Python's codecs decide what a charset holds; emoji sequences are cut nowhere."""
    while True:
        value = text(rng, charset, longest)
        try:
            if value.encode(charset).decode(charset) == value:
                return value
        except UnicodeError:
            continue


def strings(rng, charset):
    return {"subject": encodable(rng, charset, 90), "name": encodable(rng, charset, 40),
            "filename": encodable(rng, charset, 40).replace(" ", "") + ".pdf"}


def by_modern_python(s):
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"] = email.headerregistry.Address(s["name"], "noreply", "example.com")
    m["To"] = "user@example.org"
    m["Subject"] = s["subject"]
    m.set_content("text")
    m.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf",
                     filename=s["filename"])
    return m.as_bytes()


def still_holds(raw, s):
    """Python 3.11's EmailMessage loses a blank that falls between two encoded words: such a
    mail no longer holds the string, as Python's older decoder shows."""
    fields = email.message_from_bytes(raw)

    def decoded(name):
        value = fields[name].replace("\r\n", "").removesuffix(" <noreply@example.com>")
        return str(email.header.make_header(email.header.decode_header(value)))
    return decoded("From") == s["name"] and decoded("Subject") == s["subject"]


def lossless(rng):
    while True:
        s = strings(rng, "utf-8")
        raw = by_modern_python(s)
        if still_holds(raw, s):
            return s, raw


def by_old_python(s, charset):
    """email.header.Header, and a file name as an encoded word in quotes or as RFC 2231."""
    def word(value):
        return email.header.Header(value, charset).encode(linesep="\r\n")

    head = (f"From: {word(s['name'])} <noreply@example.com>\r\nTo: user@example.org\r\n"
            f"Subject: {word(s['subject'])}\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            "Content-Type: text/plain\r\n\r\ntext\r\n--b\r\n"
            "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n")
    part = email.message.Message()
    if sum(s["filename"].encode()) % 2:
        part.add_header("Content-Disposition", "attachment",
                        filename=(charset, "", s["filename"]))
        field = f"Content-Disposition: {part['Content-Disposition']}"
    else:
        field = f'Content-Disposition: attachment; filename="{word(s["filename"])}"'
    return (head + field + "\r\n\r\nJVBERi0xLjQ=\r\n--b--\r\n").encode()


def by_nodemailer(all_strings):
    jobs = "".join(json.dumps({
        "from": {"name": s["name"], "address": "noreply@example.com"},
        "to": "user@example.org", "subject": s["subject"], "text": "text",
        "filename": s["filename"]}) + "\n" for s in all_strings)
    done = subprocess.run(["node", str(clients.NODE / "compose.js")],
                          input=jobs.encode(), capture_output=True, timeout=120, check=True)
    return [base64.b64decode(line) for line in done.stdout.splitlines()]


def cases():
    rng = random.Random(SEED)
    charsets = list(ALPHABETS)
    made = []
    for i in range(150):
        charset = charsets[i % len(charsets)]
        s = strings(rng, charset)
        made.append((f"Header/{charset}", s, by_old_python(s, charset)))
    for _ in range(100):
        made.append(("EmailMessage", *lossless(rng)))
    node = [strings(rng, "utf-8") for _ in range(150)]
    made += [("nodemailer", s, raw) for s, raw in zip(node, by_nodemailer(node))]
    return made


def test_every_encoded_string_equals_its_original(gateway, sandbox):
    made = cases()
    assert 3 * len(made) >= 1000
    wrong = []
    with gateway.smtp() as s:
        for generator, want, raw in made:
            sandbox.clear_mails()
            s.sendmail("noreply@example.com", ["user@example.org"], raw)
            (summary,) = sandbox.mails()
            mail = sandbox.mail(summary["message_id"])
            got = {"subject": mail["subject"],
                   "name": mail["from"].removesuffix(" <noreply@example.com>"),
                   "filename": mail["attachments"][0]["name"]}
            if got != want:
                wrong.append((generator, want, got))
    assert not wrong, f"{len(wrong)} of {len(made)} mails differ, among them {wrong[:3]}"
