/* memo.c - see memo.h. SPDX-License-Identifier: MIT */
#include "memo.h"

#include <assert.h>

/* The last letters of a ULID are random. */
static unsigned set_of(vp_str id) {
    unsigned h = 0;
    for (size_t i = id.n - 8; i < id.n; i++) h = h * 33 + (unsigned char)id.p[i];
    return h % POLLS_MEMO_SETS;
}

polls_memo_row *polls_memo_find(polls_memo *m, vp_str id) {
    assert(id.n == VP_ULID_LEN);
    polls_memo_row *set = m->row[set_of(id)];
    for (int i = 0; i < POLLS_MEMO_WAYS; i++)
        if (!memcmp(set[i].id, id.p, VP_ULID_LEN)) return &set[i];
    return NULL;
}

polls_memo_row *polls_memo_take(polls_memo *m, vp_str id) {
    polls_memo_row *row = polls_memo_find(m, id);
    if (row) return row;
    unsigned set = set_of(id);
    row = &m->row[set][m->oldest[set]];
    m->oldest[set] = (uint8_t)((m->oldest[set] + 1) % POLLS_MEMO_WAYS);
    memset(row, 0, sizeof *row);
    memcpy(row->id, id.p, VP_ULID_LEN);
    return row;
}

polls_memo_row *polls_memo_keep(polls_memo *m, vp_str id, vp_str key, polls_voting voting) {
    polls_memo_row *row = polls_memo_take(m, id);
    assert(key.n == VP_SEAL_KEY);
    memcpy(row->key, key.p, VP_SEAL_KEY);
    row->has_key = true;
    row->voting = voting;
    return row;
}

vp_err polls_memo_update(polls_memo_row *row, vp_str text) {
    if (row->text_n && vp_str_eq(text, vp_str_n(row->text, row->text_n))) return VP_OK;
    vp_buf json;
    vp_err rc;
    vp_buf_init(&json, sizeof row->json);
    row->text_n = row->json_n = 0;
    if (text.n == 0 || text.n > sizeof row->text) return VP_EPROTO;
    memcpy(row->text, text.p, text.n);
    if ((rc = polls_tally_read(vp_str_n(row->text, text.n), &row->tally))) return rc;
    polls_tally_write(&json, vp_str_n(row->id, VP_ULID_LEN), &row->tally);
    if (!json.over) {
        memcpy(row->json, json.data, json.len);
        row->json_n = json.len;
        row->text_n = text.n;
    }
    rc = json.over ? VP_EPROTO : VP_OK;
    vp_buf_release(&json);
    return rc;
}
