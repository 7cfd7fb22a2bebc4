/* err.h - the one error enum of every process, and the text of the first cause.
 * Each code maps to one HTTP status, in err.c only. SPDX-License-Identifier: MIT */
#ifndef VP_ERR_H
#define VP_ERR_H

#define VP_CHECKED      __attribute__((warn_unused_result))
#define VP_PRINTF(f, a) __attribute__((format(printf, f, a)))

typedef enum vp_err {
    VP_OK = 0,
    VP_ESYNTAX,    /* cannot be read at all: 400 */
    VP_EAUTH,      /* not signed in: 401 */
    VP_EDENIED,    /* signed in or not, this is not allowed: 403 */
    VP_ENOTFOUND,  /* 404 */
    VP_EMETHOD,    /* the path exists, not with this method: 405 */
    VP_ECONFLICT,  /* the state forbids it: 409 */
    VP_ESTALE,     /* If-Match names an older revision: 412 */
    VP_ETOOBIG,    /* over a cap: 413 */
    VP_ETYPE,      /* a body of a type that is not taken: 415 */
    VP_EINVAL,     /* readable, but of a wrong shape or value: 422 */
    VP_ENEEDMATCH, /* If-Match is missing: 428 */
    VP_ETOOMANY,   /* this client asks too often: 429 */
    VP_ESYSTEM,    /* the operating system or a library refused: 500 */
    VP_EPROTO,     /* a peer broke the wire contract: 502 */
    VP_EBUSY,      /* a bounded queue is full: 503 */
    VP_EAWAY,      /* Redis or every instance of a service is away: 503 */
    VP_ETIMEOUT,   /* past its deadline: 504 */
    VP_ERR_COUNT
} vp_err;

/* The HTTP status of an error (200 for VP_OK) and its short English title. */
int vp_err_status(vp_err e);
const char *vp_err_title(vp_err e);

/* Why something failed, for a log or a person. Zero-initialise; callers may pass NULL. */
typedef struct vp_fault {
    char text[160];
} vp_fault;

/* Keeps the first cause: a fault that already has a text is left alone. */
void vp_fault_set(vp_fault *f, const char *fmt, ...) VP_PRINTF(2, 3);

#endif
