/* archive.c - see archive.h. SPDX-License-Identifier: MIT */
#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"
#include "stop.h"

enum { HEADER = 512, CHUNK = 256 * 1024, PATH_LEN = 4096, HEX = 2 * CLI_ARCHIVE_HASH };

struct cli_archive {
    int fd, parts, current; /* current: the part that is being written */
    cli_part part[CLI_ARCHIVE_PARTS];
    int64_t at[CLI_ARCHIVE_PARTS], end; /* where headers begin; the end of all */
    crypto_generichash_state hash;
    char path[PATH_LEN], half[PATH_LEN]; /* half: the name until it is whole; "": none is there */
};

static vp_err failed(vp_fault *why) {
    vp_fault_set(why, "%s", strerror(errno));
    return VP_ESYSTEM;
}

static vp_err broken(vp_fault *why, const char *how) {
    vp_fault_set(why, "%s", how);
    return VP_EPROTO;
}

static vp_err write_all(int fd, const char *p, size_t n, vp_fault *why) {
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR) return failed(why);
        if (done > 0) p += done, n -= (size_t)done;
    }
    return VP_OK;
}

/* -- headers ----------------------------------------------------------------------------------- */

/* Text, padded with line ends. Its last line is the hash of those before it. */
static void header_write(const cli_part *p, int number, int of, char out[HEADER]) {
    uint8_t own[CLI_ARCHIVE_HASH];
    char hex[HEX + 1];
    vp_buf text;
    vp_buf_init(&text, HEADER);
    sodium_bin2hex(hex, sizeof hex, p->hash, sizeof p->hash);
    vp_buf_addf(&text, "VOXPOP BACKUP %d\npart %d of %d\nmade %s\nredis %s\ndb %d\n",
                CLI_ARCHIVE_VERSION, number, of, p->made, p->redis, p->db);
    vp_buf_addf(&text, "bytes %" PRId64 "\npayload %s\n", p->bytes, hex);
    crypto_generichash(own, sizeof own, (const uint8_t *)text.data, text.len, NULL, 0);
    sodium_bin2hex(hex, sizeof hex, own, sizeof own);
    vp_buf_addf(&text, "header %s\n", hex);
    memset(out, '\n', HEADER);
    memcpy(out, text.data, text.len); /* about 250 bytes */
    vp_buf_release(&text);
}

/* What the text says is written again: only if that gives the same bytes was it such a header. */
static vp_err header_read(const char in[HEADER], int number, int *of, cli_part *p, vp_fault *why) {
    char text[HEADER + 1], again[HEADER], hex[HEX + 1] = "";
    int version = 0, said = 0;
    memcpy(text, in, HEADER);
    text[HEADER] = '\0';
    int n = sscanf(text,
                   "VOXPOP BACKUP %d part %d of %d made %20s redis %31s db %d bytes %" SCNd64
                   " payload %64s",
                   &version, &said, of, p->made, p->redis, &p->db, &p->bytes, hex);
    if (n < 1) return broken(why, "is no backup");
    if (version != CLI_ARCHIVE_VERSION) return broken(why, "is of another version of voxpop");
    if (n < 8 || said != number || *of < number || *of > CLI_ARCHIVE_PARTS || p->bytes < 0 ||
        sodium_hex2bin(p->hash, sizeof p->hash, hex, strlen(hex), NULL, NULL, NULL))
        return broken(why, "is damaged: a header cannot be read");
    header_write(p, number, *of, again);
    if (memcmp(in, again, HEADER) != 0) return broken(why, "is damaged: a header has changed");
    return VP_OK;
}

/* -- writing ----------------------------------------------------------------------------------- */

vp_err cli_archive_create(cli_archive **out, const char *path, int parts, vp_fault *why) {
    cli_archive *a = vp_calloc(1, sizeof *a);
    *out = NULL;
    a->parts = parts;
    a->fd = -1;
    vp_err rc = VP_OK;
    int n = snprintf(a->path, sizeof a->path, "%s", path);
    if ((size_t)n + sizeof ".part" > sizeof a->path) {
        vp_fault_set(why, "the name is too long");
        rc = VP_EINVAL;
    } else if (access(path, F_OK) == 0) {
        vp_fault_set(why, "is there already");
        rc = VP_ECONFLICT;
    } else {
        snprintf(a->half, sizeof a->half, "%.*s.part", PATH_LEN - 6, path);
        unlink(a->half); /* of one that was cut short */
        a->fd = open(a->half, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (a->fd < 0) {
            a->half[0] = '\0';
            rc = failed(why);
        }
    }
    if (rc)
        cli_archive_destroy(&a);
    else
        *out = a;
    return rc;
}

vp_err cli_archive_begin(cli_archive *a, vp_str redis, int db, vp_fault *why) {
    static const char blank[HEADER];
    cli_part *p = &a->part[a->current];
    vp_time_text(vp_clock_wall(), p->made);
    snprintf(p->redis, sizeof p->redis, "%.*s", (int)redis.n, redis.p);
    p->db = db;
    crypto_generichash_init(&a->hash, NULL, 0, sizeof p->hash);
    a->at[a->current] = a->end;
    a->end += HEADER;
    return write_all(a->fd, blank, HEADER, why);
}

vp_err cli_archive_add(cli_archive *a, const void *data, size_t n, vp_fault *why) {
    crypto_generichash_update(&a->hash, data, n);
    a->part[a->current].bytes += (int64_t)n;
    a->end += (int64_t)n;
    return write_all(a->fd, data, n, why);
}

vp_err cli_archive_end(cli_archive *a, vp_fault *why) {
    char header[HEADER];
    cli_part *p = &a->part[a->current];
    crypto_generichash_final(&a->hash, p->hash, sizeof p->hash);
    header_write(p, a->current + 1, a->parts, header);
    ssize_t n = pwrite(a->fd, header, HEADER, a->at[a->current]);
    a->current++;
    return n == HEADER ? VP_OK : failed(why);
}

static vp_err sync_folder(const char *path, vp_fault *why) {
    char folder[PATH_LEN];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1,
             slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    vp_err rc = fd >= 0 && !fsync(fd) ? VP_OK : failed(why);
    if (fd >= 0) close(fd);
    return rc;
}

/* Takes no place of a file that has come meanwhile, where the file system knows how to. */
vp_err cli_archive_commit(cli_archive *a, vp_fault *why) {
    if (fsync(a->fd)) return failed(why);
    int rc = renameat2(AT_FDCWD, a->half, AT_FDCWD, a->path, RENAME_NOREPLACE);
    if (rc && errno == EINVAL) rc = rename(a->half, a->path);
    if (rc) return failed(why);
    a->half[0] = '\0';
    return sync_folder(a->path, why);
}

void cli_archive_destroy(cli_archive **self_p) {
    cli_archive *a = *self_p;
    if (!a) return;
    if (a->fd >= 0) close(a->fd);
    if (a->half[0]) unlink(a->half);
    free(a);
    *self_p = NULL;
}

/* -- reading ----------------------------------------------------------------------------------- */

static vp_err read_headers(cli_archive *a, vp_fault *why) {
    struct stat st;
    vp_err rc = VP_OK;
    if (fstat(a->fd, &st)) return failed(why);
    a->parts = 1;
    for (int i = 0; i < a->parts && !rc; i++) {
        char header[HEADER];
        int of = 0;
        ssize_t n = pread(a->fd, header, HEADER, a->end);
        if (n < 0) return failed(why);
        if (n < HEADER) return broken(why, a->end ? "is cut short" : "is no backup");
        rc = header_read(header, i + 1, &of, &a->part[i], why);
        if (rc) return rc;
        if (i && of != a->parts) return broken(why, "is damaged: headers differ");
        a->parts = of;
        a->at[i] = a->end;
        if (a->part[i].bytes > st.st_size - a->end - HEADER) return broken(why, "is cut short");
        a->end += HEADER + a->part[i].bytes;
    }
    return a->end == st.st_size ? VP_OK : broken(why, "is damaged: there is more behind its end");
}

vp_err cli_archive_open(cli_archive **out, const char *path, vp_fault *why) {
    cli_archive *a = vp_calloc(1, sizeof *a);
    a->fd = open(path, O_RDONLY | O_CLOEXEC);
    vp_err rc = a->fd < 0 ? failed(why) : read_headers(a, why);
    if (rc) cli_archive_destroy(&a);
    *out = a;
    return rc;
}

vp_err cli_archive_copy(cli_archive *a, int part, int to, vp_fault *why) {
    const cli_part *p = &a->part[part];
    uint8_t hash[CLI_ARCHIVE_HASH];
    char *chunk = vp_alloc(CHUNK);
    int64_t at = a->at[part] + HEADER, left = p->bytes;
    vp_err rc = VP_OK;
    crypto_generichash_init(&a->hash, NULL, 0, sizeof hash);
    while (left > 0 && !rc) {
        ssize_t n = pread(a->fd, chunk, left < CHUNK ? (size_t)left : CHUNK, at);
        if (n < 0 && errno == EINTR && !cli_stopped()) continue;
        if (n <= 0 || cli_stopped()) {
            rc = n < 0 ? failed(why) : broken(why, n ? "stopped" : "is cut short");
            break;
        }
        crypto_generichash_update(&a->hash, (const uint8_t *)chunk, (size_t)n);
        if (to >= 0) rc = write_all(to, chunk, (size_t)n, why);
        at += n;
        left -= n;
    }
    free(chunk);
    if (rc) return rc;
    crypto_generichash_final(&a->hash, hash, sizeof hash);
    return memcmp(hash, p->hash, sizeof hash) == 0 ? VP_OK
                                                   : broken(why, "is damaged: its hash is another");
}

int cli_archive_parts(const cli_archive *a) {
    return a->parts;
}

const cli_part *cli_archive_part(const cli_archive *a, int part) {
    return &a->part[part];
}

int64_t cli_archive_bytes(const cli_archive *a) {
    return a->end;
}
