# SPDX-License-Identifier: MIT
"""Certificates for tests, made by the openssl command."""
import os
import subprocess


def openssl(*args, stdin=None):
    return subprocess.run(["openssl", *args], input=stdin, capture_output=True, text=True,
                          timeout=60, check=True).stdout


class Authority:
    """A CA in a folder. issue() gives (certificate file, key file)."""

    def __init__(self, folder, name="Test CA"):
        self.folder = str(folder)
        self.file = os.path.join(self.folder, f"{name.replace(' ', '-')}.crt")
        self.key = self.file[:-4] + ".key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", self.key, "-out", self.file)

    def issue(self, host, subject=None, usage="serverAuth", days="2", newkey="ec"):
        stem = os.path.join(self.folder, host.replace("*", "any"))
        key = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
               "rsa": ["-newkey", "rsa:2048"]}[newkey]
        openssl("req", *key, "-nodes", "-subj", subject or f"/CN={host}",
                "-keyout", stem + ".key", "-out", stem + ".csr")
        extensions = stem + ".ext"
        with open(extensions, "w") as f:
            f.write(f"subjectAltName=DNS:{host}\nextendedKeyUsage={usage}\n")
        openssl("x509", "-req", "-in", stem + ".csr", "-CA", self.file, "-CAkey", self.key,
                "-CAcreateserial", "-days", days, "-extfile", extensions,
                "-out", stem + ".crt")
        return stem + ".crt", stem + ".key"


def fingerprint(file):
    """SHA-256 of the whole certificate, lower-case hexadecimal."""
    text = openssl("x509", "-in", file, "-noout", "-fingerprint", "-sha256")
    return text.split("=")[1].strip().replace(":", "").lower()
