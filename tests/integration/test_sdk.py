# SPDX-License-Identifier: MIT
"""The official SDK, unchanged, talks to the sandbox over http and https."""
import json
import time

import pytest

import node
import sandbox as box
from sandbox import b64, mail


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    node.require()
    directory = tmp_path_factory.mktemp("sandbox")
    templates = directory / "templates.json"
    templates.write_text(json.dumps([{"TemplateID": 12345, "TemplateName": "code",
                                      "Text": "Code {{code}}"}]))
    instance = box.Sandbox(directory, "--templates", str(templates), "--senders",
                           "@mail.example.com,noreply@mail.example.com", https=True).start()
    yield instance
    instance.stop()


def sdk(sandbox, calls, scheme="http", **config):
    """Results of calls (action, params) by the SDK's client."""
    port = sandbox.https_port if scheme == "https" else sandbox.port
    first = {"secretId": sandbox.secret_id, "secretKey": sandbox.secret_key,
             "endpoint": f"127.0.0.1:{port}", "protocol": f"{scheme}://", **config}
    env = {"NODE_EXTRA_CA_CERTS": str(sandbox.ca_file)} if scheme == "https" else {}
    lines = node.run_lines("sdk_ses.js", [first] + [
        {"action": action, "params": params} for action, params in calls], env)
    return [json.loads(line) for line in lines]


TEMPLATE = {"TemplateID": 12345, "TemplateData": json.dumps({"code": "1234"})}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_sends_simple_and_template_mails(sandbox, scheme):
    attachments = [{"FileName": "表.pdf", "Content": b64(bytes(range(256)) * 4096)}]
    results = sdk(sandbox, [
        ("SendEmail", mail(Subject="测试邮件", Attachments=attachments)),
        ("SendEmail", mail(Simple=None, Template=TEMPLATE, TriggerType=1)),
    ], scheme)
    simple, template = (sandbox.mail(r["response"]["MessageId"]) for r in results)
    assert (simple["subject"], simple["text"]) == ("测试邮件", "hello world")
    assert simple["attachments"][0]["size"] == 1 << 20
    assert (template["template_id"], template["text"]) == (12345, "Code 1234")
    last = sandbox.requests()[-1]
    assert last["tls"] == (scheme == "https")
    headers = {name.lower(): value for name, value in last["headers"]}
    assert "SignedHeaders=content-type;host," in headers["authorization"]


def test_each_error_code_comes_back_as_the_exception_it_is(sandbox):
    codes = sandbox.control("GET", "codes")["codes"]
    assert len(codes) > 100
    results = sdk(sandbox, [
        ("SendEmail", mail(Destination=[f"{code}@example.org"])) for code in codes])
    assert [r["code"] for r in results] == codes
    assert all(r["message"] and len(r["requestId"]) == 36 for r in results)


def test_its_own_mistakes_come_back_too(sandbox):
    def code(**config):
        return sdk(sandbox, [("SendEmail", mail())], **config)[0].get("code")

    assert code(secretKey="wrong") == "AuthFailure.SignatureFailure"
    assert code(secretId="AKIDOTHER") == "AuthFailure.SecretIdNotFound"
    assert code(token="unexpected") == "AuthFailure.TokenFailure"
    assert code(region="eu-frankfurt") == "UnsupportedRegion"
    results = sdk(sandbox, [("SendEmail", mail(Destination=[])),
                            ("SendEmail", mail(Surprise=1))])
    assert [r["code"] for r in results] == ["InvalidParameterValue.EmailAddressIsNULL",
                                            "UnknownParameter"]


def test_failures_of_http_are_no_success(sandbox):
    locals_ = ["http-503", "nonjson", "truncate", "reset", "reset-after", "close"]
    results = sdk(sandbox, [
        ("SendEmail", mail(Destination=[f"{local}@example.org"])) for local in locals_])
    assert all("response" not in r for r in results), results
    assert results[0]["httpCode"] == 503


def test_queries(sandbox):
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))
    sent = sandbox.send(Destination=["status@example.org"])["MessageId"]
    query = {"RequestDate": day, "Offset": 0, "Limit": 10, "MessageId": sent}
    status, identities, addresses, templates, template = (r["response"] for r in sdk(sandbox, [
        ("GetSendEmailStatus", query), ("ListEmailIdentities", {}), ("ListEmailAddress", {}),
        ("ListEmailTemplates", {"Limit": 10, "Offset": 0}),
        ("GetEmailTemplate", {"TemplateID": 12345})]))
    row = status["EmailStatusList"][0]
    assert (row["ToEmailAddress"], row["SendStatus"]) == ("status@example.org", 0)
    assert identities["EmailIdentities"][0]["IdentityName"] == "mail.example.com"
    assert addresses["EmailSenders"][0]["EmailAddress"] == "noreply@mail.example.com"
    assert templates["TotalCount"] == 1
    assert template["TemplateContent"]["Text"] == b64("Code {{code}}")
