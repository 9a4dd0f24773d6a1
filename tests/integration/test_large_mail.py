# SPDX-License-Identifier: MIT
"""Large mails, which a worker prepares in a thread, among small ones, which it does not."""
import base64
import threading

TEXTS = {
    "gb18030": "验证码已经发送，请查收附件。镕😀",
    "big5": "驗證碼已經發送，請查收附件。",
    "shift_jis": "添付資料をご確認ください。①",
    "iso-2022-jp": "添付資料をご確認ください。",
    "euc-kr": "첨부 파일을 확인하십시오.",
    "utf-16": "验证码 😀 à la carte",
    "windows-1251": "Юникод, если угодно",
}
LARGE = 400_000


def mail(charset, subject, repeat, encoded=None):
    """The text as base64, for no charset may break the line ends of SMTP."""
    codec = encoded or {"shift_jis": "cp932"}.get(charset, charset)
    text = (TEXTS[charset] + "\n") * repeat
    body = base64.encodebytes(text.encode(codec)).replace(b"\n", b"\r\n")
    head = (f"From: a@example.com\r\nTo: user@example.org\r\nSubject: {subject}\r\n"
            f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\n")
    return text, head.encode() + body


def arrived(sandbox):
    return {m["subject"]: sandbox.mail(m["message_id"])["text"] for m in sandbox.mails()}


def test_large_and_small_mails_of_many_charsets_arrive_together(gateway, sandbox):
    made, failed = {}, []
    for charset, text in TEXTS.items():
        size = len(text.encode("utf-8"))
        made[f"{charset} large"] = mail(charset, f"{charset} large", LARGE // size)
        for i in range(5):
            made[f"{charset} small {i}"] = mail(charset, f"{charset} small {i}", 20 + i)

    def send(subjects):
        try:
            with gateway.smtp() as s:
                for subject in subjects:
                    s.sendmail("a@example.com", ["user@example.org"], made[subject][1])
        except OSError as e:
            failed.append(e)

    large = [s for s in made if s.endswith("large")]
    small = [s for s in made if not s.endswith("large")]
    threads = [threading.Thread(target=send, args=(group,))
               for group in (large[::2], large[1::2], small[::2], small[1::2])]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    got = arrived(sandbox)
    wrong = [s for s, (text, _) in made.items() if got.get(s) != text]
    assert not wrong


def test_the_byte_order_of_one_mail_is_not_that_of_the_next(gateway, sandbox):
    made = {}
    with gateway.smtp() as s:
        for i in range(6):
            order = "\ufeff".encode("utf-16-be" if i % 2 == 0 else "utf-16-le")
            text, raw = mail("utf-16", f"mail {i}", 10,
                             "utf-16-be" if i % 2 == 0 else "utf-16-le")
            head, _, body = raw.partition(b"\r\n\r\n")
            marked = base64.encodebytes(order + base64.b64decode(body))
            made[f"mail {i}"] = text
            s.sendmail("a@example.com", ["user@example.org"],
                       head + b"\r\n\r\n" + marked.replace(b"\n", b"\r\n"))
    assert arrived(sandbox) == made
