/* SPDX-License-Identifier: MIT */
/* ses/trust: files that libcurl would read as a whole, and files that it would not. */
#include "ses/trust.h"

#include "identity.h"
#include "test.h"

#include <openssl/pem.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DER_MAX 4096

static int check(const char *file)
{
	struct err err;
	int rc = trust_check("default", file, &err);

	if (rc != 0)
		assert_non_null(strstr(err.text, "account \"default\": CA file "));
	return rc;
}

/* Whether a file of these bytes is taken. */
static int check_text(const char *text, size_t len)
{
	char file[] = "/tmp/sesrelay-trust-XXXXXX";
	int fd = mkstemp(file), rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	rc = check(file);
	unlink(file);
	return rc;
}

/* A block with this name and content, PEM_write() of which is sound whatever it holds. */
static int check_block(const char *name, const unsigned char *der, size_t len)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long text_len;
	int rc;

	assert_true(PEM_write_bio(out, name, "", der, (long)len) > 0);
	text_len = BIO_get_mem_data(out, &text);
	rc = check_text(text, (size_t)text_len);
	BIO_free(out);
	return rc;
}

static size_t make_der(unsigned char der[DER_MAX])
{
	struct authority ca = authority_make();
	int len = i2d_X509(ca.id.cert, NULL);

	assert_true(len > 0 && len < DER_MAX);
	(void)i2d_X509(ca.id.cert, &der);
	authority_free(&ca);
	return (size_t)len;
}

static void takes_files_of_certificates(void **state)
{
	static const char *const names[] = {
		"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"};
	struct authority ca = authority_make();
	unsigned char der[DER_MAX];
	size_t len = make_der(der);

	(void)state;
	assert_int_equal(check(ca.file), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(check_block(names[i], der, len), 0);
	authority_free(&ca);
}

static void takes_no_file_without_a_certificate(void **state)
{
	unsigned char der[DER_MAX];
	size_t len = make_der(der);

	(void)state;
	assert_int_equal(check("/nonexistent/ca.pem"), -1);
	assert_int_equal(check("/tmp"), -1);
	assert_int_equal(check_text("", 0), -1);
	assert_int_equal(check_text("no certificate\n", 15), -1);
	assert_int_equal(check_block("PUBLIC KEY", der, len), -1);
}

static void takes_no_damaged_file(void **state)
{
	struct authority ca = authority_make();
	char text[2 * DER_MAX];
	FILE *in = fopen(ca.file, "r");
	size_t len;

	(void)state;
	assert_non_null(in);
	len = fread(text, 1, sizeof(text) / 2, in);
	fclose(in);
	/* The first is whole, and the second is cut, or has a byte that is not base64. */
	memcpy(text + len, text, len);
	assert_int_equal(check_text(text, 2 * len), 0);
	assert_int_equal(check_text(text, len + len / 2), -1);
	text[len + len / 2] = '!';
	assert_int_equal(check_text(text, 2 * len), -1);
	authority_free(&ca);
}

static void takes_no_damaged_certificate(void **state)
{
	unsigned char der[DER_MAX], deep[DER_MAX];
	size_t len = make_der(der), end = sizeof(deep), version = 0;

	(void)state;
	assert_int_equal(check_block("CERTIFICATE", der, len - 1), -1);
	while (der[version] != 0xA0)
		version++;
	der[version + 1]++; /* its length */
	assert_int_equal(check_block("CERTIFICATE", der, len), -1);
	/* Sequences in sequences, all of them sound: nobody nests that deep. */
	for (unsigned char n = 0; n < 100; n = (unsigned char)(n + 2)) {
		deep[--end] = n;
		deep[--end] = 0x30;
	}
	assert_int_equal(check_block("CERTIFICATE", deep + end, sizeof(deep) - end), -1);
	assert_int_equal(check_block("CERTIFICATE", deep + end + 80, 20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_files_of_certificates),
		cmocka_unit_test(takes_no_file_without_a_certificate),
		cmocka_unit_test(takes_no_damaged_file),
		cmocka_unit_test(takes_no_damaged_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
