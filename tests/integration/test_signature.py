# SPDX-License-Identifier: MIT
"""The gateway's signer, the official SDK's, and Python's: the same Authorization."""
import base64
import json
import random
import subprocess

import node
import sandbox as box
import tc3

COUNT = 1000
DAY = 86400
HOSTS = ["ses.tencentcloudapi.com", "ses.intl.tencentcloudapi.com",
         "ses.ap-guangzhou.tencentcloudapi.com", "localhost"]
TYPES = ["application/json", "application/json; charset=utf-8"]
WORDS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def payload(rng):
    """Empty, small JSON with text of all planes, bytes of any kind, or large."""
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice([b"", b"{}", b"\0", b"\r\n", b" {} "])
    if kind == 1:
        return rng.randbytes(rng.randrange(1, 200))
    if kind == 2 and rng.randrange(20) == 0:
        return rng.randbytes(300000)
    planes = [(0x20, 0x7e), (0x4e00, 0x9fff), (0x1f300, 0x1f6ff), (0, 0x1f)]
    text = "".join(chr(rng.randint(*rng.choice(planes))) for _ in range(rng.randrange(80)))
    return json.dumps({"Subject": text}, ensure_ascii=rng.randrange(2) == 0).encode()


def timestamp(rng):
    """Any second of 2001 to 2065, every other one beside midnight UTC."""
    t = rng.randrange(10**9, 3 * 10**9)
    if rng.randrange(2):
        t = t // DAY * DAY + rng.choice([-1, 0, 1])
    return t


def jobs(action):
    rng = random.Random(20201002)
    for _ in range(COUNT):
        yield {
            "payload": base64.b64encode(payload(rng)).decode(),
            "timestamp": timestamp(rng), "host": rng.choice(HOSTS),
            "contentType": rng.choice(TYPES), "action": action,
            "secretId": "AKID" + "".join(rng.choices(WORDS, k=rng.choice([4, 32]))),
            "secretKey": "".join(rng.choices(WORDS + "*", k=rng.choice([1, 32, 64]))),
        }


def ours(batch):
    result = subprocess.run([str(box.BUILD / "tests/tools/sign_dump")], text=True,
                            input="".join(json.dumps(j) + "\n" for j in batch),
                            capture_output=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def pythons(batch):
    for job in batch:
        headers = [("content-type", job["contentType"]), ("host", job["host"])]
        if job["action"]:
            headers.append(("x-tc-action", job["action"]))
        yield tc3.authorization(base64.b64decode(job["payload"]), job["timestamp"], headers,
                                job["secretId"], job["secretKey"])


def test_signs_a_thousand_payloads_as_the_official_sdk_does():
    batch = list(jobs(""))
    theirs = node.run_lines("sign.js", batch)
    assert len(theirs) == COUNT
    assert ours(batch) == theirs


def test_signs_with_the_action_as_python_does():
    batch = list(jobs("SendEmail"))
    signed = ours(batch)
    assert "SignedHeaders=content-type;host;x-tc-action" in signed[0]
    assert signed == list(pythons(batch))
