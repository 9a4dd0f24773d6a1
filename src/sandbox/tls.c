/* SPDX-License-Identifier: MIT */
/* Certificates for https. */
#include "sandbox/tls.h"

#include "sandbox/mem.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define YEARS_10 (10L * 365 * 86400)

static char *ssl_failed(const char *what)
{
	char text[256];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return mem_printf("%s: %s", what, text);
}

SSL_CTX *tls_context(const char *cert, const char *key, char **why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL) {
		*why = ssl_failed("TLS");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		*why = ssl_failed(cert);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		*why = ssl_failed(key);
	else if (SSL_CTX_check_private_key(ctx) != 1)
		*why = ssl_failed("the key does not belong to the certificate");
	if (*why != NULL) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	int ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok ? 0 : -1;
}

struct extension {
	int nid;
	const char *value;
};

static const struct extension ca_extensions[] = {
	{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
	{NID_key_usage, "critical,keyCertSign,cRLSign"},
	{NID_subject_key_identifier, "hash"},
	{0},
};

static const struct extension server_extensions[] = {
	{NID_basic_constraints, "critical,CA:FALSE"},
	{NID_key_usage, "critical,digitalSignature"},
	{NID_ext_key_usage, "serverAuth"},
	{NID_subject_key_identifier, "hash"},
	{NID_authority_key_identifier, "keyid"},
	{NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1"},
	{0},
};

struct identity {
	X509 *cert;
	EVP_PKEY *key;
};

static void identity_clear(struct identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
	*id = (struct identity){0};
}

/* A P-256 key and a certificate for it; issuer NULL: signed by itself. */
static int make_identity(struct identity *id, const char *name,
	const struct extension *ext, const struct identity *issuer)
{
	const struct identity *by = issuer != NULL ? issuer : id;
	X509_NAME *subject;

	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	if (id->key == NULL || id->cert == NULL)
		return -1;
	subject = X509_get_subject_name(id->cert);
	if (X509_set_version(id->cert, 2) != 1 ||
		ASN1_INTEGER_set_uint64(X509_get_serialNumber(id->cert),
			((uint64_t)time(NULL) << 16) + (issuer != NULL ? 2 : 1)) != 1 ||
		X509_gmtime_adj(X509_getm_notBefore(id->cert), -86400) == NULL ||
		X509_gmtime_adj(X509_getm_notAfter(id->cert), YEARS_10) == NULL ||
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
			(const unsigned char *)name, -1, -1, 0) != 1 ||
		X509_set_issuer_name(id->cert, X509_get_subject_name(by->cert)) != 1 ||
		X509_set_pubkey(id->cert, id->key) != 1)
		return -1;
	for (; ext->value != NULL; ext++) {
		if (add_extension(id->cert, by->cert, ext->nid, ext->value) != 0)
			return -1;
	}
	return X509_sign(id->cert, by->key, EVP_sha256()) > 0 ? 0 : -1;
}

/* Writes to a new file and moves it into place; cert or key is NULL. */
static int write_pem(
	const char *dir, const char *name, X509 *cert, EVP_PKEY *key, char **why)
{
	char *path = mem_printf("%s/%s", dir, name), *fresh = mem_printf("%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		key != NULL ? 0600 : 0644);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int ok = 0;

	if (f != NULL) {
		ok = cert != NULL
		             ? PEM_write_X509(f, cert)
		             : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
		ok = (fclose(f) == 0) && ok && rename(fresh, path) == 0;
	}
	if (!ok)
		*why = mem_printf("cannot write %s: %s", path, strerror(errno));
	free(fresh);
	free(path);
	return ok ? 0 : -1;
}

int tls_make_certificates(const char *dir, char **why)
{
	struct identity ca = {0}, server = {0};
	int rc = -1;

	if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
		*why = mem_printf("cannot make %s: %s", dir, strerror(errno));
		return -1;
	}
	if (make_identity(&ca, "sesrelay-sandbox CA", ca_extensions, NULL) != 0 ||
		make_identity(&server, "localhost", server_extensions, &ca) != 0) {
		*why = ssl_failed("cannot make certificates");
		goto out;
	}
	if (write_pem(dir, "ca.pem", ca.cert, NULL, why) == 0 &&
		write_pem(dir, "cert.pem", server.cert, NULL, why) == 0 &&
		write_pem(dir, "key.pem", NULL, server.key, why) == 0)
		rc = 0;
out:
	identity_clear(&ca);
	identity_clear(&server);
	return rc;
}
