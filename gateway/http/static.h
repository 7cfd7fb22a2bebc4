/* static.h - files that were built into the binary, served from memory with a strong ETag.
 * SPDX-License-Identifier: MIT */
#ifndef HTTP_STATIC_H
#define HTTP_STATIC_H

#include "reply.h"

/* Answers /static/NAME (GET; 404 otherwise) from the embedded table. */
void http_static(const http_request *r, http_reply *p);
/* The same for a file of the table that stands at another path. */
void http_static_file(const http_request *r, http_reply *p, vp_str name);

#endif
