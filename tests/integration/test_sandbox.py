# SPDX-License-Identifier: MIT
"""The sandbox answers like the API: success, signatures, parameters and limits."""
import hashlib
import json
import re
import time

import pytest

import sandbox as box
from sandbox import ApiError, b64, mail


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    instance = box.Sandbox(tmp_path_factory.mktemp("sandbox")).start()
    yield instance
    instance.stop()


@pytest.fixture
def sandbox(shared):
    """One process for all tests here, as good as new for each."""
    return shared.reset()


def code_of(sandbox, action="SendEmail", params=None, **changes):
    """The error code that a call ends with; "" where it succeeds."""
    try:
        sandbox.call(action, mail() if params is None else params, **changes)
    except ApiError as error:
        return error.code
    return ""


def test_accepts_a_mail_and_keeps_every_field(sandbox):
    attached = bytes(range(256)) * 10
    headers = json.dumps({"X-Tencentcloudses-Cb-Sesrelay": "7f3a9c21", "X-Other": "值"})
    response = sandbox.send(
        FromEmailAddress="测试 <noreply@mail.example.com>", Subject="测试邮件",
        Destination=["to1@example.org", "to2@example.org"], Cc=["cc@example.org"],
        Bcc=["bcc@example.org"], ReplyToAddresses="reply@example.org",
        Simple={"Text": b64("正文\n"), "Html": b64("<p>正文</p>")},
        Attachments=[{"FileName": "表.pdf", "Content": b64(attached)},
                     {"FileName": "empty.txt", "Content": ""}],
        Unsubscribe="1", TriggerType=1, SmtpMessageId="<id@example.com>",
        SmtpHeaders=headers, HeaderFrom="other@mail.example.com")
    assert re.fullmatch(r"qcloudses-30-\d+-date-\d{14}-\w+", response["MessageId"])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", response["RequestId"])
    got = sandbox.mail(response["MessageId"])
    assert got["from"] == "测试 <noreply@mail.example.com>"
    assert got["to"] == ["to1@example.org", "to2@example.org"]
    assert (got["cc"], got["bcc"]) == (["cc@example.org"], ["bcc@example.org"])
    assert (got["subject"], got["text"], got["html"]) == ("测试邮件", "正文\n", "<p>正文</p>")
    assert got["reply_to"] == "reply@example.org"
    assert (got["unsubscribe"], got["trigger_type"]) == ("1", 1)
    assert got["smtp_message_id"] == "<id@example.com>"
    assert (got["smtp_headers"], got["delivery_id"]) == (headers, "7f3a9c21")
    assert got["header_from"] == "other@mail.example.com"
    assert got["request_id"] == response["RequestId"]
    assert [(a["name"], a["size"]) for a in got["attachments"]] == [
        ("表.pdf", 2560), ("empty.txt", 0)]
    assert got["attachments"][0]["sha256"] == hashlib.sha256(attached).hexdigest()
    assert sandbox.attachment(response["MessageId"], 0) == attached
    assert sandbox.attachment(got["seq"], 1) == b""


def test_journals_each_accepted_mail_once(sandbox):
    accepted = [sandbox.send(Subject=f"mail {i}")["MessageId"] for i in range(5)]
    assert code_of(sandbox, params=mail(Subject="")) != ""
    lines = sandbox.journal()
    assert [line["message_id"] for line in lines] == accepted
    first = lines[0]["seq"]
    assert [line["seq"] for line in lines] == list(range(first, first + 5))
    assert lines[0]["to"] == ["user@example.org"]
    body = json.dumps(mail(Subject="mail 0"), ensure_ascii=False).encode()
    assert lines[0]["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert lines[0]["body_size"] == len(body)


def test_lists_mails_by_recipient_and_number(new_sandbox):
    sandbox = new_sandbox()
    sandbox.send(Destination=["a+tag@example.org"])
    sandbox.send(Destination=["b@example.org"], Bcc=["A+TAG@example.org"])
    sandbox.send(Destination=["c@example.org"])
    assert [m["seq"] for m in sandbox.mails()] == [1, 2, 3]
    assert [m["seq"] for m in sandbox.mails(to="a+tag@example.org")] == [1, 2]
    assert [m["seq"] for m in sandbox.mails(since=2)] == [3]
    sandbox.control("DELETE", "mails/2")
    assert [m["seq"] for m in sandbox.mails()] == [1, 3]
    sandbox.clear_mails()
    assert sandbox.mails() == []
    assert len(sandbox.journal()) == 3


# --- signature ------------------------------------------------------------------------

@pytest.mark.parametrize("names", [("content-type", "host"),
                                   ("content-type", "host", "x-tc-action")])
def test_takes_both_sets_of_signed_headers(sandbox, names):
    assert code_of(sandbox, names=names) == ""


def test_takes_a_host_signed_without_its_port(sandbox):
    body = json.dumps(mail()).encode()
    headers = sandbox.signed_headers("SendEmail", body, host="127.0.0.1")
    headers["Host"] = f"127.0.0.1:{sandbox.port}"
    status, _, text = sandbox.request("POST", "/", body, headers)
    assert status == 200 and "MessageId" in json.loads(text)["Response"]


REFUSED_CALLS = [
    ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure"),
    ({"secret_id": "AKIDOTHER"}, "AuthFailure.SecretIdNotFound"),
    ({"age": 400}, "AuthFailure.SignatureExpire"),
    ({"age": -400}, "AuthFailure.SignatureExpire"),
    ({"names": ("content-type", "x-tc-action")}, "AuthFailure.InvalidAuthorization"),
    ({"names": ("host",)}, "AuthFailure.InvalidAuthorization"),
    ({"Authorization": "Bearer x"}, "AuthFailure.InvalidAuthorization"),
    ({"Authorization": None}, "MissingParameter"),
    ({"X-TC-Timestamp": None}, "MissingParameter"),
    ({"X-TC-Timestamp": "soon"}, "InvalidParameter"),
    ({"X-TC-Token": "none is needed"}, "AuthFailure.TokenFailure"),
    ({"X-TC-Version": "2017-03-12"}, "NoSuchVersion"),
    ({"X-TC-Version": None}, "MissingParameter"),
    ({"X-TC-Region": "eu-frankfurt"}, "UnsupportedRegion"),
    ({"X-TC-Region": None}, "MissingParameter"),
    ({"X-TC-Action": None, "names": ("content-type", "host")}, "MissingParameter"),
    ({"content_type": "application/x-www-form-urlencoded"}, "UnsupportedProtocol"),
    ({"X-TC-Content-SHA256": "00"}, "AuthFailure.SignatureFailure"),
]


@pytest.mark.parametrize("changes,code", REFUSED_CALLS, ids=lambda v: str(v)[:60])
def test_refuses_a_call_that_is_not_signed_or_named_right(sandbox, changes, code):
    if "age" in changes:
        changes = {"timestamp": time.time() - changes["age"]}
    assert code_of(sandbox, **changes) == code
    assert sandbox.mails() == [] and sandbox.journal() == []


def test_refuses_an_action_that_does_not_exist(sandbox):
    assert code_of(sandbox, action="DescribeInstances") == "InvalidAction"


def test_refuses_a_body_that_was_changed_after_signing(sandbox):
    body = json.dumps(mail()).encode()
    headers = sandbox.signed_headers("SendEmail", body)
    _, _, text = sandbox.request("POST", "/", body.replace(b"hello", b"hullo"), headers)
    assert json.loads(text)["Response"]["Error"]["Code"] == "AuthFailure.SignatureFailure"
    checked = sandbox.requests()[-1]["checked"]
    assert checked["canonical_request"].startswith("POST\n/\n\ncontent-type:application/json")


def test_wants_the_token_of_temporary_keys(new_sandbox):
    sandbox = new_sandbox("--token", "the-token")
    assert code_of(sandbox) == "AuthFailure.TokenFailure"
    assert code_of(sandbox, **{"X-TC-Token": "another"}) == "AuthFailure.TokenFailure"
    sandbox.token = "the-token"
    assert code_of(sandbox) == ""


def test_takes_other_keys_from_environment_option_and_file(new_sandbox, tmp_path):
    keys = {"SANDBOX_SECRET_ID": "AKIDENV", "SANDBOX_SECRET_KEY": "key of env"}
    secret = tmp_path / "secret"
    secret.write_text("key of file\n")
    for args, secret_id, key in [((), "AKIDENV", "key of env"),
                                 (("--secret-id", "AKIDOPT", "--secret-key", "opt"),
                                  "AKIDOPT", "opt"),
                                 (("--secret-key-file", str(secret)), "AKIDENV",
                                  "key of file")]:
        sandbox = new_sandbox(*args, env=keys)
        assert code_of(sandbox) == "AuthFailure.SecretIdNotFound"
        sandbox.secret_id, sandbox.secret_key = secret_id, key
        assert code_of(sandbox) == ""


def test_pretends_another_time(new_sandbox):
    sandbox = new_sandbox("--clock-offset", "3600")
    assert code_of(sandbox) == "AuthFailure.SignatureExpire"
    assert code_of(sandbox, timestamp=time.time() + 3600) == ""
    _, headers, _ = sandbox.request("GET", "/sandbox/v1/counters")
    import email.utils
    date = email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
    assert abs(date - time.time() - 3600) < 30


# --- parameters and limits ------------------------------------------------------------

def addresses(n):
    return [f"user{i}@example.org" for i in range(n)]


def files(n, name="a.pdf", content="eA=="):
    return [{"FileName": name, "Content": content}] * n


TOO_LARGE = b64(b"x" * (4 * 1024 * 1024 + 1))

REFUSED_MAILS = [
    ({"Surprise": 1}, "UnknownParameter"),
    ({"Simple": {"Text": "eA==", "Markdown": "eA=="}}, "UnknownParameter"),
    ({"Destination": "user@example.org"}, "InvalidParameter"),
    ({"Destination": [1]}, "InvalidParameter"),
    ({"TriggerType": "1"}, "InvalidParameter"),
    ({"Simple": "text"}, "InvalidParameter"),
    ({"Template": {"TemplateID": "12345", "TemplateData": "{}"}}, "InvalidParameter"),
    ({"FromEmailAddress": None}, "MissingParameter"),
    ({"Subject": None}, "MissingParameter"),
    ({"Template": {"TemplateData": "{}"}}, "MissingParameter"),
    ({"FromEmailAddress": ""}, "InvalidParameterValue.EmailAddressIsNULL"),
    ({"Destination": None}, "InvalidParameterValue.EmailAddressIsNULL"),
    ({"Destination": []}, "InvalidParameterValue.EmailAddressIsNULL"),
    ({"Destination": [""]}, "InvalidParameterValue.EmailAddressIsNULL"),
    ({"FromEmailAddress": "nobody"}, "InvalidParameterValue.IllegalEmailAddress"),
    ({"FromEmailAddress": "A <nobody>"}, "InvalidParameterValue.IllegalEmailAddress"),
    ({"FromEmailAddress": "A: B <a@example.com>"}, "InvalidParameterValue.IllegalSenderName"),
    ({"FromEmailAddress": "A\r\nBcc <a@example.com>"},
     "InvalidParameterValue.IllegalSenderName"),
    ({"FromEmailAddress": "A  <a@example.com>"}, "FailedOperation.IncorrectSender"),
    ({"FromEmailAddress": "A<a@example.com>"}, "FailedOperation.IncorrectSender"),
    ({"FromEmailAddress": "<a@example.com>"}, "FailedOperation.IncorrectSender"),
    ({"HeaderFrom": "a@other.example.com"}, "InvalidParameterValue"),
    ({"HeaderFrom": "a"}, "InvalidParameterValue.IllegalEmailAddress"),
    ({"Destination": ["user"]}, "InvalidParameterValue.ReceiverEmailInvalid"),
    ({"Cc": ["us er@example.org"]}, "InvalidParameterValue.ReceiverEmailInvalid"),
    ({"Bcc": ["user@-example.org"]}, "InvalidParameterValue.ReceiverEmailInvalid"),
    ({"Destination": ["A <user@example.org>"]}, "InvalidParameterValue.ReceiverEmailInvalid"),
    ({"Destination": addresses(51)}, "FailedOperation.TooManyRecipients"),
    ({"Cc": addresses(21)}, "FailedOperation.TooManyRecipients"),
    ({"Bcc": addresses(21)}, "FailedOperation.TooManyRecipients"),
    ({"Bcc": ["USER@example.org"]}, "InvalidParameterValue"),
    ({"Subject": ""}, "InvalidParameterValue.SubjectLengthError"),
    ({"Subject": "字" * 999}, "InvalidParameterValue.SubjectLengthError"),
    ({"Subject": "a\nb"}, "InvalidParameterValue"),
    ({"ReplyToAddresses": "nobody"}, "InvalidParameterValue.IllegalEmailAddress"),
    ({"Simple": None}, "FailedOperation.MissingEmailContent"),
    ({"Simple": {}}, "FailedOperation.MissingEmailContent"),
    ({"Simple": {"Text": ""}}, "FailedOperation.MissingEmailContent"),
    ({"Simple": {"Text": "not base64"}}, "InvalidParameterValue.EmailContentIsWrong"),
    ({"Simple": {"Html": "eA="}}, "InvalidParameterValue.EmailContentIsWrong"),
    ({"Simple": {"Text": TOO_LARGE}}, "FailedOperation.EmailContentToolarge"),
    ({"Template": {"TemplateID": 0, "TemplateData": "{}"}},
     "FailedOperation.InvalidTemplateID"),
    ({"Template": {"TemplateID": 1}}, "FailedOperation.MissingEmailContent"),
    ({"Template": {"TemplateID": 1, "TemplateData": "{"}}, "FailedOperation.WrongContentJson"),
    ({"Template": {"TemplateID": 1, "TemplateData": "[]"}},
     "InvalidParameterValue.TemplateDataError"),
    ({"Template": {"TemplateID": 1, "TemplateData": '{"a":{}}'}},
     "InvalidParameterValue.TemplateDataError"),
    ({"Template": {"TemplateID": 1, "TemplateData": '{"a":"<b>x</b>"}'}},
     "InvalidParameterValue.InValidTemplateData"),
    ({"Attachments": files(11)}, "FailedOperation.TooManyAttachments"),
    ({"Attachments": files(1, "a.exe")}, "FailedOperation.InvalidAttachName"),
    ({"Attachments": files(1, "A.EXE")}, "FailedOperation.InvalidAttachName"),
    ({"Attachments": files(1, "a b.pdf")}, "FailedOperation.InvalidAttachName"),
    ({"Attachments": files(1, "a/b.pdf")}, "FailedOperation.InvalidAttachName"),
    ({"Attachments": files(1, "")}, "FailedOperation.InvalidAttachName"),
    ({"Attachments": files(1, "x" * 252 + ".pdf")}, "FailedOperation.InvalidAttachName"),
    ({"Attachments": files(1, content="eA")}, "InvalidParameterValue.AttachContentIsWrong"),
    ({"Attachments": [{"FileName": "a.pdf"}]}, "InvalidParameterValue.AttachContentIsWrong"),
    ({"Attachments": [{"FileName": "a.pdf", "FileURL": "https://example.com/a.pdf"}]},
     "FailedOperation.FileURLNotExist"),
    ({"Attachments": files(1, content=TOO_LARGE)}, "FailedOperation.AttachContentToolarge"),
    ({"Simple": {"Text": "A" * (8 * 1024 * 1024)}}, "RequestSizeLimitExceeded"),
    ({"Simple": {"Text": "A" * (11 * 1024 * 1024)}}, "RequestSizeLimitExceeded"),
    ({"Unsubscribe": "12"}, "InvalidParameterValue"),
    ({"TriggerType": 2}, "InvalidParameterValue"),
    ({"SmtpMessageId": "<a b@example.com>"}, "InvalidParameterValue"),
    ({"SmtpHeaders": "X-A: b"}, "InvalidParameterValue"),
    ({"SmtpHeaders": '{"X-A": 1}'}, "InvalidParameterValue"),
    ({"SmtpHeaders": '{"X-A": "a\\r\\nBcc: b"}'}, "InvalidParameterValue"),
    ({"SmtpHeaders": '{"X A": "a"}'}, "InvalidParameterValue"),
]


@pytest.mark.parametrize("changes,code", REFUSED_MAILS, ids=lambda v: str(v)[:60])
def test_refuses_a_mail_outside_the_documented_limits(sandbox, changes, code):
    assert code_of(sandbox, params=mail(**changes)) == code
    assert sandbox.journal() == []


ACCEPTED_MAILS = [
    {"FromEmailAddress": "noreply@mail.example.com"},
    {"Destination": addresses(50), "Cc": addresses(20),
     "Bcc": [f"b{i}@example.org" for i in range(20)]},
    {"Destination": None, "Bcc": ["user@example.org"]},
    {"Destination": ["用户@例子.example"]},
    {"Destination": ["a.b+c=d{e}@sub.example.org"]},
    {"Subject": "字" * 998},
    {"Simple": None, "Template": {"TemplateID": 12345, "TemplateData": "{}"}},
    {"Simple": None, "Template": {"TemplateID": 1, "TemplateData": '{"a":"1 < 2 > 0"}'}},
    {"Attachments": files(10)},
    {"Attachments": files(1, "x" * 251 + ".pdf")},
    {"Attachments": files(1, content=b64(b"x" * 4 * 1024 * 1024))},
    {"Attachments": files(1, "data.unknown")},
    {"Unsubscribe": "0"}, {"Unsubscribe": "11"},
    {"Cc": None, "Bcc": [], "ReplyToAddresses": "Reply <reply@example.org>"},
    {"SmtpMessageId": "id@example.com"},
]


@pytest.mark.parametrize("changes", ACCEPTED_MAILS, ids=lambda v: str(v)[:60])
def test_accepts_a_mail_at_the_documented_limits(sandbox, changes):
    sandbox.send(**changes)
    assert len(sandbox.mails()) == 1


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b'{"Subject":"a","Subject":"b"}', b'{"Subject":"\xff"}',
    b'{"Subject":"\\u0000"}', b"[" * 100000, b"\x00" * 100])
def test_refuses_a_body_that_is_no_json_object(sandbox, body):
    assert code_of(sandbox, params=body) == "InvalidParameter"


def test_refuses_simple_content_where_it_is_not_permitted(new_sandbox):
    sandbox = new_sandbox("--simple-allowed", "no")
    assert code_of(sandbox) == "FailedOperation.WithOutPermission"
    template = {"TemplateID": 1, "TemplateData": "{}"}
    assert code_of(sandbox, params=mail(Simple=None, Template=template)) == ""


def test_limits_the_rate_of_an_action(new_sandbox):
    sandbox = new_sandbox("--rate", "3")
    codes = [code_of(sandbox) for _ in range(20)]
    assert set(codes) == {"", "RequestLimitExceeded"}
    time.sleep(1.1)
    assert code_of(sandbox) == ""


def test_limits_the_mails_of_a_day(new_sandbox):
    sandbox = new_sandbox("--quota", "2")
    assert [code_of(sandbox) for _ in range(3)] == ["", "", "FailedOperation.ExceedSendLimit"]


def test_knows_its_senders(new_sandbox):
    sandbox = new_sandbox("--senders", "noreply@mail.example.com,@example.net")
    for sender, code in [("noreply@mail.example.com", ""), ("A <any@EXAMPLE.net>", ""),
                         ("other@mail.example.com", "InvalidParameterValue.NoSuchSender"),
                         ("a@example.com", "FailedOperation.NotAuthenticatedSender")]:
        assert code_of(sandbox, params=mail(FromEmailAddress=sender)) == code


TEMPLATES = [
    {"TemplateID": 7, "TemplateName": "code", "Text": "Your code: {{code}}, {{ name }}",
     "Html": "<p>{{code}}</p>"},
    {"TemplateID": 8, "TemplateName": "new", "TemplateStatus": 1, "Text": "x"},
]


@pytest.fixture
def with_templates(new_sandbox, tmp_path):
    file = tmp_path / "templates.json"
    file.write_text(json.dumps(TEMPLATES))
    return new_sandbox("--templates", str(file))


def test_fills_a_template(with_templates):
    template = {"TemplateID": 7, "TemplateData": json.dumps({"code": "1234", "name": "王"})}
    sent = with_templates.send(Simple=None, Template=template)
    got = with_templates.mail(sent["MessageId"])
    assert (got["text"], got["html"]) == ("Your code: 1234, 王", "<p>1234</p>")
    assert (got["template_id"], got["template_data"]) == (7, template["TemplateData"])


@pytest.mark.parametrize("number,data,code", [
    (9, {}, "InvalidParameterValue.TemplateNotExist"),
    (8, {}, "OperationDenied.TemplateStatusError"),
    (7, {"code": "1"}, "InvalidParameterValue.TemplateNotMatchData"),
    (7, {"code": "1", "name": "a", "more": "b"},
     "InvalidParameterValue.TemplateDataInconsistent"),
])
def test_refuses_a_template_that_does_not_match(with_templates, number, data, code):
    template = {"TemplateID": number, "TemplateData": json.dumps(data)}
    assert code_of(with_templates, params=mail(Simple=None, Template=template)) == code


# --- the other actions ----------------------------------------------------------------

def day(offset=0):
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600 + offset * 86400))


def test_tells_the_status_of_each_recipient(sandbox):
    sent = sandbox.send(Destination=addresses(3), Cc=["cc@example.org"])["MessageId"]
    sandbox.send()
    query = {"RequestDate": day(), "Offset": 0, "Limit": 100, "MessageId": sent}
    rows = sandbox.call("GetSendEmailStatus", query)["EmailStatusList"]
    assert [r["ToEmailAddress"] for r in rows] == addresses(3) + ["cc@example.org"]
    assert {r["SendStatus"] for r in rows} == {0}
    assert rows[0]["FromEmailAddress"] == "noreply@mail.example.com"
    query.update(Offset=1, Limit=2)
    rows = sandbox.call("GetSendEmailStatus", query)["EmailStatusList"]
    assert [r["ToEmailAddress"] for r in rows] == addresses(3)[1:]
    query = {"RequestDate": day(), "Offset": 0, "Limit": 10, "ToEmailAddress": "CC@example.org"}
    assert len(sandbox.call("GetSendEmailStatus", query)["EmailStatusList"]) == 1
    query["RequestDate"] = day(-1)
    assert sandbox.call("GetSendEmailStatus", query)["EmailStatusList"] == []


@pytest.mark.parametrize("changes,code", [
    ({"RequestDate": "yesterday"}, "InvalidParameterValue.WrongDate"),
    ({"RequestDate": "2026-02-30"}, "InvalidParameterValue.WrongDate"),
    ({"RequestDate": day(-40)}, "FailedOperation.NotSupportDate"),
    ({"Limit": 101}, "FailedOperation.InvalidLimit"),
    ({"Limit": 0}, "InvalidParameterValue"),
    ({"Offset": -1}, "InvalidParameterValue"),
    ({"Offset": None}, "MissingParameter"),
    ({"Day": "x"}, "UnknownParameter"),
])
def test_refuses_a_wrong_status_query(sandbox, changes, code):
    query = {"RequestDate": day(), "Offset": 0, "Limit": 10, **changes}
    assert code_of(sandbox, "GetSendEmailStatus", query) == code


def test_lists_what_the_account_has(new_sandbox, tmp_path):
    file = tmp_path / "templates.json"
    file.write_text(json.dumps(TEMPLATES))
    sandbox = new_sandbox("--templates", str(file), "--senders",
                          "a@example.com,b@example.com,@example.net")
    got = sandbox.call("ListEmailIdentities", {})
    assert [i["IdentityName"] for i in got["EmailIdentities"]] == ["example.com", "example.net"]
    assert got["Total"] == 2
    got = sandbox.call("ListEmailAddress", {})
    assert [s["EmailAddress"] for s in got["EmailSenders"]] == ["a@example.com",
                                                               "b@example.com"]
    got = sandbox.call("ListEmailTemplates", {"Limit": 1, "Offset": 1})
    assert got["TotalCount"] == 2
    assert [(t["TemplateID"], t["TemplateStatus"]) for t in got["TemplatesMetadata"]] == [(8, 1)]
    got = sandbox.call("GetEmailTemplate", {"TemplateID": 7})
    assert got["TemplateContent"]["Html"] == b64("<p>{{code}}</p>")
    assert got["TemplateName"] == "code"
    assert code_of(sandbox, "GetEmailTemplate", {"TemplateID": 9}) == (
        "InvalidParameterValue.TemplateNotExist")
    assert code_of(sandbox, "ListEmailTemplates", {"Limit": 101, "Offset": 0}) == (
        "FailedOperation.InvalidLimit")


# --- bounds ---------------------------------------------------------------------------

def test_keeps_the_newest_mails_and_journals_all(new_sandbox):
    sandbox = new_sandbox("--max-mails", "3")
    for i in range(5):
        sandbox.send(Subject=f"mail {i}")
    assert [m["subject"] for m in sandbox.mails()] == ["mail 2", "mail 3", "mail 4"]
    assert len(sandbox.journal()) == 5


def test_keeps_within_its_memory(new_sandbox):
    sandbox = new_sandbox("--max-memory", str(3 << 20))
    for _ in range(4):
        sandbox.send(Attachments=files(1, content=b64(b"x" * (1 << 20))))
    assert len(sandbox.mails()) == 2
    assert len(sandbox.journal()) == 4


def test_refuses_a_mail_that_it_cannot_journal(new_sandbox):
    sandbox = new_sandbox("--journal", "/dev/full")
    assert code_of(sandbox) == "InternalError"
    assert sandbox.mails() == []


def test_shows_refused_requests_too(new_sandbox):
    sandbox = new_sandbox()
    sandbox.send(Simple={"Text": b64("x" * 5000)})
    code_of(sandbox, params=mail(Subject=""))
    code_of(sandbox, params=b"\xffnonsense")
    first, second, third = sandbox.requests()
    assert (first["result"], first["action"]) == ("ok", "SendEmail")
    assert first["body"]["Subject"] == "hello"
    assert first["body"]["Simple"]["Text"].endswith("... (6668 bytes)")
    assert dict(first["headers"])["X-TC-Region"] == "ap-guangzhou"
    assert second["result"] == "InvalidParameterValue.SubjectLengthError"
    assert third["body"] == "?nonsense"
    counters = sandbox.counters()
    assert (counters["requests"], counters["accepted"], counters["refused"]) == (3, 1, 2)
    assert counters["codes"]["InvalidParameter"] == 1
    sandbox.control("DELETE", "requests")
    assert sandbox.requests() == []


@pytest.mark.parametrize("path", ["/", "/sandbox/v1/mails", "/sandbox/v1/faults"])
def test_a_page_of_a_stranger_reads_nothing(sandbox, path):
    """A browser under a name that leads here and is not ours."""
    for host in ("rebound.example", f"rebound.example:{sandbox.port}", "192.0.2.1"):
        assert sandbox.request("GET", path, headers={"Host": host})[0] == 421
    for host in ("localhost", f"127.0.0.1:{sandbox.port}", "[::1]:1"):
        assert sandbox.request("GET", path, headers={"Host": host})[0] == 200


def test_the_api_is_called_by_names_that_are_known(new_sandbox):
    sandbox = new_sandbox("--host", "sandbox")
    assert sandbox.raw_call("ListEmailIdentities", {}, host="rebound.example")[0] == 421
    for host in ("sandbox:8180", "localhost", "ses.tencentcloudapi.com"):
        assert sandbox.raw_call("ListEmailIdentities", {}, host=host)[0] == 200
