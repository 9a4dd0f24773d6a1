/* SPDX-License-Identifier: MIT */
/* CAs, read by the library that will use them. */
#include "ses/trust.h"

#include "core/attr.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static int refuse(const char *account, const char *file, struct err *err)
{
	char why[256] = "no certificate in it";

	if (ERR_peek_last_error() != 0)
		ERR_error_string_n(ERR_peek_last_error(), why, sizeof(why));
	return err_set(err,
		"account \"%s\": CA file %s is no file of PEM certificates: %s", account,
		file, why);
}

/* Nesting in a certificate; real ones have about ten. */
#define DER_DEPTH_MAX 32

/* Whether every element ends inside the one that it belongs to. */
static bool is_der(const unsigned char *p, long len, unsigned depth)
{
	while (len > 0) {
		const unsigned char *inside = p;
		long inside_len;
		int tag, class, bits;

		/* 0x80: an error; 1: no length, which DER does not allow. */
		bits = ASN1_get_object(&inside, &inside_len, &tag, &class, len);
		if ((bits & 0x81) != 0 || depth > DER_DEPTH_MAX)
			return false;
		if ((bits & V_ASN1_CONSTRUCTED) != 0 &&
			!is_der(inside, inside_len, depth + 1))
			return false;
		len -= (inside - p) + inside_len;
		p = inside + inside_len;
	}
	return true;
}

/* 1: a certificate; 0: something else, which libcurl passes over; -1: a damaged one. */
static int check_block(const char *name, const unsigned char *der, long len)
{
	static const char *const names[] = {
		PEM_STRING_X509, PEM_STRING_X509_OLD, PEM_STRING_X509_TRUSTED};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return len > 0 && is_der(der, len, 0) ? 1 : -1;
	return 0;
}

/* Of PEM blocks; -1 if one is damaged. */
static int count_blocks(BIO *in)
{
	char *name, *header;
	unsigned char *der;
	long len;
	int n = 0, rc = 0;

	while (rc >= 0 && PEM_read_bio(in, &name, &header, &der, &len) == 1) {
		rc = check_block(name, der, len);
		n += rc;
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	if (rc >= 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
		return n;
	return -1;
}

/* -1 if in is NULL or holds no certificate. Frees it. */
static int expect_some(BIO *in, int (*count)(BIO *in), const char *account,
	const char *file, struct err *err)
{
	int rc = in != NULL && count(in) > 0 ? 0 : refuse(account, file, err);

	BIO_free(in);
	ERR_clear_error();
	return rc;
}

int trust_check(const char *account, const char *file, struct err *err)
{
	if (access(file, R_OK) < 0)
		return err_errno(err, "account \"%s\": CA file %s", account, file);
	ERR_clear_error();
	return expect_some(BIO_new_file(file, "r"), count_blocks, account, file, err);
}

/* As libcurl counts them: what has a name and no certificate is passed over. */
static int count_certificates(BIO *in)
{
	STACK_OF(X509_INFO) *list = PEM_X509_INFO_read_bio(in, NULL, NULL, NULL);
	int n = 0;

	if (list == NULL)
		return -1;
	for (int i = 0; i < sk_X509_INFO_num(list); i++)
		if (sk_X509_INFO_value(list, i)->x509 != NULL)
			n++;
	sk_X509_INFO_pop_free(list, X509_INFO_free);
	return n;
}

int trust_check_pem(
	const char *account, const char *file, struct span pem, struct err *err)
{
	BIO *in = NULL;

	ERR_clear_error();
	if (pem.len > 0 && pem.len <= INT_MAX)
		in = BIO_new_mem_buf(pem.p, (int)pem.len);
	return expect_some(in, count_certificates, account, file, err);
}
