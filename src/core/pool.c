/* SPDX-License-Identifier: MIT */
/* Threads, a queue to them, and one back. */
#include "core/pool.h"

#include "core/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

STAILQ_HEAD(job_list, pool_job);

struct pool {
	struct loop_wakeup *wakeup;
	pthread_t *threads;
	unsigned n_threads;
	int nice;
	size_t max_waiting;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	struct job_list todo, done;
	size_t waiting;
	bool stop;
};

/* The next one to do; NULL when the pool ends. */
static struct pool_job *take(struct pool *p)
{
	struct pool_job *job = NULL;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && STAILQ_EMPTY(&p->todo))
		pthread_cond_wait(&p->work, &p->lock);
	if (!p->stop) {
		job = STAILQ_FIRST(&p->todo);
		STAILQ_REMOVE_HEAD(&p->todo, next);
		p->waiting--;
	}
	pthread_mutex_unlock(&p->lock);
	return job;
}

static void give_back(struct pool *p, struct pool_job *job)
{
	pthread_mutex_lock(&p->lock);
	STAILQ_INSERT_TAIL(&p->done, job, next);
	pthread_mutex_unlock(&p->lock);
	loop_wakeup_ring(p->wakeup);
}

static void *run(void *arg)
{
	struct pool *p = arg;
	struct pool_job *job;

	/* Linux: of this thread alone. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), p->nice);
	while ((job = take(p)) != NULL) {
		job->work(job);
		give_back(p, job);
	}
	return NULL;
}

static struct pool_job *take_done(struct pool *p)
{
	struct pool_job *job;

	pthread_mutex_lock(&p->lock);
	job = STAILQ_FIRST(&p->done);
	if (job != NULL)
		STAILQ_REMOVE_HEAD(&p->done, next);
	pthread_mutex_unlock(&p->lock);
	return job;
}

static void on_wakeup(void *arg)
{
	struct pool *p = arg;
	struct pool_job *job;

	while ((job = take_done(p)) != NULL)
		job->done(job, true);
}

/* Signals are the loop's. */
static int start_threads(struct pool *p, unsigned threads)
{
	sigset_t all, before;
	int rc = 0;

	p->threads = mem_new(threads, sizeof(*p->threads));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (rc == 0 && p->n_threads < threads) {
		rc = pthread_create(&p->threads[p->n_threads], NULL, run, p);
		if (rc == 0)
			p->n_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = rc;
	return rc == 0 ? 0 : -1;
}

struct pool *pool_new(
	struct loop *loop, unsigned threads, size_t waiting, int nice, struct err *err)
{
	struct pool *p = mem_new(1, sizeof(*p));

	p->max_waiting = waiting;
	p->nice = nice;
	STAILQ_INIT(&p->todo);
	STAILQ_INIT(&p->done);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->wakeup = loop_wakeup_new(loop, on_wakeup, p);
	if (p->wakeup != NULL && start_threads(p, threads) == 0)
		return p;
	(void)err_errno(err, "cannot start threads");
	pool_free(&p);
	return NULL;
}

static void stop_threads(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
}

void pool_free(struct pool **pp)
{
	struct pool *p = *pp;
	struct pool_job *job;

	*pp = NULL;
	if (p == NULL)
		return;
	stop_threads(p);
	on_wakeup(p);
	while ((job = STAILQ_FIRST(&p->todo)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->todo, next);
		job->done(job, false);
	}
	loop_wakeup_free(&p->wakeup);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p);
}

int pool_submit(struct pool *p, struct pool_job *job)
{
	int rc = -1;

	pthread_mutex_lock(&p->lock);
	if (p->waiting < p->max_waiting) {
		STAILQ_INSERT_TAIL(&p->todo, job, next);
		p->waiting++;
		pthread_cond_signal(&p->work);
		rc = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}
