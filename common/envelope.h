/* envelope.h - the wire format of a call and its reply; PROTOCOL.md is the contract.
 * Pure functions over bytes: no sockets here, so they are unit-tested and fuzzed alone.
 * SPDX-License-Identifier: MIT */
#ifndef VP_ENVELOPE_H
#define VP_ENVELOPE_H

#include "buf.h"
#include "ulid.h"

enum {
    VP_PROTOCOL = 1,         /* ours; N talks to N-1 */
    VP_ENVELOPE_HEADER = 48, /* bytes of the fixed header */
    VP_ENVELOPE_FRAMES = 4,  /* header, head, context, body */
    VP_ENVELOPE_HEAD_MAX = 16 * 1024,
    VP_ENVELOPE_BODY_MAX = 4 * 1024 * 1024,
    VP_FIELD_MAX = 12 * 1024 /* bytes in one field's value */
};

/* One of version `ours` talks to its own, to the one before and to the one after. */
static inline bool vp_protocol_speaks(int ours, int theirs) {
    return theirs > 0 && theirs >= ours - 1 && theirs <= ours + 1;
}

typedef enum vp_kind { VP_KIND_CALL = 1, VP_KIND_REPLY, VP_KIND_PING, VP_KIND_PONG } vp_kind;

typedef struct vp_envelope {
    uint8_t version, kind, flags;
    uint16_t status;                  /* of a reply: HTTP status; else 0 */
    uint64_t call_id;                 /* the caller's own; echoed */
    int64_t not_after_ms;             /* Redis clock: a write is refused past it */
    uint32_t left_ms;                 /* milliseconds that the caller still waits, when sent */
    uint8_t resend_id[VP_ULID_BYTES]; /* the same on every resend of one call */
    vp_str head, context, body;       /* borrowed; blocks of fields, and bytes */
} vp_envelope;

/* In a reply or pong. */
enum {
    VP_FLAG_DRAINING = 1, /* send me no more calls */
    VP_FLAG_AWAY = 2      /* I have no store just now: send me none that another one may take */
};

void vp_envelope_header(const vp_envelope *e, uint8_t out[VP_ENVELOPE_HEADER]);
/* frames: all frames of one message after the routing id. Missing trailing frames are empty;
 * further ones are ignored, and so are further bytes of the header, and flags that are not known.
 * VP_EPROTO: too short, wrong magic, version or kind; VP_ETOOBIG. */
VP_CHECKED vp_err vp_envelope_decode(const vp_str *frames, size_t n, vp_envelope *out,
                                     vp_fault *why);

/* Fields of head and context: tag, length, bytes. An unknown tag is skipped. */
typedef enum vp_field {
    /* head of a call */
    VP_F_METHOD = 1,   /* GET, POST...; SYNC, LOOK, ACT only between processes */
    VP_F_PATH,         /* raw, as the client wrote it */
    VP_F_QUERY,        /* raw, without '?' */
    VP_F_CONTENT_TYPE, /* also of a reply; absent: application/json */
    VP_F_ACCEPT,
    VP_F_ACCEPT_LANGUAGE,
    VP_F_IF_MATCH,
    VP_F_IF_NONE_MATCH,
    VP_F_IDEMPOTENCY_KEY,
    VP_F_VOTER,      /* value of the cookie voxpop_voter, unchecked */
    VP_F_EDIT_TOKEN, /* X-Edit-Token */
    /* context of a call: who and where */
    VP_F_REQUEST_ID = 20, /* 26 characters */
    VP_F_ACTOR_ID,        /* absent: not signed in */
    VP_F_ACTOR_LOGIN,
    VP_F_ACTOR_ROLE, /* admin, editor, author, moderator */
    VP_F_ADDRESS,    /* keyed hash of the client's address prefix, never the address */
    VP_F_BASE_URL,   /* https://host, for links */
    VP_F_TRACEPARENT,
    VP_F_ACTOR_HANDLE, /* of the account's contributor; absent: none */
    VP_F_ACTOR_BY,     /* s and a session's id, t and a token's, or l: one with scopes or an end */
    /* head of a reply */
    VP_F_ETAG = 40,
    VP_F_CACHE_CONTROL,
    VP_F_LOCATION,
    VP_F_LINK,
    VP_F_SET_COOKIE,
    VP_F_RETRY_AFTER,
    VP_F_SURROGATE_KEY,
    VP_F_VARY,
    VP_F_CONTENT_DISPOSITION,
    VP_F_ALLOW,
    VP_FIELD_COUNT = 64
} vp_field;

/* Appends one field; one without bytes is left out. */
void vp_field_add(vp_buf *block, vp_field tag, vp_str value);
/* Fills value[tag] with borrowed slices; the last of a repeated tag wins. value[] must be zeroed.
 * VP_EPROTO when the block is cut short or a field has more than VP_FIELD_MAX bytes. */
VP_CHECKED vp_err vp_fields_decode(vp_str block, vp_str value[VP_FIELD_COUNT], vp_fault *why);

#endif
