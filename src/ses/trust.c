/* SPDX-License-Identifier: MIT */
/* A file of CAs, read by the library that will use it. */
#include "ses/trust.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <unistd.h>

static int refuse(const char *account, const char *file, struct err *err)
{
	char why[256] = "no memory";

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
