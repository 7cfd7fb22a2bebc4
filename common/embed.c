/* embed.c - a tool of the build: embed OUTPUT.c SYMBOL FILE...
 * Writes the files as one C table of vp_embedded (embed.h). Bytes go out as numbers: a string
 * literal has a length limit and needs escapes. SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int complain(const char *what, const char *name) {
    fprintf(stderr, "embed: %s: %s\n", name, what);
    return 1;
}

/* Names go into C source as they are. */
static int name_ok(const char *name, const char *also) {
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(also, *p)) return 0;
    return *name != '\0';
}

static int check(int n, char **paths) {
    for (int i = 0; i < n; i++) {
        const char *name = base_name(paths[i]);
        if (!name_ok(name, "_-.+@")) return complain("a name with odd characters", paths[i]);
        for (int k = 0; k < i; k++)
            if (strcmp(name, base_name(paths[k])) == 0) return complain("a name twice", paths[i]);
    }
    return 0;
}

/* The bytes and one NUL behind them. */
static int write_bytes(FILE *out, int index, const char *path) {
    FILE *in = fopen(path, "rb");
    int c, column = 0, failed;
    if (!in) return complain(strerror(errno), path);
    fprintf(out, "\nstatic const unsigned char file_%d[] = { /* %s */", index, base_name(path));
    while ((c = getc(in)) != EOF) fprintf(out, "%s%d,", column++ % 24 ? "" : "\n", c);
    fprintf(out, "%s0};\n", column % 24 ? "" : "\n");
    failed = ferror(in);
    fclose(in);
    return failed ? complain("cannot be read", path) : 0;
}

static int write_all(FILE *out, const char *symbol, int n, char **paths) {
    fprintf(out, "/* Made by embed. */\n#include \"embed.h\"\n");
    for (int i = 0; i < n; i++)
        if (write_bytes(out, i, paths[i])) return 1;
    fprintf(out, "\nextern const vp_embedded %s[];\nconst vp_embedded %s[] = {\n", symbol, symbol);
    for (int i = 0; i < n; i++)
        fprintf(out, "    {\"%s\", (const char *)file_%d, sizeof file_%d - 1},\n",
                base_name(paths[i]), i, i);
    fprintf(out, "    {NULL, NULL, 0}};\n");
    return ferror(out);
}

int main(int argc, char **argv) {
    FILE *out;
    int failed;
    if (argc < 4) return complain("usage: embed OUTPUT.c SYMBOL FILE...", "too few arguments");
    if (!name_ok(argv[2], "_")) return complain("not a name in C", argv[2]);
    if (check(argc - 3, argv + 3)) return 1;
    if (!(out = fopen(argv[1], "w"))) return complain(strerror(errno), argv[1]);
    failed = write_all(out, argv[2], argc - 3, argv + 3);
    if (fclose(out)) failed = complain(strerror(errno), argv[1]);
    if (failed) remove(argv[1]); /* a half table must not satisfy the build */
    return failed;
}
