/* SPDX-License-Identifier: MIT */
/* Addresses, paths, and sockets bound to them. */
#include "process/sockets/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static const char *what(const struct endpoint *e)
{
	return e->kind == ENDPOINT_ADMIN ? "admin" : "listener";
}

/* --- addresses -------------------------------------------------------------------------- */

static int resolve(struct endpoint *e, struct err *err)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	uint16_t port = htons((uint16_t)e->port);

	if (getaddrinfo(e->address, NULL, &hints, &found) != 0)
		return err_set(err, "%s %s: \"%s\" is not an IPv4 or IPv6 address",
			what(e), e->name, e->address);
	memcpy(&e->addr, found->ai_addr, found->ai_addrlen);
	e->len = found->ai_addrlen;
	freeaddrinfo(found);
	if (e->addr.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&e->addr)->sin6_port = port;
	else
		((struct sockaddr_in *)&e->addr)->sin_port = port;
	return 0;
}

static int set_path(struct endpoint *e, struct err *err)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&e->addr;
	size_t len = strlen(e->path);

	if (len >= sizeof(un->sun_path))
		return err_set(err, "listener %s: %s is longer than a socket's path",
			e->name, e->path);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, e->path, len + 1);
	e->len = sizeof(*un);
	return 0;
}

int endpoint_of_listener(
	const struct conf_listener *l, struct endpoint *e, struct err *err)
{
	*e = (struct endpoint){.kind = ENDPOINT_TCP,
		.name = l->name,
		.address = l->address,
		.port = l->port,
		.path = l->path,
		.mode = l->mode,
		.owner = l->owner};
	if (l->activation) {
		e->kind = ENDPOINT_INHERITED;
		return 0;
	}
	if (l->path[0] == '\0')
		return resolve(e, err);
	e->kind = ENDPOINT_UNIX;
	return set_path(e, err);
}

int endpoint_of_admin(const struct conf *conf, struct endpoint *e, struct err *err)
{
	*e = (struct endpoint){.kind = ENDPOINT_ADMIN,
		.name = "",
		.address = conf->admin.address,
		.port = conf->admin.port};
	return resolve(e, err);
}

/* --- TCP -------------------------------------------------------------------------------- */

static int bind_failed(const struct endpoint *e, struct err *err)
{
	const char *hint = "";

	if (errno == EADDRINUSE)
		hint = " (another program listens there)";
	else if (errno == EACCES)
		hint = " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
	return err_errno(err, "%s %s: cannot bind %s port %u%s", what(e), e->name,
		e->address, e->port, hint);
}

static int open_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int close_failed(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
	return -1;
}

static int bind_tcp(const struct endpoint *e, bool share)
{
	const int on = 1;
	int fd = open_socket(e->addr.ss_family);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		(share &&
			setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) ||
		(e->addr.ss_family == AF_INET6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) !=
				0) ||
		bind(fd, (const struct sockaddr *)&e->addr, e->len) != 0)
		return close_failed(fd);
	return fd;
}

int endpoint_bind(const struct endpoint *e, bool share, struct err *err)
{
	int fd = bind_tcp(e, share);

	return fd >= 0 ? fd : bind_failed(e, err);
}

int endpoint_check_unused(const struct endpoint *e, struct err *err)
{
	int fd = bind_tcp(e, false);

	/* Another program can bind the port as long as nobody listens on it. */
	if (fd < 0 || listen(fd, 1) != 0) {
		bind_failed(e, err);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* The flags of a TCP header: SYN without ACK opens a connection (RFC 9293 §3.1). */
#define TCP_FLAGS_AT 13
#define TCP_SYN      0x02
#define TCP_ACK      0x10

void endpoint_retire(int fd)
{
	struct sock_filter drop_syn[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_AT),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TCP_SYN | TCP_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {
		.len = sizeof(drop_syn) / sizeof(drop_syn[0]), .filter = drop_syn};

	(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/* With no room for it the kernel says how long the filter is; 0: there is none. */
bool endpoint_is_retired(int fd)
{
	socklen_t len = 0;

	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len) == 0 && len > 0;
}

/* --- unix sockets ----------------------------------------------------------------------- */

static int unix_failed(const struct endpoint *e, const char *verb, struct err *err)
{
	return err_errno(err, "listener %s: cannot %s %s", e->name, verb, e->path);
}

/* Nobody answers on the socket of a process that died without removing it. */
static bool is_abandoned(const struct endpoint *e)
{
	int fd = open_socket(AF_UNIX);
	bool refused = fd >= 0 &&
	               connect(fd, (const struct sockaddr *)&e->addr, e->len) != 0 &&
	               errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return refused;
}

static int clear_path(const struct endpoint *e, struct err *err)
{
	struct stat st;

	if (lstat(e->path, &st) != 0)
		return errno == ENOENT ? 0 : unix_failed(e, "look at", err);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, "listener %s: %s is there, and is no socket", e->name,
			e->path);
	if (!is_abandoned(e))
		return err_set(err, "listener %s: another program listens at %s", e->name,
			e->path);
	return unlink(e->path) == 0 ? 0 : unix_failed(e, "remove the old", err);
}

struct owner {
	uid_t uid; /* (uid_t)-1: as it is */
	gid_t gid;
};

static int find_owner(const struct endpoint *e, struct owner *o, struct err *err)
{
	char user[64];
	size_t len = strcspn(e->owner, ":");
	const char *group = e->owner[len] == ':' ? e->owner + len + 1 : "";
	const struct passwd *pw;
	const struct group *gr;

	*o = (struct owner){(uid_t)-1, (gid_t)-1};
	(void)snprintf(user, sizeof(user), "%.*s", (int)len, e->owner);
	if (user[0] != '\0') {
		pw = getpwnam(user);
		if (pw == NULL)
			return err_set(err, "listener %s: owner: there is no user %s",
				e->name, user);
		o->uid = pw->pw_uid;
	}
	if (group[0] != '\0') {
		gr = getgrnam(group);
		if (gr == NULL)
			return err_set(err, "listener %s: owner: there is no group %s",
				e->name, group);
		o->gid = gr->gr_gid;
	}
	return 0;
}

/* By its descriptor: a name could be another file's by now. O_PATH knows no fchmod(2). */
static int give_rights(int fd, const struct endpoint *e, struct err *err)
{
	mode_t mode = (mode_t)strtoul(e->mode, NULL, 8);
	struct owner o;
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (find_owner(e, &o, err) != 0)
		return -1;
	if ((o.uid != (uid_t)-1 || o.gid != (gid_t)-1) &&
		fchownat(fd, "", o.uid, o.gid, AT_EMPTY_PATH) != 0)
		return unix_failed(e, "give to its owner", err);
	return chmod(self, mode) == 0 ? 0 : unix_failed(e, "set the mode of", err);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return S_ISSOCK(a->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The file at the path; *file becomes the identity of the socket. */
static int set_rights(const struct endpoint *e, struct stat *file, struct err *err)
{
	int fd = open(e->path, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc;

	if (fd < 0 || fstat(fd, file) != 0)
		rc = unix_failed(e, "look at", err);
	else
		rc = give_rights(fd, e, err);
	if (fd >= 0)
		close(fd);
	return rc;
}

int endpoint_set_rights(
	const struct endpoint *e, const struct stat *file, struct err *err)
{
	struct stat now;

	if (lstat(e->path, &now) != 0 || !is_same_file(&now, file))
		return err_set(err,
			"listener %s: %s is no longer our socket; restart, or remove it "
			"from the configuration for one reload",
			e->name, e->path);
	return set_rights(e, &now, err);
}

void endpoint_unlink(const struct sockaddr_storage *addr, const struct stat *file)
{
	const char *path = ((const struct sockaddr_un *)addr)->sun_path;
	struct stat now;

	if (lstat(path, &now) == 0 && is_same_file(&now, file))
		(void)unlink(path);
}

int endpoint_bind_unix(const struct endpoint *e, struct stat *file, struct err *err)
{
	mode_t before;
	int fd, rc;

	if (clear_path(e, err) != 0)
		return -1;
	fd = open_socket(AF_UNIX);
	if (fd < 0)
		return unix_failed(e, "make", err);
	/* Nobody may connect before it has its owner and its mode. */
	before = umask(0777);
	rc = bind(fd, (const struct sockaddr *)&e->addr, e->len);
	(void)umask(before);
	if (rc != 0) {
		unix_failed(e, "bind", err);
		close(fd);
		return -1;
	}
	if (set_rights(e, file, err) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	endpoint_unlink(&e->addr, file);
	close(fd);
	return -1;
}
