// Starts a program in a state that Rust's standard library cannot give it: a closed standard stream, a blocked or ignored
// signal, an environment with two variables of one name. Words before `--` say what, in the order in which it is done;
// the rest is the program, which takes this process's place.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char *environment[4096];
static int variables = -1;

static void fail(const char *what) {
    dprintf(2, "starter: %s: %s\n", what, strerror(errno));
    _exit(70);
}

static rlim_t amount(const char *text) {
    return strcmp(text, "unlimited") == 0 ? RLIM_INFINITY : strtoull(text, NULL, 10);
}

// Every signal as a login shell leaves it: a shell without job control starts what it puts in the background with SIGINT and
// SIGQUIT ignored, and that is inherited.
static void signals_as_usual(void) {
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) == -1) fail("sigprocmask");
    // The C library keeps two real-time signals to itself, and KILL and STOP are what they are.
    for (int number = 1; number <= SIGRTMAX; number++) signal(number, SIG_DFL);
}

int main(int argc, char **argv) {
    int at = 1;
    (void)argc;
    signals_as_usual();
    while (strcmp(argv[at], "--") != 0) {
        const char *verb = argv[at++];
        if (strcmp(verb, "close") == 0) {
            if (close(atoi(argv[at++])) == -1) fail(verb);
        } else if (strcmp(verb, "copy") == 0) {
            // copy FROM TO: descriptor TO becomes a duplicate of FROM.
            if (dup2(atoi(argv[at]), atoi(argv[at + 1])) == -1) fail(verb);
            at += 2;
        } else if (strcmp(verb, "open") == 0) {
            // open FILE TO
            int fd = open(argv[at], O_RDWR);
            if (fd == -1 || dup2(fd, atoi(argv[at + 1])) == -1) fail(verb);
            if (fd != atoi(argv[at + 1])) close(fd);
            at += 2;
        } else if (strcmp(verb, "block") == 0) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, atoi(argv[at++]));
            if (sigprocmask(SIG_BLOCK, &set, NULL) == -1) fail(verb);
        } else if (strcmp(verb, "ignore") == 0) {
            if (signal(atoi(argv[at++]), SIG_IGN) == SIG_ERR) fail(verb);
        } else if (strcmp(verb, "umask") == 0) {
            umask((mode_t)strtol(argv[at++], NULL, 8));
        } else if (strcmp(verb, "nice") == 0) {
            errno = 0;
            if (nice(atoi(argv[at++])) == -1 && errno != 0) fail(verb);
        } else if (strcmp(verb, "limit") == 0) {
            // limit RESOURCE SOFT HARD
            struct rlimit limit = {amount(argv[at + 1]), amount(argv[at + 2])};
            if (setrlimit(atoi(argv[at]), &limit) == -1) fail(verb);
            at += 3;
        } else if (strcmp(verb, "terminal") == 0) {
            // A session of its own, with standard input as its terminal.
            if (setsid() == -1 || ioctl(0, TIOCSCTTY, 0) == -1) fail(verb);
        } else if (strcmp(verb, "group") == 0) {
            if (setpgid(0, 0) == -1) fail(verb);
        } else if (strcmp(verb, "only") == 0) {
            // The environment is what follows, and nothing else.
            variables = 0;
        } else if (strcmp(verb, "set") == 0) {
            environment[variables++] = argv[at++];
        } else {
            errno = EINVAL;
            fail(verb);
        }
    }
    char **words = argv + at + 1;
    if (variables >= 0) execvpe(words[0], words, environment);
    else execvp(words[0], words);
    fail(words[0]);
}
