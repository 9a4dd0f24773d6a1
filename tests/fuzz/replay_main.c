/* SPDX-License-Identifier: MIT */
/* Gives a fuzz target each file named, or in a directory named: a corpus as a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat st;
	size_t size;
	int rc = -1;

	if (f == NULL || fstat(fileno(f), &st) < 0)
		goto out;
	size = (size_t)st.st_size;
	data = malloc(size > 0 ? size : 1);
	if (data == NULL || fread(data, 1, size, f) != size)
		goto out;
	/* Seen where the target ends the program. */
	fprintf(stderr, "# %s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	replayed++;
	rc = 0;
out:
	if (rc < 0)
		perror(path);
	free(data);
	if (f != NULL)
		fclose(f);
	return rc;
}

static int replay_directory(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), rc = n < 0 ? -1 : 0;
	char file[4096];

	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && replay_file(file) < 0)
			rc = -1;
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return rc;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		int rc = -1;

		if (stat(argv[i], &st) == 0)
			rc = S_ISDIR(st.st_mode) ? replay_directory(argv[i])
			                         : replay_file(argv[i]);
		if (rc < 0)
			failed = 1;
	}
	printf("%u inputs\n", replayed);
	return failed || replayed == 0;
}
