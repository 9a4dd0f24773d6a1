/* SPDX-License-Identifier: MIT */
/*
 * How many mistakes a client may make, and how many commands it may say in vain, before its
 * session is closed.
 */
#ifndef SMTP_MISTAKES_H
#define SMTP_MISTAKES_H

#include "smtp/reply.h"

struct session;

/* Counts the reply to a command; past a limit *reply becomes 421. */
void mistakes_count(struct session *s, struct reply *reply);

/* A message was accepted: both counts begin anew. */
void mistakes_forget(struct session *s);

#endif
