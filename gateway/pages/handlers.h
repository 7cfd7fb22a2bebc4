/* handlers.h - what the rows of the table in pages.c name. Each answers one page or form.
 * SPDX-License-Identifier: MIT */
#ifndef PAGES_HANDLERS_H
#define PAGES_HANDLERS_H

#include "page.h"

void front_show(page *pg);
void tag_show(page *pg);
void contributor_show(page *pg);
void article_show(page *pg);
void article_of_form(page *pg); /* GET of a form's address: the reader has reloaded */
void comment_post(page *pg);
void polls_show(page *pg);
void poll_show(page *pg);
void poll_screen_show(page *pg);
void poll_embed_show(page *pg);
void poll_of_form(page *pg);
void ballot_post(page *pg);
void ballot_withdraw(page *pg);
void account_reset_show(page *pg);
void account_reset_post(page *pg);

#endif
