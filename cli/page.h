/* page.h - a page file (cli/demo/README.md) as a checked structure. Pure: no network, no clock.
 * Whatever is wrong is told with its JSON pointer. SPDX-License-Identifier: MIT */
#ifndef CLI_PAGE_H
#define CLI_PAGE_H

#include <jansson.h>

#include "buf.h"

enum {
    CLI_PAGE_BYTES = 2 * 1024 * 1024,
    CLI_HANDLE_MAX = 40,
    CLI_COMMENTS_MAX = 2000,
    CLI_COMMENT_LEVELS = 3,
    CLI_OPTIONS_MAX = 50,
    CLI_VOTES_MAX = 20000 /* of one poll */
};

typedef struct cli_comment {
    const char *author; /* borrowed from the page */
    char *body_markdown;
    int parent; /* index of an earlier one; -1: a root */
} cli_comment;

typedef struct cli_poll {
    bool present;
    const char *question, *kind;
    const json_t *options; /* texts */
    const json_t *votes;   /* one number for each option; NULL: none */
    int64_t min_choices, max_choices;
    int64_t opens_in, closes_in; /* seconds from loading; 0: at once; never */
    bool close;                  /* when the votes are in */
} cli_poll;

typedef struct cli_contributor {
    bool present;
    char handle[CLI_HANDLE_MAX + 1];
    const char *display_name, *bio_markdown;
    json_t *links; /* [{rel, href}] */
} cli_contributor;

/* Texts are borrowed from source and never NULL unless said so. */
typedef struct cli_page {
    json_t *source;
    const char *title;
    const char *slug, *summary, *language; /* NULL when absent */
    const char *published_at;              /* RFC 3339; NULL: when it is loaded */
    const json_t *tags;                    /* NULL when absent */
    char *body_markdown;
    cli_contributor contributor;
    cli_poll poll;
    cli_comment *comments; /* parents before their replies, otherwise as in the file */
    int n_comments;
} cli_page;

/* On failure *out is released. */
VP_CHECKED vp_err cli_page_parse(vp_str text, cli_page *out, vp_fault *why);
void cli_page_release(cli_page *page);

/* Plain text as Markdown of one paragraph that reads back exactly, bare links included. */
void cli_markdown_escape(vp_buf *out, vp_str text);

#endif
