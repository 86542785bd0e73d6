#include <string.h>

int sample_status(const char *name);

static const struct {
    const char *name;
    int status;
} statuses[] = {{"passes", 0}, {"skips", 77}, {"errs", 99}, {"fails", 1}, {"must-fail", 1}, {"must-not-pass", 0}};

/* The exit status that a program of this name is for; -1 of one that does something else. libtool's programs may have
   `lt-` before their names. */
int sample_status(const char *name) {
    const char *last = strrchr(name, '/');
    last = last ? last + 1 : name;
    if (strncmp(last, "lt-", 3) == 0) last += 3;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (strcmp(last, statuses[i].name) == 0) return statuses[i].status;
    return -1;
}
