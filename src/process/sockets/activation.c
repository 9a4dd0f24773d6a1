/* SPDX-License-Identifier: MIT */
/* Sockets that the service manager opened. */
#include "process/sockets/activation.h"

#include "core/mem.h"
#include "core/str.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3
#define FDS_MAX  256

/* What the service manager calls a socket without a name. */
#define NO_NAME "unknown"

struct inherited {
	int fd;
	char name[64];
};

struct activation {
	struct inherited list[FDS_MAX];
	size_t n;
};

static unsigned long number(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	unsigned long n;

	if (text == NULL || !ascii_isdigit(text[0]))
		return 0;
	n = strtoul(text, &end, 10);
	return *end == '\0' ? n : 0;
}

static int option_of(int fd, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

static int check(const struct inherited *p, struct err *err)
{
	int domain = option_of(p->fd, SO_DOMAIN);
	bool known = domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX;

	if (!known || option_of(p->fd, SO_TYPE) != SOCK_STREAM ||
		option_of(p->fd, SO_ACCEPTCONN) != 1)
		return err_set(err,
			"descriptor %d, passed as \"%s\", is no listening stream socket; "
			"write ListenStream= and Accept=no in the .socket unit",
			p->fd, p->name);
	if (fcntl(p->fd, F_SETFD, FD_CLOEXEC) != 0 ||
		fcntl(p->fd, F_SETFL, O_NONBLOCK) != 0)
		return err_errno(err, "cannot use descriptor %d", p->fd);
	return 0;
}

/* The part of $LISTEN_FDNAMES before the next ':', which is taken too. */
static void take_name(const char **names, char name[64])
{
	size_t len = strcspn(*names, ":");

	if (!span_copy(name, 64, span_make(*names, len)) || len == 0)
		(void)str_copy(name, 64, NO_NAME);
	*names += len + ((*names)[len] == ':');
}

static int take_all(struct activation *a, size_t n, const char *names, struct err *err)
{
	if (n > FDS_MAX)
		return err_set(
			err, "%zu sockets were passed; at most %d can be", n, FDS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct inherited *p = &a->list[a->n++];

		p->fd = FIRST_FD + (int)i;
		take_name(&names, p->name);
		if (check(p, err) != 0)
			return -1;
	}
	return 0;
}

int activation_new(struct activation **out, struct err *err)
{
	static const char *const variables[] = {
		"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
	struct activation *a = mem_new(1, sizeof(*a));
	const char *names = getenv("LISTEN_FDNAMES");
	int rc = 0;

	if (number("LISTEN_PID") == (unsigned long)getpid())
		rc = take_all(a, number("LISTEN_FDS"), names != NULL ? names : "", err);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		(void)unsetenv(variables[i]);
	if (rc != 0)
		activation_free(&a);
	else
		*out = a;
	return rc;
}

void activation_free(struct activation **ap)
{
	struct activation *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n; i++)
		close(a->list[i].fd);
	free(a);
}

int activation_socket(const struct activation *a, const char *name, size_t i)
{
	for (size_t k = 0; a != NULL && k < a->n; k++)
		if (strcmp(a->list[k].name, name) == 0 && i-- == 0)
			return a->list[k].fd;
	return -1;
}

const char *activation_name(const struct activation *a, size_t i)
{
	return i < a->n ? a->list[i].name : NULL;
}
