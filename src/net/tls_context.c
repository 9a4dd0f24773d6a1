/* SPDX-License-Identifier: MIT */
/* Certificates, profiles, tickets: OpenSSL contexts out of a listener's options. */
#include "net/tls_context.h"

#include "core/digest.h"
#include "core/mem.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdlib.h>

/* A certificate of the listener; clients that ask for one of its names get it. */
struct identity {
	SSL_CTX *ssl;
	X509 *certificate; /* borrowed: of ssl */
};

struct tls_context {
	unsigned refs;
	const struct tls_tickets *tickets; /* borrowed; may be NULL */
	struct identity *list;
	size_t n;
	int64_t expires;
};

/* What is being built, for the functions that fail. */
struct building {
	const struct conf_listener *listener;
	const struct tls_files *files;
	struct err *err;
};

/* The first reason of OpenSSL's queue is the one that tells; it is empty afterwards. */
static int fail(const struct building *b, const char *key, const char *path)
{
	unsigned long code = ERR_peek_error();
	const char *why = code != 0 ? ERR_reason_error_string(code) : NULL;

	(void)err_set(b->err, "listener \"%s\": %s %s: %s", b->listener->name, key, path,
		why != NULL ? why : "OpenSSL does not take it");
	ERR_clear_error();
	return -1;
}

static BIO *open_file(const struct building *b, const char *path)
{
	struct span s = b->files->get(b->files->arg, path);

	return BIO_new_mem_buf(s.p, (int)s.len);
}

/* --- profiles ----------------------------------------------------------------------------- */

/* After Mozilla's recommendations of the same names ("legacy" is their "old"). Security level
 * 0 is what OpenSSL 3 asks for before it speaks TLS 1.0 and 1.1. */
static const struct profile {
	int version_min;
	const char *ciphers; /* up to TLS 1.2 */
	int level;
	uint64_t options;
} profiles[CONF_TLS_PROFILES] = {
	[CONF_TLS_MODERN] = {TLS1_3_VERSION, "ECDHE+AESGCM", 2, 0},
	[CONF_TLS_INTERMEDIATE] = {TLS1_2_VERSION,
		"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!PSK", 2, 0},
	[CONF_TLS_LEGACY] = {TLS1_VERSION, "DEFAULT:!aNULL:!PSK:!SRP:@SECLEVEL=0", 0,
		SSL_OP_CIPHER_SERVER_PREFERENCE},
};

static bool set_profile(SSL_CTX *ssl, enum conf_tls_profile profile)
{
	const struct profile *p = &profiles[profile];

	SSL_CTX_set_security_level(ssl, p->level);
	SSL_CTX_set_options(ssl, p->options | SSL_OP_NO_COMPRESSION |
					 SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_PRIORITIZE_CHACHA);
	return SSL_CTX_set_min_proto_version(ssl, p->version_min) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, p->ciphers) == 1 &&
	       SSL_CTX_set_dh_auto(ssl, 1) == 1;
}

/* --- tickets ------------------------------------------------------------------------------ */

static bool set_ticket_key(EVP_MAC_CTX *mac, const unsigned char *key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(
			OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key, 32),
		OSSL_PARAM_construct_utf8_string(
			OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* The key that a ticket was made with; n if there is none. */
static size_t find_ticket_key(const struct tls_tickets *t, const unsigned char *name)
{
	size_t i = 0;

	while (i < t->n && memcmp(t->key[i], name, TLS_TICKET_NAME_LEN) != 0)
		i++;
	return i;
}

static int make_ticket(const struct tls_tickets *t, unsigned char *name,
	unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const unsigned char *key = t->key[0];

	if (t->n == 0)
		return 0;
	memcpy(name, key, TLS_TICKET_NAME_LEN);
	if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1 ||
		EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL,
			key + TLS_TICKET_NAME_LEN + 32, iv) != 1 ||
		!set_ticket_key(mac, key + TLS_TICKET_NAME_LEN))
		return -1;
	return 1;
}

/* 2 asks for a new ticket: this one's key will soon be gone. */
static int open_ticket(const struct tls_tickets *t, const unsigned char *name,
	const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	size_t i = find_ticket_key(t, name);
	const unsigned char *key;

	if (i == t->n)
		return 0;
	key = t->key[i];
	if (!set_ticket_key(mac, key + TLS_TICKET_NAME_LEN) ||
		EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL,
			key + TLS_TICKET_NAME_LEN + 32, iv) != 1)
		return -1;
	return i == 0 ? 1 : 2;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 goes on without a ticket. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
	EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int make)
{
	const struct tls_context *ctx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (ctx->tickets == NULL)
		return 0;
	return make ? make_ticket(ctx->tickets, name, iv, cipher, mac)
	            : open_ticket(ctx->tickets, name, iv, cipher, mac);
}

/* A session may be resumed where it was made: at this listener, and under the same CAs. */
static bool set_session_id(SSL_CTX *ssl, const struct building *b)
{
	struct span ca = b->files->get(b->files->arg, b->listener->tls_client_ca);
	struct digest *d = digest_new();
	uint8_t id[DIGEST_LEN];

	digest_update(d, b->listener->name, strlen(b->listener->name) + 1);
	digest_update(d, ca.p, ca.len);
	digest_final(d, id);
	digest_free(&d);
	return SSL_CTX_set_session_id_context(ssl, id, sizeof(id)) == 1;
}

/* --- files -------------------------------------------------------------------------------- */

/* A key with a passphrase: there is no terminal to type it on. arg: a bool that tells. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	if (arg != NULL)
		*(bool *)arg = true;
	return -1;
}

static bool take_chain(SSL_CTX *ssl, BIO *in)
{
	X509 *x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
	bool ok = x != NULL && SSL_CTX_use_certificate(ssl, x) == 1;

	X509_free(x);
	while (ok && (x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ssl, x) != 1) {
			X509_free(x);
			return false;
		}
	if (ok && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	if (ok)
		ERR_clear_error();
	return ok;
}

static int load_certificate(
	const struct building *b, struct identity *id, const char *path)
{
	BIO *in = open_file(b, path);
	bool ok = in != NULL && take_chain(id->ssl, in);

	BIO_free(in);
	if (!ok)
		return fail(b, "tls_certificate", path);
	id->certificate = SSL_CTX_get0_certificate(id->ssl);
	return 0;
}

static int load_key(const struct building *b, const struct identity *id, const char *path)
{
	BIO *in = open_file(b, path);
	bool locked = false, ok;
	EVP_PKEY *key = NULL;

	if (in != NULL)
		key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, &locked);
	ok = key != NULL && SSL_CTX_use_PrivateKey(id->ssl, key) == 1 &&
	     SSL_CTX_check_private_key(id->ssl) == 1;
	EVP_PKEY_free(key);
	BIO_free(in);
	if (!locked)
		return ok ? 0 : fail(b, "tls_key", path);
	ERR_clear_error();
	return err_set(b->err,
		"listener \"%s\": tls_key %s has a passphrase; write a key without one",
		b->listener->name, path);
}

/* The names of the CAs are sent to the client, which picks its certificate by them. */
static bool take_authorities(SSL_CTX *ssl, BIO *in)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	bool any = false;
	X509 *x;

	while ((x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL) {
		bool ok = X509_STORE_add_cert(store, x) == 1 &&
		          SSL_CTX_add_client_CA(ssl, x) == 1;

		X509_free(x);
		if (!ok)
			return false;
		any = true;
	}
	if (!any || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

/* Whether it is a good one is asked later: a client that sends another is a client without
 * a certificate (Postfix sends its own to everybody). */
static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int load_authorities(const struct building *b, SSL_CTX *ssl)
{
	const char *path = b->listener->tls_client_ca;
	BIO *in;
	bool ok;

	if (path[0] == '\0')
		return 0;
	in = open_file(b, path);
	ok = in != NULL && take_authorities(ssl, in);
	BIO_free(in);
	if (!ok)
		return fail(b, "tls_client_ca", path);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, accept_any);
	return 0;
}

/* --- identities --------------------------------------------------------------------------- */

/* SNI (RFC 6066 §3): the first certificate that has the name; the first of all if none
 * does, for many clients name the host by which they reach us, whatever that is. */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_context *ctx = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	for (size_t i = 0; name != NULL && i < ctx->n; i++)
		if (X509_check_host(ctx->list[i].certificate, name, 0, 0, NULL) == 1) {
			SSL_set_SSL_CTX(ssl, ctx->list[i].ssl);
			break;
		}
	return SSL_TLSEXT_ERR_OK;
}

static bool set_up(struct tls_context *ctx, SSL_CTX *ssl, const struct building *b)
{
	SSL_CTX_set_app_data(ssl, ctx);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ssl, ctx);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
	return set_profile(ssl, b->listener->tls_profile) && set_session_id(ssl, b);
}

static void note_expiry(struct tls_context *ctx, const X509 *certificate)
{
	int days = 0, seconds = 0;
	int64_t end;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);

	if (epoch == NULL || ASN1_TIME_diff(&days, &seconds, epoch,
				     X509_get0_notAfter(certificate)) != 1)
		ERR_clear_error();
	ASN1_TIME_free(epoch);
	end = (int64_t)days * 86400 + seconds;
	if (ctx->expires == 0 || end < ctx->expires)
		ctx->expires = end;
}

static int add_identity(struct tls_context *ctx, const struct building *b, size_t i)
{
	const struct conf_listener *l = b->listener;
	const char *certificate = l->tls_certificate.items[i];
	const char *key = l->tls_key.n > 0 ? l->tls_key.items[i] : certificate;
	struct identity *id = &ctx->list[ctx->n++];

	id->ssl = SSL_CTX_new(TLS_server_method());
	if (id->ssl == NULL || !set_up(ctx, id->ssl, b))
		return fail(b, "tls_profile", "");
	if (load_certificate(b, id, certificate) < 0 || load_key(b, id, key) < 0)
		return -1;
	note_expiry(ctx, id->certificate);
	return load_authorities(b, id->ssl);
}

int tls_context_new(const struct conf_listener *l, const struct tls_files *files,
	const struct tls_tickets *tickets, struct tls_context **out, struct err *err)
{
	const struct building b = {.listener = l, .files = files, .err = err};
	struct tls_context *ctx = mem_new(1, sizeof(*ctx));

	ctx->refs = 1;
	ctx->tickets = tickets;
	ctx->list = mem_new(l->tls_certificate.n, sizeof(*ctx->list));
	ERR_clear_error();
	for (size_t i = 0; i < l->tls_certificate.n; i++)
		if (add_identity(ctx, &b, i) < 0) {
			tls_context_unref(&ctx);
			return -1;
		}
	*out = ctx;
	return 0;
}

struct tls_context *tls_context_ref(struct tls_context *ctx)
{
	ctx->refs++;
	return ctx;
}

void tls_context_unref(struct tls_context **ctxp)
{
	struct tls_context *ctx = *ctxp;

	*ctxp = NULL;
	if (ctx == NULL || --ctx->refs > 0)
		return;
	for (size_t i = 0; i < ctx->n; i++)
		SSL_CTX_free(ctx->list[i].ssl);
	free(ctx->list);
	free(ctx);
}

int64_t tls_context_expires(const struct tls_context *ctx)
{
	return ctx->expires;
}

void *tls_context_ssl(const struct tls_context *ctx)
{
	return ctx->list[0].ssl;
}
