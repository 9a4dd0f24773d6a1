/* SPDX-License-Identifier: MIT */
/* Certificates made for one test. */
#include "identity.h"

#include "core/str.h"

#include "test.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
}

struct identity identity_make(struct wish w, const struct identity *issuer)
{
	static long serial = 1;
	struct identity id = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *name = X509_get_subject_name(id.cert);

	X509_set_version(id.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), w.from);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), w.until);
	X509_set_pubkey(id.cert, id.key);
	X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)w.name, -1, -1, 0);
	X509_set_issuer_name(
		id.cert, issuer != NULL ? X509_get_subject_name(issuer->cert) : name);
	add_extension(id.cert, NID_basic_constraints,
		w.authority ? "critical,CA:TRUE" : "CA:FALSE");
	add_extension(id.cert, NID_subject_alt_name, w.name);
	assert_true(X509_sign(id.cert, issuer != NULL ? issuer->key : id.key,
			    EVP_sha256()) > 0);
	return id;
}

void identity_free(struct identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
}

SSL_CTX *identity_server(const struct identity *id)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate(tls, id->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(tls, id->key), 1);
	return tls;
}

struct authority authority_make(void)
{
	struct authority a = {identity_make((struct wish){"DNS:ca.example.com",
						    -IDENTITY_DAY, IDENTITY_DAY, true},
				      NULL),
		""};
	FILE *f;
	int fd;

	assert_true(str_copy(a.file, sizeof(a.file), "/tmp/sesrelay-test-ca-XXXXXX"));
	fd = mkstemp(a.file);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_int_equal(PEM_write_X509(f, a.id.cert), 1);
	fclose(f);
	return a;
}

void authority_free(struct authority *a)
{
	unlink(a->file);
	identity_free(&a->id);
}
