/* page.h - one page or form in the making, and what all of them do: read the address, start calls,
 * render a view, say what went wrong. SPDX-License-Identifier: MIT */
#ifndef PAGES_PAGE_H
#define PAGES_PAGE_H

#include "ask.h"
#include "mustache.h"
#include "pages.h"
#include "poll_box.h"
#include "route.h"
#include "voter.h"

enum { PAGE_FORM_MAX = 256 * 1024, PAGE_TOPICS_MAX = 2048 };

struct pages {
    pages_options o;
    vp_mustache_set *templates;
    char asset_version[12];
    vp_route *routes; /* compiled, in the order of the table in pages.c */
};

typedef struct page {
    pages *site;
    http_request *r;
    http_reply *p;
    http_request actor;     /* for page_actor only */
    bool identified;        /* actor is filled */
    vp_route_params params; /* of the matched pattern, decoded */
    int status;             /* of the answer; 200 unless set */
    bool personal;          /* only for whoever asked: nobody keeps it */
    bool partial;           /* a part is missing: nobody keeps it either */
} page;

/* -- the address ------------------------------------------------------------------------------ */

/* A decoded query parameter in buf; absent also where it cannot be read. */
vp_str page_param(const page *pg, const char *name, vp_buf *buf);
/* The same for one that has to be an id. */
bool page_id_param(const page *pg, const char *name, char id[VP_ULID_LEN + 1]);
/* ?view= and ?voted= for the poll of this page; home: see poll_box.h. */
poll_wish page_poll_wish(const page *pg, vp_str home);
/* Is that query parameter 1? */
bool page_flag_param(const page *pg, const char *name);

/* -- calls ------------------------------------------------------------------------------------ */

void page_get(page *pg, ask *a);
/* The request with the account that is signed in, for calls whose answer is nobody else's: a page
 * that others may be given is made without. */
const http_request *page_actor(page *pg);
/* GET of a poll; who its reader is goes along when results were asked for. */
void page_get_poll(page *pg, ask *a, const poll_wish *wish);
/* Writes take their time, up to twice that of a part. */
int64_t page_write_ms(const page *pg);

/* -- parts of a view --------------------------------------------------------------------------- */

/* The keys of every page. path: of the canonical address, raw; absent: none. */
json_t *page_view(const page *pg, vp_str title, vp_str path);
void page_recent_init(ask *recent);
/* Waits and sets the part and the flag that says it is away. */
void page_add_recent(page *pg, json_t *view, ask *recent);
/* The same; also adds the poll's topic. */
void page_add_poll(page *pg, json_t *view, ask *poll, const poll_wish *wish, vp_buf *topics);
/* The same of a poll that has been waited for. Asks for its reader's ballot where one is kept and
 * the address says that there is one. */
void page_add_box(page *pg, json_t *view, int status, const json_t *poll, const poll_wish *wish,
                  vp_buf *topics);

/* -- answers ----------------------------------------------------------------------------------- */

/* Renders and answers; takes view. */
void page_show(page *pg, const char *template, json_t *view);
/* An error page in the words of its status. */
void page_error(page *pg, int status);
/* In these words; back_href may be NULL. */
void page_error_with(page *pg, int status, const char *title, const char *detail,
                     const char *back_href, const char *back_label);
/* Not for keeping; takes what `to` has. */
void page_redirect(page *pg, int status, vp_buf *to);
/* The body of a form; false: answered. */
bool page_form(page *pg);

#endif
