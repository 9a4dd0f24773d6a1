/* SPDX-License-Identifier: MIT */
/* core/shm: who may write what, and what cannot be done to the others. */
#include "core/shm.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shm *supervisor(size_t slots)
{
	struct shm *s = shm_new(slots);
	struct err err;

	for (size_t i = 0; i < slots; i++)
		assert_int_equal(shm_make(s, i, &err), 1);
	return s;
}

static int reader(const struct shm *s, size_t slot)
{
	struct err err;
	int fd = shm_reader(s, slot, &err);

	assert_true(fd >= 0);
	return fd;
}

static void a_region_is_made_when_it_is_asked_for(void **state)
{
	struct shm *s = shm_new(2);
	struct err err;

	(void)state;
	assert_int_equal(shm_count(s), 0);
	assert_null(shm_read(s, 0, SHM_HEAD));
	assert_null(shm_write(s, 1, SHM_LEDGER));
	assert_int_equal(shm_writer(s, 0), -1);
	assert_int_equal(shm_seed(s), 0);
	assert_int_equal(shm_make(s, 0, &err), 1);
	assert_int_equal(shm_make(s, 0, &err), 0);
	assert_int_equal(shm_count(s), 1);
	assert_true(shm_seed(s) != 0);
	assert_int_equal(shm_make(s, 2, &err), -1);
	assert_non_null(strstr(err.text, "only 2 slots"));
	shm_free(&s);
	assert_null(s);
}

/* A child as it is in life: its own region to write, that of the supervisor to read. */
static void a_child_writes_its_own_region_only(void **state)
{
	struct shm *s = supervisor(2), *child = shm_new(2);
	struct err err;
	char *p;

	(void)state;
	assert_int_equal(shm_take(child, 1, fcntl(shm_writer(s, 1), F_DUPFD_CLOEXEC, 0),
				 SHM_WRITE, &err),
		0);
	assert_int_equal(shm_take(child, 0, reader(s, 0), SHM_READ, &err), 0);
	assert_int_equal(shm_count(child), 2);
	assert_int_equal(shm_seed(child), shm_seed(s));
	p = shm_write(child, 1, SHM_METRICS);
	assert_non_null(p);
	strcpy(p, "mine");
	assert_string_equal(shm_read(s, 1, SHM_METRICS), "mine");
	assert_null(shm_write(child, 0, SHM_METRICS));
	assert_non_null(shm_read(child, 0, SHM_METRICS));
	shm_free(&child);
	shm_free(&s);
}

static void what_reads_cannot_be_made_to_write(void **state)
{
	struct shm *s = supervisor(1);
	int fd = reader(s, 0);
	void *p;

	(void)state;
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_ptr_equal(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mprotect(p, 4096, PROT_READ | PROT_WRITE), -1);
	munmap(p, 4096);
	close(fd);
	shm_free(&s);
}

/* Another user, as a worker is one, gets no better descriptor by way of /proc. */
static void another_user_cannot_open_it_again(void **state)
{
	struct shm *s = supervisor(1);
	int fd = reader(s, 0), status;
	struct stat st;
	char path[32];
	pid_t pid;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0400);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Who is no root cannot become another; the mode is checked above. */
		if (setresuid(65534, 65534, 65534) != 0)
			_exit(0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		_exit((open(path, O_RDWR) >= 0) + 2 * (fchmod(fd, 0666) == 0));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
	shm_free(&s);
}

static void nobody_can_cut_it_short(void **state)
{
	struct shm *s = supervisor(1);

	(void)state;
	assert_int_equal(ftruncate(shm_writer(s, 0), 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(shm_writer(s, 0), 1 << 30), -1);
	assert_int_equal(fcntl(shm_writer(s, 0), F_ADD_SEALS, F_SEAL_WRITE), -1);
	assert_int_equal(fcntl(shm_writer(s, 0), F_GETFD), FD_CLOEXEC);
	shm_free(&s);
}

static void takes_nothing_else(void **state)
{
	struct shm *s = supervisor(2), *child = shm_new(2);
	struct err err;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(shm_take(child, 0, -1, SHM_READ, &err), -1);
	fd = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(shm_take(child, 0, fd, SHM_READ, &err), -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed */
	/* of the right size, but it could be cut */
	assert_int_equal(fstat(shm_writer(s, 0), &st), 0);
	fd = memfd_create("other", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, st.st_size), 0);
	assert_int_equal(shm_take(child, 0, fd, SHM_READ, &err), -1);
	assert_int_equal(shm_take(child, 2, reader(s, 0), SHM_READ, &err), -1);
	assert_int_equal(shm_take(child, 1, reader(s, 1), SHM_READ, &err), 0);
	assert_int_equal(shm_take(child, 1, reader(s, 0), SHM_READ, &err), -1);
	assert_int_equal(shm_count(child), 2);
	shm_free(&child);
	shm_free(&s);
}

static void clears_one_section_alone(void **state)
{
	struct shm *s = supervisor(1);

	(void)state;
	memset(shm_write(s, 0, SHM_METRICS), 'a', SHM_METRICS_BYTES);
	memset(shm_write(s, 0, SHM_SESSIONS), 'b', SHM_SESSIONS_BYTES);
	memset(shm_write(s, 0, SHM_CONNECTIONS), 'c', SHM_RATE_BYTES);
	shm_clear(s, 0, SHM_SESSIONS);
	for (size_t i = 0; i < SHM_SESSIONS_BYTES; i++)
		assert_int_equal(((const char *)shm_read(s, 0, SHM_SESSIONS))[i], 0);
	assert_int_equal(
		((const char *)shm_read(s, 0, SHM_METRICS))[SHM_METRICS_BYTES - 1], 'a');
	assert_int_equal(*(const char *)shm_read(s, 0, SHM_CONNECTIONS), 'c');
	shm_clear(s, 7, SHM_SESSIONS);
	shm_free(&s);
}

static void untouched_sections_take_no_memory(void **state)
{
	struct shm *s = supervisor(3);
	struct stat st;

	(void)state;
	assert_int_equal(fstat(shm_writer(s, 2), &st), 0);
	assert_int_equal(st.st_blocks, 0);
	*(char *)shm_write(s, 2, SHM_LEDGER) = 1;
	assert_int_equal(fstat(shm_writer(s, 2), &st), 0);
	assert_in_range(st.st_blocks, 1, 128);
	shm_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_region_is_made_when_it_is_asked_for),
		cmocka_unit_test(a_child_writes_its_own_region_only),
		cmocka_unit_test(what_reads_cannot_be_made_to_write),
		cmocka_unit_test(another_user_cannot_open_it_again),
		cmocka_unit_test(nobody_can_cut_it_short),
		cmocka_unit_test(takes_nothing_else),
		cmocka_unit_test(clears_one_section_alone),
		cmocka_unit_test(untouched_sections_take_no_memory),
	};

	return cmocka_run_group_tests_name("shm", tests, NULL, NULL);
}
