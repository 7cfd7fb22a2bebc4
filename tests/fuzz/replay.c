/* replay.c - runs a fuzz target once over every file of the folders given, without libFuzzer, so
 * that what fuzzing found stays a test. SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 1 << 20 };

static bool read_file(const char *path, vp_buf *out) {
    FILE *f = fopen(path, "rb");
    size_t n = 0;
    if (!f) return false;
    vp_buf_clear(out);
    for (char *to = vp_buf_room(out, 4096); to; to = vp_buf_room(out, 4096)) {
        n = fread(to, 1, 4096, f);
        vp_buf_grew(out, n);
        if (n == 0) break;
    }
    bool ok = !ferror(f) && !out->over;
    fclose(f);
    return ok;
}

/* The target gets an exact copy, so that a sanitizer sees one byte too far. */
static void run(const vp_buf *content) {
    uint8_t *copy = malloc(content->len ? content->len : 1);
    if (!copy) abort();
    memcpy(copy, content->data, content->len);
    LLVMFuzzerTestOneInput(copy, content->len);
    free(copy);
}

static int replay(const char *folder) {
    vp_buf path, content;
    int n = 0;
    DIR *d = opendir(folder);
    if (!d) return 0;
    vp_buf_init(&path, 4096);
    vp_buf_init(&content, FILE_MAX);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] == '.') continue;
        vp_buf_clear(&path);
        vp_buf_addf(&path, "%s/%s", folder, e->d_name);
        if (!path.data || !read_file(path.data, &content)) {
            fprintf(stderr, "cannot read %s/%s\n", folder, e->d_name);
            exit(1);
        }
        run(&content);
        n++;
    }
    closedir(d);
    vp_buf_release(&path);
    vp_buf_release(&content);
    return n;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        int n = replay(argv[i]);
        printf("%s: %d inputs\n", argv[i], n);
        if (!n) return 1; /* an empty corpus proves nothing */
    }
    return argc < 2;
}
