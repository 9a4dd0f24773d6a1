/* SPDX-License-Identifier: MIT */
/* TLS of one connection, by OpenSSL. */
#include "net/tls.h"

#include "core/digest.h"
#include "core/mem.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct tls {
	struct tls_context *ctx;
	SSL *ssl;
	bool shaken;
	bool ended; /* failed, or the client's end was read: SSL_*() is not called again */
	bool wants_write;
	const char *error; /* OpenSSL's constant text, or ours */
};

struct tls *tls_new(struct tls_context *ctx, int fd)
{
	struct tls *t = mem_new(1, sizeof(*t));

	t->ctx = tls_context_ref(ctx);
	t->ssl = SSL_new(tls_context_ssl(ctx));
	if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		ERR_clear_error();
		tls_free(&t);
		return NULL;
	}
	SSL_set_accept_state(t->ssl);
	return t;
}

void tls_free(struct tls **tp)
{
	struct tls *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	tls_context_unref(&t->ctx);
	free(t);
}

/* Of a call that did not succeed: 1 for "later", 0 for the client's end, -1 for broken. */
static int judge(struct tls *t, int rc)
{
	unsigned long code;
	const char *why;

	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ: t->wants_write = false; return 1;
	case SSL_ERROR_WANT_WRITE: t->wants_write = true; return 1;
	case SSL_ERROR_ZERO_RETURN: t->ended = true; return 0;
	default: break;
	}
	code = ERR_peek_error();
	why = code != 0 ? ERR_reason_error_string(code) : NULL;
	t->error = why != NULL ? why : "connection closed";
	t->ended = true;
	ERR_clear_error();
	return -1;
}

enum tls_progress tls_handshake(struct tls *t)
{
	int rc;

	if (t->ended)
		return TLS_FAILED;
	ERR_clear_error();
	rc = SSL_do_handshake(t->ssl);
	if (rc == 1) {
		t->shaken = true;
		return TLS_DONE;
	}
	return judge(t, rc) == 1 ? TLS_HANDSHAKE : TLS_FAILED;
}

ssize_t tls_read(struct tls *t, void *bytes, size_t len)
{
	int rc, n;

	if (t->ended)
		return 0;
	ERR_clear_error();
	rc = SSL_read(t->ssl, bytes, len < INT_MAX ? (int)len : INT_MAX);
	if (rc > 0)
		return rc;
	n = judge(t, rc);
	if (n == 0)
		return 0;
	errno = n == 1 ? EAGAIN : ECONNRESET;
	return -1;
}

ssize_t tls_write(struct tls *t, const void *bytes, size_t len)
{
	int rc;

	if (t->ended) {
		errno = ECONNRESET;
		return -1;
	}
	ERR_clear_error();
	rc = SSL_write(t->ssl, bytes, len < INT_MAX ? (int)len : INT_MAX);
	if (rc > 0)
		return rc;
	errno = judge(t, rc) == 1 ? EAGAIN : ECONNRESET;
	return -1;
}

bool tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

void tls_close(struct tls *t)
{
	if (!t->shaken || t->ended)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	t->ended = true;
}

const char *tls_error(const struct tls *t)
{
	return t->error != NULL ? t->error : "the client left";
}

/* --- info --------------------------------------------------------------------------------- */

static void copy_subject(X509 *x, struct tls_info *info)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (out != NULL &&
		X509_NAME_print_ex(out, X509_get_subject_name(x), 0,
			XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0 &&
		(len = BIO_get_mem_data(out, &text)) > 0 &&
		(size_t)len < sizeof(info->certificate.subject) &&
		memchr(text, '\0', (size_t)len) == NULL)
		(void)span_copy(info->certificate.subject,
			sizeof(info->certificate.subject), span_make(text, (size_t)len));
	BIO_free(out);
}

static void copy_certificate(X509 *x, struct tls_info *info)
{
	uint8_t digest[DIGEST_LEN];
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);

	if (len <= 0)
		return;
	digest_sha256(der, (size_t)len, digest);
	digest_hex(digest, info->certificate.sha256);
	OPENSSL_free(der);
	copy_subject(x, info);
}

/* Resumed sessions carry certificate and verdict in their ticket. */
static void find_certificate(const SSL *ssl, struct tls_info *info)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	long verdict = SSL_get_verify_result(ssl);

	if (x == NULL)
		return;
	if (verdict != X509_V_OK)
		info->cert_error = X509_verify_cert_error_string(verdict);
	else
		copy_certificate(x, info);
}

void tls_get_info(const struct tls *t, struct tls_info *info)
{
	const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	*info = (struct tls_info){.resumed = SSL_session_reused(t->ssl) == 1};
	(void)str_copy(info->version, sizeof(info->version), SSL_get_version(t->ssl));
	(void)str_copy(info->cipher, sizeof(info->cipher),
		SSL_CIPHER_get_name(SSL_get_current_cipher(t->ssl)));
	if (name != NULL)
		str_ascii_line(
			info->server_name, sizeof(info->server_name), span_of(name));
	find_certificate(t->ssl, info);
	ERR_clear_error();
}
