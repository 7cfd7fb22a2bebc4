/* unseal.c - see unseal.h. SPDX-License-Identifier: MIT */
#include "unseal.h"

#include <stdio.h>

static int find_topic(const live_topics *topics, const char *subject) {
    char name[VP_TOPIC_NAME_MAX + 1];
    snprintf(name, sizeof name, UNSEAL_PREFIX ":%s", subject);
    for (int i = 0; i < topics->n; i++)
        if (topics->item[i].valid && !strcmp(topics->item[i].name, name)) return i;
    return -1;
}

static vp_err read_one(const uint8_t *key, const char *text, const live_topics *topics,
                       int64_t now_ms, int *topic, int64_t *expires_ms) {
    char subject[VP_ULID_LEN + 1];
    *topic = -1;
    if (!text[0]) return VP_EDENIED;
    if (!key) return VP_EAWAY;
    vp_err rc = vp_ticket_read(key, vp_str_of(text), now_ms, subject, expires_ms);
    if (rc == VP_EDENIED) return rc;
    *topic = find_topic(topics, subject);
    return *topic < 0 ? VP_ENOTFOUND : rc;
}

void unseal_read(const uint8_t *key, const live_tickets *tickets, const live_topics *topics,
                 int64_t now_ms, live_unsealed *out) {
    *out = (live_unsealed){.until_ms = INT64_MAX, .n = tickets->n};
    for (int i = 0; i < tickets->n; i++) {
        int topic;
        int64_t expires_ms;
        const char *text = tickets->text[i];
        vp_err rc = read_one(key, text, topics, now_ms, &topic, &expires_ms);
        out->ticket[i].err = rc;
        out->ticket[i].topic = topic;
        if (key && text[0] && rc == VP_EDENIED) out->doubtful = true;
        if (rc) continue;
        out->topics |= UINT32_C(1) << topic;
        if (expires_ms < out->until_ms) out->until_ms = expires_ms;
    }
}

void unseal_problem_write(vp_buf *out, vp_str topic, const char *ticket, vp_err code) {
    vp_buf_adds(out, "event: problem\ndata: {");
    if (topic.n) {
        vp_buf_adds(out, "\"topic\":");
        vp_buf_add_json(out, topic);
        vp_buf_addc(out, ',');
    }
    vp_buf_addf(out, "\"ticket\":\"%s\",\"status\":%d,\"title\":", ticket, vp_err_status(code));
    vp_buf_add_json(out, vp_str_of(vp_err_title(code)));
    vp_buf_adds(out, "}\n\n");
}

void unseal_problems_write(vp_buf *out, const live_unsealed *u, const live_topics *topics) {
    for (int i = 0; i < u->n; i++) {
        int topic = u->ticket[i].topic;
        if (!u->ticket[i].err) continue;
        bool away = u->ticket[i].err == VP_EAWAY;
        unseal_problem_write(out, vp_str_of(topic < 0 ? NULL : topics->item[topic].name),
                             away ? "unchecked" : "refused", away ? VP_EAWAY : VP_EDENIED);
    }
}
