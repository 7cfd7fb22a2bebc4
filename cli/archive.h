/* archive.h - the file of a backup: for each Redis a header of 512 bytes of text and its RDB, end
 * to end. A header says how long its RDB is and has its hash and its own, so a file that was cut
 * short, has grown or has changed is never taken for a backup. It is written under another name and
 * gets its own when it is whole and on disk. Only its owner may read it. SPDX-License-Identifier:
 * MIT */
#ifndef CLI_ARCHIVE_H
#define CLI_ARCHIVE_H

#include "buf.h"
#include "clock.h"

enum {
    CLI_ARCHIVE_VERSION = 1,
    CLI_ARCHIVE_PARTS = 8, /* Redis servers in one file */
    CLI_ARCHIVE_HASH = 32,
    CLI_ARCHIVE_REDIS = 31 /* characters of a version of Redis */
};

typedef struct cli_part {
    char made[VP_TIME_LEN + 1], redis[CLI_ARCHIVE_REDIS + 1]; /* version of that Redis */
    int db;                                                   /* its keys are in this one */
    int64_t bytes;                                            /* of the RDB */
    uint8_t hash[CLI_ARCHIVE_HASH];
} cli_part;

typedef struct cli_archive cli_archive;

/* -- writing: create, then for each Redis begin, add…, end; then commit. A destroy without a commit
 * leaves nothing behind. ----------------------------------------------------------------------- */

/* parts: how many there will be. VP_ECONFLICT: path is there already. */
VP_CHECKED vp_err cli_archive_create(cli_archive **out, const char *path, int parts, vp_fault *why);
VP_CHECKED vp_err cli_archive_begin(cli_archive *self, vp_str redis, int db, vp_fault *why);
VP_CHECKED vp_err cli_archive_add(cli_archive *self, const void *p, size_t n, vp_fault *why);
VP_CHECKED vp_err cli_archive_end(cli_archive *self, vp_fault *why);
VP_CHECKED vp_err cli_archive_commit(cli_archive *self, vp_fault *why);

/* -- reading ------------------------------------------------------------------------------------
 */

/* Reads the headers. VP_EPROTO: it is no backup, or not all of one. */
VP_CHECKED vp_err cli_archive_open(cli_archive **out, const char *path, vp_fault *why);
/* Reads an RDB and holds its hash against it; to: a descriptor to write it to, or -1. */
VP_CHECKED vp_err cli_archive_copy(cli_archive *self, int part, int to, vp_fault *why);

int cli_archive_parts(const cli_archive *self);
const cli_part *cli_archive_part(const cli_archive *self, int part);
int64_t cli_archive_bytes(const cli_archive *self); /* of the whole file */
void cli_archive_destroy(cli_archive **self_p);

#endif
