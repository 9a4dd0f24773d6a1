/* SPDX-License-Identifier: MIT */
/* Files for the workers: read, watched, handed over. */
#include "process/files.h"

#include "core/buf.h"
#include "core/mem.h"
#include "core/secret.h"
#include "process/spawn.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	char *path;       /* owned */
	struct buf bytes; /* wiped when freed */
	struct stat stat; /* when it was read */
};

struct files {
	struct file *list;
	size_t n, cap;
};

/* In the memfd, before the bytes of each path (with its NUL) and content. */
struct record {
	uint64_t path_len;
	uint64_t len;
};

void files_free(struct files **filesp)
{
	struct files *files = *filesp;

	*filesp = NULL;
	if (files == NULL)
		return;
	for (size_t i = 0; i < files->n; i++) {
		struct file *f = &files->list[i];

		secret_wipe(f->bytes.data, f->bytes.len);
		buf_free(&f->bytes);
		free(f->path);
	}
	free(files->list);
	free(files);
}

static const struct file *find(const struct files *files, const char *path)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(files->list[i].path, path) == 0)
			return &files->list[i];
	return NULL;
}

struct span files_get(const struct files *files, const char *path)
{
	const struct file *f = find(files, path);

	return f != NULL ? span_make(f->bytes.data, f->bytes.len) : span_make("", 0);
}

static struct span get_for_tls(const void *files, const char *path)
{
	return files_get(files, path);
}

struct tls_files files_for_tls(const struct files *files)
{
	return (struct tls_files){.get = get_for_tls, .arg = files};
}

static struct file *add(struct files *files, const char *path)
{
	struct file *f;

	mem_grow(&files->list, &files->cap, files->n + 1, sizeof(*files->list));
	f = &files->list[files->n++];
	*f = (struct file){.path = mem_strdup(path)};
	buf_init(&f->bytes, FILES_ONE_MAX + 1, NULL);
	return f;
}

/* --- reading ---------------------------------------------------------------------------- */

/* The buffer has room for all of it at once: growing would leave copies in the heap. */
static int read_bytes(int fd, struct file *f, const char *what, struct err *err)
{
	size_t room = (size_t)f->stat.st_size + 1;
	ssize_t n;

	if (buf_reserve(&f->bytes, room) < 0)
		return err_errno(err, "%s: cannot read %s", what, f->path);
	while (f->bytes.len < room) {
		n = read(fd, f->bytes.data + f->bytes.len, room - f->bytes.len);
		if (n < 0)
			return err_errno(err, "%s: cannot read %s", what, f->path);
		if (n == 0)
			return 0;
		buf_set_len(&f->bytes, f->bytes.len + (size_t)n);
	}
	return err_set(err, "%s: %s is being written to", what, f->path);
}

static int read_file(int fd, struct file *f, const char *what, struct err *err)
{
	if (fstat(fd, &f->stat) < 0)
		return err_errno(err, "%s: cannot read %s", what, f->path);
	if (!S_ISREG(f->stat.st_mode))
		return err_set(err, "%s: %s is no regular file", what, f->path);
	if ((size_t)f->stat.st_size > FILES_ONE_MAX)
		return err_set(err, "%s: %s is longer than %zu bytes", what, f->path,
			FILES_ONE_MAX);
	return read_bytes(fd, f, what, err);
}

static int take_path(
	struct files *files, const char *what, const char *path, struct err *err)
{
	int fd, rc;

	if (path[0] == '\0' || find(files, path) != NULL)
		return 0;
	/* Opening a pipe of that name would block. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, "%s: cannot open %s", what, path);
	rc = read_file(fd, add(files, path), what, err);
	close(fd);
	return rc;
}

/* An option that names files, and its place in the configuration, for errors. */
struct named {
	const struct conf *conf;
	const char *section;
	size_t index;
	const char *key;
};

static int take_one(
	struct files *files, const struct named *n, const char *path, struct err *err)
{
	struct err why;

	if (take_path(files, n->key, path, &why) == 0)
		return 0;
	(void)conf_blame(n->conf, n->section, n->index, n->key, &why);
	return err_set(err, "%s", why.text);
}

static int take_list(struct files *files, const struct named *n,
	const struct conf_list *list, struct err *err)
{
	for (size_t i = 0; i < list->n; i++)
		if (take_one(files, n, list->items[i], err) < 0)
			return -1;
	return 0;
}

static int take_listener(
	struct files *files, const struct conf *conf, size_t i, struct err *err)
{
	const struct conf_listener *l = &conf->listeners[i];
	const struct named certificate = {conf, "listener", i, "tls_certificate"},
			   key = {conf, "listener", i, "tls_key"},
			   ca = {conf, "listener", i, "tls_client_ca"};

	if (take_list(files, &certificate, &l->tls_certificate, err) < 0 ||
		take_list(files, &key, &l->tls_key, err) < 0)
		return -1;
	return take_one(files, &ca, l->tls_client_ca, err);
}

static int take_account(
	struct files *files, const struct conf *conf, size_t i, struct err *err)
{
	const struct named ca = {conf, "account", i, "ca_file"};

	return take_one(files, &ca, conf->accounts[i].ca_file, err);
}

/* Whoever can read the hashes can try passwords without a limit. */
static int take_users(struct files *files, const struct conf *conf, struct err *err)
{
	const struct named users = {conf, "", 0, "users_file"};
	const struct file *f;
	struct err why;

	if (take_one(files, &users, conf->users_file, err) < 0)
		return -1;
	f = find(files, conf->users_file);
	if (f == NULL || (f->stat.st_mode & S_IRWXO) == 0)
		return 0;
	(void)err_set(&why,
		"users_file: %s has mode %03o, open to everybody on this host; chmod it "
		"to 600 or 640",
		f->path, (unsigned)f->stat.st_mode & 0777);
	(void)conf_blame(conf, "", 0, "users_file", &why);
	return err_set(err, "%s", why.text);
}

int files_read(const struct conf *conf, struct files **out, struct err *err)
{
	struct files *files = mem_new(1, sizeof(*files));

	if (take_users(files, conf, err) < 0)
		goto fail;
	for (size_t i = 0; i < conf->n_listeners; i++)
		if (take_listener(files, conf, i, err) < 0)
			goto fail;
	for (size_t i = 0; i < conf->n_accounts; i++)
		if (take_account(files, conf, i, err) < 0)
			goto fail;
	*out = files;
	return 0;
fail:
	files_free(&files);
	return -1;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool files_changed(const struct files *files)
{
	struct stat now;

	for (size_t i = 0; i < files->n; i++)
		if (stat(files->list[i].path, &now) < 0 ||
			!is_same(&now, &files->list[i].stat))
			return true;
	return false;
}

/* --- handing over ----------------------------------------------------------------------- */

static int put(const struct file *f, struct buf *out)
{
	const struct record r = {.path_len = strlen(f->path) + 1, .len = f->bytes.len};

	if (buf_append(out, &r, sizeof(r)) < 0 ||
		buf_append(out, f->path, r.path_len) < 0)
		return -1;
	return buf_append(out, f->bytes.data, f->bytes.len);
}

static size_t sealed_size(const struct files *files)
{
	size_t size = 0;

	for (size_t i = 0; i < files->n; i++)
		size += sizeof(struct record) + strlen(files->list[i].path) + 1 +
		        files->list[i].bytes.len;
	return size;
}

int files_seal(const struct files *files, struct err *err)
{
	struct buf out;
	int fd = -1;

	buf_init(&out, FILES_ALL_MAX, NULL);
	if (buf_reserve(&out, sealed_size(files)) < 0)
		return err_set(err,
			"the files of the configuration are longer than %zu "
			"bytes together",
			FILES_ALL_MAX);
	for (size_t i = 0; i < files->n; i++)
		if (put(&files->list[i], &out) < 0) {
			(void)err_errno(err, "cannot hand over %s", files->list[i].path);
			goto out;
		}
	fd = spawn_memfd("sesrelay.files", out.data, out.len, err);
out:
	secret_wipe(out.data, out.len);
	buf_free(&out);
	return fd;
}

/* Reads the record at the beginning of rest, and moves past it. */
static bool parse_record(struct files *files, struct span *rest)
{
	struct record r;
	const char *path;
	struct file *f;

	if (rest->len < sizeof(r))
		return false;
	memcpy(&r, rest->p, sizeof(r));
	*rest = span_make(rest->p + sizeof(r), rest->len - sizeof(r));
	if (r.path_len == 0 || r.path_len > rest->len || r.len > FILES_ONE_MAX ||
		r.len > rest->len - r.path_len || rest->p[r.path_len - 1] != '\0')
		return false;
	path = rest->p;
	f = add(files, path);
	if (buf_append(&f->bytes, path + r.path_len, r.len) < 0)
		return false;
	*rest = span_make(path + r.path_len + r.len, rest->len - r.path_len - r.len);
	return true;
}

int files_unseal(int fd, struct files **out, struct err *err)
{
	struct files *files;
	struct span rest;
	struct stat st;
	void *map = NULL;
	bool good = true;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, "no files were handed over");
	if (st.st_size > 0)
		map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(err, "cannot read the files that were handed over");
	files = mem_new(1, sizeof(*files));
	rest = span_make(map, map != NULL ? (size_t)st.st_size : 0);
	while (good && rest.len > 0)
		good = parse_record(files, &rest);
	if (map != NULL)
		(void)munmap(map, (size_t)st.st_size);
	if (!good) {
		files_free(&files);
		return err_set(err, "the files that were handed over are damaged");
	}
	*out = files;
	return 0;
}
