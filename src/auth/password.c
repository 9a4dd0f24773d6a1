/* SPDX-License-Identifier: MIT */
/* Passwords and their hashes. */
#include "auth/password.h"

#include "core/secret.h"
#include "core/str.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

/* The shortest that those methods write after their last '$': bcrypt's salt and hash are
 * 53, yescrypt's hash 43, SHA-512's 86. */
#define DIGEST_MIN 43

_Static_assert(PASSWORD_MAX == CRYPT_MAX_PASSPHRASE_SIZE, "libcrypt's own limit");
_Static_assert(PASSWORD_HASH_MAX == CRYPT_OUTPUT_SIZE, "libcrypt's own limit");

/* crypt(3), into a place of its own. */
static bool hash_with(
	const char *password, const char *setting, char hash[PASSWORD_HASH_MAX])
{
	void *room = NULL;
	int size = 0;
	const char *made = crypt_ra(password, setting, &room, &size);
	/* On failure libcrypt returns NULL or a text that begins with '*'. */
	bool ok =
		made != NULL && made[0] != '*' && str_copy(hash, PASSWORD_HASH_MAX, made);

	if (room != NULL)
		secret_wipe(room, (size_t)size);
	free(room);
	return ok;
}

/* Whether a client could send it. */
static bool is_possible(struct span password)
{
	return password.len > 0 && password.len < PASSWORD_MAX &&
	       !span_has_control(password);
}

int password_hash(const char *password, char hash[PASSWORD_HASH_MAX], struct err *err)
{
	char *setting;
	bool ok;

	if (!is_possible(span_of(password)))
		return err_set(err,
			"a password has 1 to %d bytes, and no control characters",
			PASSWORD_MAX - 1);
	setting = crypt_gensalt_ra("$y$", 0, NULL, 0);
	if (setting == NULL)
		return err_errno(err, "cannot make a salt");
	ok = hash_with(password, setting, hash);
	free(setting);
	return ok ? 0 : err_set(err, "libcrypt cannot make a yescrypt hash");
}

int password_check_hash(const char *hash, struct err *err)
{
	const char *digest = strrchr(hash, '$');

	if (hash[0] == '$' && strlen(hash) < PASSWORD_HASH_MAX &&
		strlen(digest + 1) >= DIGEST_MIN &&
		crypt_checksalt(hash) == CRYPT_SALT_OK)
		return 0;
	return err_set(err, "no hash of a strong method follows the name; write what "
			    "\"sesrelay hash-password\" prints, or * for a user without "
			    "a password");
}

/* Reads all of both, wherever they differ. */
static bool is_same(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differs = 0;

	if (len != strlen(b))
		return false;
	for (size_t i = 0; i < len; i++)
		differs |= (unsigned char)(a[i] ^ b[i]);
	return differs == 0;
}

bool password_matches(const char *password, const char *hash)
{
	char made[PASSWORD_HASH_MAX];
	bool same = hash_with(password, hash, made) && is_same(made, hash);

	secret_wipe(made, sizeof(made));
	return same;
}
