/* SPDX-License-Identifier: MIT */
/* CAs, read by the library that will use them. */
#include "ses/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <limits.h>
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

int trust_check(const char *account, const char *file, struct err *err)
{
	X509_STORE *store;
	int rc = 0;

	if (access(file, R_OK) < 0)
		return err_errno(err, "account \"%s\": CA file %s", account, file);
	ERR_clear_error();
	store = X509_STORE_new();
	if (store == NULL || X509_STORE_load_file(store, file) != 1)
		rc = refuse(account, file, err);
	X509_STORE_free(store);
	ERR_clear_error();
	return rc;
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
	int rc = 0;

	ERR_clear_error();
	if (pem.len > 0 && pem.len <= INT_MAX)
		in = BIO_new_mem_buf(pem.p, (int)pem.len);
	if (in == NULL || count_certificates(in) <= 0)
		rc = refuse(account, file, err);
	BIO_free(in);
	ERR_clear_error();
	return rc;
}
