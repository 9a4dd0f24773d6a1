# SPDX-License-Identifier: MIT
"""TC3-HMAC-SHA256 by Python's hmac and hashlib: shares no code with any C."""
import hashlib
import hmac
import time

SECRET_ID = "AKIDEXAMPLEEXAMPLEEXAMPLEEXAMPLE0001"
SECRET_KEY = "SKEXAMPLEexampleSKEXAMPLEexample"


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def authorization(body, timestamp, headers, secret_id=SECRET_ID, secret_key=SECRET_KEY,
                  service="ses", method="POST", payload_hash=None):
    """The Authorization value; headers: (lower-case name, value) pairs, sorted."""
    date = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
    names = ";".join(name for name, _ in headers)
    canonical = "".join(f"{name}:{value.strip().lower()}\n" for name, value in headers)
    payload_hash = payload_hash or hashlib.sha256(body).hexdigest()
    request = f"{method}\n/\n\n{canonical}\n{names}\n{payload_hash}"
    scope = f"{date}/{service}/tc3_request"
    to_sign = (f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n"
               f"{hashlib.sha256(request.encode()).hexdigest()}")
    key = _hmac(_hmac(_hmac(("TC3" + secret_key).encode(), date), service), "tc3_request")
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return (f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}")
