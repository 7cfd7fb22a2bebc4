/* text.h - small things about texts that every command needs.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "buf.h"

enum { CLI_KEY_LEN = 32 }; /* an idempotency key: 128 bits as hexadecimal digits */

/* A file that holds one secret: white space at both ends goes. *out: caller frees. *why does not
 * name the file: see cli_run.at. */
VP_CHECKED vp_err cli_secret_read(const char *path, char **out, vp_fault *why);

/* The number of an option; fallback when it was not given. */
VP_CHECKED vp_err cli_number(const char *text, const char *flag, int64_t min, int64_t max,
                             int64_t fallback, int64_t *out, vp_fault *why);

/* May it stand in a header? Visible ASCII, at least one character. */
bool cli_text_is_visible(vp_str text);
/* Replaces what could steer a terminal (control characters and bytes that are not UTF-8) by '?'. */
void cli_text_plain(char *text);
/* Writes text to standard output, plain as above. */
void cli_print(vp_str text);

/* A key that is new, and one that is the same whenever these two are the same. */
void cli_key_new(char out[CLI_KEY_LEN + 1]);
void cli_key_of(vp_str content, const char *place, char out[CLI_KEY_LEN + 1]);

#endif
