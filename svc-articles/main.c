/* main.c - voxpop-articles: articles, tags and contributors. SPDX-License-Identifier: MIT */
#include "article_form.h"
#include "article_change.h"
#include "articles.h"
#include "audit.h"
#include "contributor_form.h"
#include "contributors.h"
#include "embed.h"
#include "keep.h"
#include "lists.h"
#include "pending.h"
#include "reads.h"
#include "revisions.h"

extern const vp_embedded articles_lua[];

enum {
    ARTICLE_BYTES = 2 * ARTICLE_MARKDOWN_MAX + 64 * 1024,
    CONTRIBUTOR_BYTES = 64 * 1024,
    PREVIEW_BYTES = 4096
};

static const vp_op ops[] = {
    {"articles.create", "POST", "/api/v1/articles", VP_MAY_AUTHOR, ARTICLE_BYTES,
     articles_create_prepare, articles_create_finish},
    {"articles.get", "GET", "/api/v1/articles/{id}", VP_MAY_ANYONE, 0, articles_get_prepare,
     articles_get_finish},
    {"articles.patch", "PATCH", "/api/v1/articles/{id}", VP_MAY_AUTHOR, ARTICLE_BYTES,
     articles_patch_prepare, articles_change_finish},
    {"articles.delete", "DELETE", "/api/v1/articles/{id}", VP_MAY_AUTHOR, 0,
     articles_delete_prepare, articles_delete_finish},
    {"articles.undelete", "POST", "/api/v1/articles/{id}/undelete", VP_MAY_AUTHOR, 0,
     articles_undelete_prepare, articles_undelete_finish},
    {"articles.edit-get", "GET", "/api/v1/articles/{id}/edit", VP_MAY_AUTHOR, 0,
     articles_edit_get_prepare, articles_edit_get_finish},
    {"articles.edit-put", "PUT", "/api/v1/articles/{id}/edit", VP_MAY_AUTHOR, ARTICLE_BYTES,
     articles_edit_put_prepare, articles_change_finish},
    {"articles.edit-delete", "DELETE", "/api/v1/articles/{id}/edit", VP_MAY_AUTHOR, 0,
     articles_edit_delete_prepare, articles_edit_delete_finish},
    {"articles.edit-publish", "POST", "/api/v1/articles/{id}/edit/publish", VP_MAY_AUTHOR, 0,
     articles_edit_publish_prepare, articles_change_finish},
    {"articles.autosave-get", "GET", "/api/v1/articles/{id}/autosave", VP_MAY_AUTHOR, 0,
     articles_autosave_get_prepare, articles_autosave_get_finish},
    {"articles.autosave-put", "PUT", "/api/v1/articles/{id}/autosave", VP_MAY_AUTHOR, ARTICLE_BYTES,
     articles_autosave_put_prepare, articles_autosave_finish},
    {"articles.autosave-delete", "DELETE", "/api/v1/articles/{id}/autosave", VP_MAY_AUTHOR, 0,
     articles_autosave_delete_prepare, articles_autosave_finish},
    {"articles.preview", "POST", "/api/v1/articles/{id}/preview", VP_MAY_AUTHOR, PREVIEW_BYTES,
     articles_preview_prepare, articles_preview_finish},
    {"articles.revisions", "GET", "/api/v1/articles/{id}/revisions", VP_MAY_AUTHOR, 0,
     articles_revisions_prepare, articles_revisions_finish},
    {"articles.revision", "GET", "/api/v1/articles/{id}/revisions/{n}", VP_MAY_AUTHOR, 0,
     articles_revision_prepare, articles_revision_finish},
    {"articles.diff", "GET", "/api/v1/articles/{id}/revisions/{n}/diff", VP_MAY_AUTHOR, 0,
     articles_diff_prepare, articles_diff_finish},
    {"articles.restore", "POST", "/api/v1/articles/{id}/revisions/{n}/restore", VP_MAY_AUTHOR, 0,
     articles_restore_prepare, articles_change_finish},
    {"articles.list", "GET", "/api/v1/articles", VP_MAY_ANYONE, 0, articles_list_prepare,
     articles_list_finish},
    {"articles.related", "GET", "/api/v1/articles/{id}/related", VP_MAY_ANYONE, 0,
     articles_related_prepare, articles_list_finish},
    {"articles.sections", "GET", "/api/v1/sections", VP_MAY_ANYONE, 0, articles_sections_prepare,
     articles_sections_finish},
    {"articles.tags", "GET", "/api/v1/tags", VP_MAY_ANYONE, 0, articles_tags_prepare,
     articles_tags_finish},
    {"contributors.list", "GET", "/api/v1/contributors", VP_MAY_ANYONE, 0,
     contributors_list_prepare, contributors_list_finish},
    {"contributors.get", "GET", "/api/v1/contributors/{handle}", VP_MAY_ANYONE, 0,
     contributors_get_prepare, contributors_get_finish},
    {"contributors.put", "PUT", "/api/v1/contributors/{handle}", VP_MAY_AUTHOR, CONTRIBUTOR_BYTES,
     contributors_put_prepare, contributors_put_finish},
    VP_KEEP_OPS("articles"),
    VP_VERIFY_OP("articles"),
    {"articles.tick", NULL, NULL, VP_MAY_INSIDE, 250, articles_tick_prepare, articles_tick_finish},
    {"articles.reads", NULL, NULL, VP_MAY_INSIDE, 2000, reads_tick_prepare, reads_tick_finish},
    VP_AUDIT_OP("articles"),
    {NULL}};

static const vp_schema schemas[] = {
    {"article", 2, "articles:published"}, {"contributor", 1, NULL}, {NULL}};
static const vp_source sources[] = {{"comments", "fact:thread:", 2}, {NULL}};

static reads counted;

int main(int argc, char **argv) {
    const vp_service_def def = {.name = "articles",
                                .ops = ops,
                                .lua = articles_lua,
                                .sources = sources,
                                .topics = "",
                                .self = &counted,
                                .schemas = schemas};
    return vp_service_main(&def, argc, argv);
}
