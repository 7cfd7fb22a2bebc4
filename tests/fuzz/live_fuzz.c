/* live_fuzz.c - the input as the bytes of a connection to /live, whole and in two parts, and what
 * its query, ids and tickets say. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "unseal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert: a fuzzer must find a broken rule in any build. */
static void must(bool holds) {
    if (!holds) abort();
}

static bool inside(vp_str part, vp_str whole) {
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* The corpus has tickets of this key. */
static const uint8_t key[VP_SEAL_KEY] = "a key of exactly thirty-two byte";
static const int64_t NOW = 1795501251000;

/* Is a poll unsealed by a ticket of its own? */
static void check_unsealed(const live_tickets *tickets, const live_topics *topics,
                           const live_unsealed *u) {
    for (int i = 0; i < LIVE_TOPICS_MAX; i++) {
        bool held = false;
        if (!(u->topics >> i & 1)) continue;
        must(i < topics->n && topics->item[i].valid);
        must(vp_str_starts(vp_str_of(topics->item[i].name), VP_STR("poll:")));
        for (int k = 0; k < tickets->n; k++) {
            char id[VP_ULID_LEN + 1];
            int64_t expires;
            if (vp_ticket_read(key, vp_str_of(tickets->text[k]), NOW, id, &expires)) continue;
            held |= !strcmp(topics->item[i].name + 5, id) && u->until_ms <= expires;
        }
        must(held);
    }
}

static void check_tickets(vp_str query, const live_topics *topics) {
    live_tickets tickets;
    live_unsealed u;
    vp_fault why = {""};
    vp_buf told;
    if (request_tickets(query, &tickets, &why)) {
        must(why.text[0] != '\0');
        return;
    }
    must(tickets.n <= LIVE_TICKETS_MAX);
    unseal_read(NULL, &tickets, topics, NOW, &u);
    must(u.topics == 0 && u.until_ms == INT64_MAX && !u.doubtful);
    unseal_read(key, &tickets, topics, NOW, &u);
    check_unsealed(&tickets, topics, &u);
    must((u.topics == 0) == (u.until_ms == INT64_MAX));
    vp_buf_init(&told, 16 * 1024); /* part of a greeting */
    unseal_problems_write(&told, &u, topics);
    must(!told.over);
    vp_buf_release(&told);
}

static void check_topics(vp_str query) {
    live_topics topics;
    vp_fault why = {""};
    if (request_topics(query, &topics, &why)) {
        must(why.text[0] != '\0');
        return;
    }
    check_tickets(query, &topics);
    must(topics.n > 0 && topics.n <= LIVE_TOPICS_MAX);
    for (int i = 0; i < topics.n; i++) {
        vp_str name = vp_str_of(topics.item[i].name);
        must(name.n <= VP_TOPIC_NAME_MAX && vp_str_is_utf8(name));
        must(!topics.item[i].valid || (vp_topic_valid(name) && !vp_topic_is_sealed(name)));
        for (int k = 0; k < i; k++) must(strcmp(topics.item[i].name, topics.item[k].name) != 0);
    }
}

static void check_head(vp_str bytes) {
    live_request r, early;
    vp_fault why = {""};
    uint64_t seq;
    live_head got = request_read(bytes, &r, &why);
    must((got == LIVE_HEAD_BAD) == (why.text[0] != '\0'));
    vp_str half = vp_str_n(bytes.p, bytes.n / 2);
    live_head before = request_read(half, &early, NULL);
    if (before != LIVE_HEAD_MORE) must(got == before); /* what follows changes nothing */
    if (got != LIVE_HEAD_WHOLE) return;
    must(r.method.n > 0 && r.path.n > 0 && r.n_forwarded <= LIVE_FORWARDED_MAX);
    must(inside(r.method, bytes) && inside(r.path, bytes) && inside(r.query, bytes));
    must(inside(r.last_event_id, bytes));
    for (size_t i = 0; i < r.n_forwarded; i++) must(inside(r.forwarded[i], bytes));
    check_topics(r.query);
    if (request_since(&r, "epoch", &seq) != LIVE_SINCE_SEQ) must(seq == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vp_str bytes = vp_str_n(data, size);
    check_head(bytes);
    check_topics(bytes);
    return 0;
}
