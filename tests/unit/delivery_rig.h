/* SPDX-License-Identifier: MIT */
/* For tests of delivery/: a worker on a frozen clock whose backend writes calls on paper, and
 * clients that hand messages in. */
#ifndef TESTS_UNIT_DELIVERY_RIG_H
#define TESTS_UNIT_DELIVERY_RIG_H

#include "core/metrics.h"
#include "core/shm.h"
#include "delivery/delivery.h"
#include "delivery/handler.h"
#include "smtp/transaction.h"

#include "test.h"

#define TEXT(s) ((char[]){s})

/* --- the backend --------------------------------------------------------------------------- */

struct ses_account {
	const char *name;
	int64_t skew;
};

struct backend {
	struct ses_account accounts[2];
};

struct backend_call {
	const char *action;
	char *body; /* owned */
	const struct ses_account *account;
	uint64_t timeout, begun_at;
	int64_t skew; /* that it was signed with */
	backend_done *done;
	void *arg;
};

#define PAPER_CALLS 4096
extern struct backend_call paper[PAPER_CALLS];
extern size_t n_paper;
extern struct loop *paper_loop;

/* Forgets the calls. */
void paper_clear(void);

/* Whether call i is for a recipient. */
bool is_for(size_t i, const char *recipient);
/* Ends call i, and turns the loop. */
void answer(size_t i, struct ses_result r);
struct ses_result accepted(const char *id);
struct ses_result failed(enum outcome_class class, const char *code);

/* --- a worker ------------------------------------------------------------------------------ */

/* Routes: @dated.example with a template, @second.example by another account, @alone.example
 * one call for each, all else of *.example and example.com together; no others. */
extern const struct conf rig_conf;

struct worker {
	struct backend backend;
	struct outcome_table *outcomes;
	struct budget budget;
	struct shm *shm;
	struct metrics *metrics;
	struct delivery_context ctx;
	unsigned idled;
};

/* For cmocka: *state is a struct worker. */
int rig_setup(void **state);
/* Also checks that no memory of the budget is left in use. */
int rig_teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

/* What was logged into fd, a memfd; the caller frees it. */
char *read_log(int fd);

/* --- a client ------------------------------------------------------------------------------ */

#define MAIL(id)                                                                         \
	"From: A <a@example.com>\r\nTo: b@alone.example, c@alone.example, "              \
	"b@example.com\r\n"                                                              \
	"Subject: hello\r\n" id "\r\ntext\r\n"
extern const char with_id[];
extern const char without_id[];

extern const struct conf_listener inside;

#define EACH_MAX 8

/* A client that waits, with the transaction that the handler gets. */
struct call {
	struct transaction transaction;
	unsigned replies;
	struct reply reply;
	struct smtp_receipt *receipt; /* NULL: none was handed over */
	size_t recipients;            /* whose own replies are wanted, as in LMTP */
	struct reply each[EACH_MAX];
};

/* A message that was handed in: rc is what message() said. */
struct attempt {
	struct call call;
	int rc;
	struct reply now; /* if rc is not 0 */
	size_t first;     /* of its calls on paper */
};

/* recipients: words parted with spaces. */
void hand_in(
	struct worker *w, struct attempt *a, const char *mail, const char *recipients);
/* The same by LMTP, or with PRDR: n recipients, whose replies stand in a->call.each afterwards. */
void hand_in_each(struct worker *w, struct attempt *a, const char *mail,
	const char *recipients, size_t n);
enum delivery_state state_of(const struct attempt *a);

void close_side(struct worker *w, struct attempt *a);
void leave(struct worker *w, struct attempt *a);
/* The session learned whether the client has its reply. */
void settle(struct attempt *a, bool acknowledged);

void assert_replied(const struct attempt *a, unsigned code, const char *says);
void assert_each(const struct attempt *a, size_t i, unsigned code, const char *says);

#endif
