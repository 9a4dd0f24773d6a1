/* SPDX-License-Identifier: MIT */
/* `sesrelay hash-password`. */
#include "cli/hash_password.h"

#include "auth/password.h"
#include "core/secret.h"

#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Byte by byte, for there is no stdio buffer then in which the password would stay. */
static int read_line(int fd, char line[PASSWORD_MAX], struct err *err)
{
	size_t n = 0;
	char c;
	ssize_t got;

	while ((got = read(fd, &c, 1)) == 1 && c != '\n') {
		if (n == PASSWORD_MAX - 1 || c == '\0')
			return err_set(err, "a password has at most %d bytes, and no NUL",
				PASSWORD_MAX - 1);
		line[n++] = c;
	}
	if (got < 0)
		return err_errno(err, "cannot read the password");
	if (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	return 0;
}

static int ask(int fd, const char *prompt, char line[PASSWORD_MAX], struct err *err)
{
	int rc;

	fputs(prompt, stderr);
	rc = read_line(fd, line, err);
	fputc('\n', stderr);
	return rc;
}

static int ask_twice(int fd, char line[PASSWORD_MAX], struct err *err)
{
	char again[PASSWORD_MAX] = "";
	int rc = ask(fd, "Password: ", line, err);

	if (rc == 0)
		rc = ask(fd, "Again: ", again, err);
	if (rc == 0 && strcmp(line, again) != 0)
		rc = err_set(err, "the passwords are not the same");
	secret_wipe(again, sizeof(again));
	return rc;
}

/* Signals wait, or ^C would leave a terminal that shows nothing that is typed. */
static int read_from_terminal(int fd, char line[PASSWORD_MAX], struct err *err)
{
	struct termios shown, hidden;
	sigset_t ending, before;
	int rc;

	if (tcgetattr(fd, &shown) < 0)
		return err_errno(err, "cannot turn the terminal's echo off");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &ending, &before);
	if (tcsetattr(fd, TCSAFLUSH, &hidden) < 0)
		rc = err_errno(err, "cannot turn the terminal's echo off");
	else
		rc = ask_twice(fd, line, err);
	(void)tcsetattr(fd, TCSAFLUSH, &shown);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int hash_password(int fd, FILE *out, struct err *err)
{
	char line[PASSWORD_MAX] = "", hash[PASSWORD_HASH_MAX];
	int rc =
		isatty(fd) ? read_from_terminal(fd, line, err) : read_line(fd, line, err);

	if (rc == 0)
		rc = password_hash(line, hash, err);
	secret_wipe(line, sizeof(line));
	if (rc == 0 && (fprintf(out, "%s\n", hash) < 0 || fflush(out) != 0))
		rc = err_errno(err, "cannot print the hash");
	return rc;
}
