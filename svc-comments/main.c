/* main.c - voxpop-comments: what readers say under articles. SPDX-License-Identifier: MIT */
#include "audit.h"
#include "comment_form.h"
#include "comments.h"
#include "embed.h"
#include "keep.h"

extern const vp_embedded comments_lua[];

enum { COMMENT_BYTES = 6 * COMMENT_BODY_CHARS + 8 * 1024, TOPICS_BYTES = 64 * 1024 };

static const vp_op ops[] = {{"comments.post", "POST", "/api/v1/articles/{id}/comments",
                             VP_MAY_ANYONE, COMMENT_BYTES, comments_post_prepare,
                             comments_post_finish},
                            {"comments.thread", "GET", "/api/v1/articles/{id}/comments",
                             VP_MAY_ANYONE, 0, comments_thread_prepare, comments_page_finish},
                            {"comments.get", "GET", "/api/v1/comments/{id}", VP_MAY_ANYONE, 0,
                             comments_get_prepare, comments_get_finish},
                            {"comments.replies", "GET", "/api/v1/comments/{id}/replies",
                             VP_MAY_ANYONE, 0, comments_replies_prepare, comments_page_finish},
                            {"comments.recent", "GET", "/api/v1/comments/recent", VP_MAY_ANYONE, 0,
                             comments_recent_prepare, comments_recent_finish},
                            {"comments.counts", "GET", "/api/v1/comments/counts", VP_MAY_ANYONE, 0,
                             comments_counts_prepare, comments_counts_finish},
                            {"comments.topics", "SYNC", "/topics", VP_MAY_INSIDE, TOPICS_BYTES,
                             comments_topics_prepare, comments_topics_finish},
                            VP_KEEP_OPS("comments"),
                            VP_VERIFY_OP("comments"),
                            VP_AUDIT_OP("comments"),
                            {NULL}};

static const vp_schema schemas[] = {{"comment", 1, NULL}, {NULL}};
static const vp_source sources[] = {[COMMENTS_OF_ARTICLES] = {"articles", "fact:article:", 1},
                                    {NULL}};

int main(int argc, char **argv) {
    const vp_service_def def = {.name = "comments",
                                .ops = ops,
                                .lua = comments_lua,
                                .topics = "article",
                                .sources = sources,
                                .schemas = schemas};
    return vp_service_main(&def, argc, argv);
}
