// The program of which every family has a copy. Its first argument says what it does or shows. What its system has no
// call for it says in words, and ends with 99.
#ifdef _WIN32
#include <winsock2.h>
#include <windows.h>
#include <shellapi.h>
#include <fcntl.h>
#include <io.h>
#include <process.h>
#else
#define _GNU_SOURCE
#include <unistd.h>
#include <fcntl.h>
extern char **environ;
#endif
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if !defined(_WIN32) && !defined(__wasi__)
#define POSIX 1
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#endif

static int is(const char *a, const char *b) { return strcmp(a, b) == 0; }

// Everything is written at once and in full: what the C library holds back would be lost when a signal ends us.
static int put(int fd, const char *data, size_t length) {
    while (length > 0) {
        long written = write(fd, data, length);
        if (written < 0) return -1;
        data += written;
        length -= (size_t)written;
    }
    return 0;
}

static void say(const char *text) { put(1, text, strlen(text)); }

static void quoted(const char *text) {
    char line[8];
    put(1, "[", 1);
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= ' ' && byte < 127 && byte != '\\' && byte != '[' && byte != ']') put(1, text, 1);
        else put(1, line, (size_t)snprintf(line, sizeof line, "\\%02x", byte));
    }
    put(1, "]\n", 2);
}

static void number(const char *name, long long value) {
    char line[100];
    put(1, line, (size_t)snprintf(line, sizeof line, "%s %lld\n", name, value));
}

static int words(int argc, char **argv) {
    number("words", argc);
    for (int i = 1; i < argc; i++) quoted(argv[i]);
    return 0;
}

// For words that are too long or too many to be shown.
static int sum(int argc, char **argv) {
    unsigned long hash = 5381, length = 0;
    for (int i = 2; i < argc; i++)
        for (const char *c = argv[i]; ; c++) {
            hash = (hash * 33 + (unsigned char)*c) & 0xffffffff;
            length++;
            if (!*c) break;
        }
    number("words", argc);
    number("bytes", (long long)length);
    number("hash", (long long)hash);
    return 0;
}

static int copy(void) {
    static char buffer[70000];
    for (;;) {
        long count = read(0, buffer, sizeof buffer);
        if (count < 0) return 90;
        if (count == 0) return 0;
        if (put(1, buffer, (size_t)count) < 0) return 91;
    }
}

// One line, and not a byte beyond it.
static int line(void) {
    char byte;
    while (read(0, &byte, 1) == 1) {
        put(1, &byte, 1);
        if (byte == '\n') return 0;
    }
    return 92;
}

static int flood(void) {
    for (;;)
        if (put(1, "0123456789abcdef0123456789abcdef\n", 33) < 0) {
            put(2, "write fails\n", 12);
            return 93;
        }
}

static int here(void) {
    char path[4096], text[100];
    if (!getcwd(path, sizeof path)) return 94;
    quoted(path);
    FILE *file = fopen("beside.txt", "rb");
    if (!file) { say("no file beside\n"); return 95; }
    size_t count = fread(text, 1, sizeof text, file);
    put(1, text, count);
    return 0;
}

static int streams(void) {
    say("to stdout\n");
    put(2, "to stderr\n", 10);
    return 0;
}

#ifdef _WIN32
static char *utf8(const wchar_t *text) {
    int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *copy = malloc((size_t)length);
    WideCharToMultiByte(CP_UTF8, 0, text, -1, copy, length, NULL, NULL);
    return copy;
}

static int environment(void) {
    for (wchar_t *at = GetEnvironmentStringsW(); *at; at += wcslen(at) + 1) quoted(utf8(at));
    return 0;
}
#else
static int environment(void) {
    for (char **at = environ; at && *at; at++) quoted(*at);
    return 0;
}
#endif

static int variable(const char *name) {
    const char *value = getenv(name);
    if (!value) { say("not set\n"); return 0; }
    quoted(value);
    return 0;
}

// Ends after `ready` by whatever is sent to it.
static int await(void) {
    say("ready\n");
    char byte;
    // Standard input is a pipe on which nothing ever comes.
    while (read(0, &byte, 1) != 0) {}
    return 96;
}

#ifdef POSIX
static int descriptors(int report) {
    char line[100];
    for (int fd = 0; fd < 64; fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (flags == -1 || fd == report) continue;
        put(report, line, (size_t)snprintf(line, sizeof line, "%d flags %d mode %d\n", fd, flags, fcntl(fd, F_GETFL) & O_ACCMODE));
    }
    return 0;
}

static int signals(void) {
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int signal = 1; signal < 32; signal++) {
        struct sigaction action;
        if (sigismember(&blocked, signal) == 1) number("blocked", signal);
        if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN) number("ignored", signal);
    }
    return 0;
}

static volatile sig_atomic_t caught;
static void note(int signal) { caught = signal; }

// Says the number of every signal that it gets, until SIGUSR2.
static int handle(void) {
    static const int all[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGTSTP, SIGCONT};
    sigset_t set, before;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        signal(all[i], note);
        sigaddset(&set, all[i]);
    }
    sigprocmask(SIG_BLOCK, &set, &before);
    say("ready\n");
    for (;;) {
        sigsuspend(&before);
        number("signal", caught);
        if (caught == SIGUSR2) return 5;
    }
}

static int limits(void) {
    static const struct { const char *name; int number; } all[] = {
        {"cpu", RLIMIT_CPU}, {"fsize", RLIMIT_FSIZE}, {"data", RLIMIT_DATA}, {"stack", RLIMIT_STACK},
        {"core", RLIMIT_CORE}, {"nofile", RLIMIT_NOFILE}, {"memlock", RLIMIT_MEMLOCK}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct rlimit limit;
        getrlimit(all[i].number, &limit);
        number(all[i].name, limit.rlim_cur == RLIM_INFINITY ? -1 : (long long)limit.rlim_cur);
        number("  at most", limit.rlim_max == RLIM_INFINITY ? -1 : (long long)limit.rlim_max);
    }
    return 0;
}

static int one_limit(int resource) {
    struct rlimit limit;
    getrlimit(resource, &limit);
    number("limit", limit.rlim_cur == RLIM_INFINITY ? -1 : (long long)limit.rlim_cur);
    return 0;
}

static int process(void) {
    number("pid", getpid());
    number("parent", getppid());
    number("group", getpgrp());
    number("session", getsid(0));
    number("user", getuid());
    number("effective user", geteuid());
    number("user group", getgid());
    return 0;
}

static int terminal(void) {
    struct winsize size = {0, 0, 0, 0};
    char *name = ttyname(0);
    for (int fd = 0; fd < 3; fd++) number("terminal", isatty(fd));
    if (ioctl(0, TIOCGWINSZ, &size) == 0) { number("rows", size.ws_row); number("columns", size.ws_col); }
    number("in front", tcgetpgrp(0) == getpgrp());
    say(name ? name : "no name");
    say("\n");
    return 0;
}

static int fault(void) {
    volatile int *nowhere = (volatile int *)8;
    *nowhere = 1;
    return 97;
}

static int posix(int argc, char **argv) {
    const char *verb = argv[1];
    int value = argc > 2 ? atoi(argv[2]) : 0;
    if (is(verb, "signal")) { kill(getpid(), value); return 98; }
    if (is(verb, "descriptors")) return descriptors(value);
    if (is(verb, "signals")) return signals();
    if (is(verb, "handle")) return handle();
    if (is(verb, "limits")) return limits();
    if (is(verb, "limit")) return one_limit(value);
    if (is(verb, "process")) return process();
    if (is(verb, "terminal")) return terminal();
    if (is(verb, "fault")) return fault();
    if (is(verb, "umask")) { number("umask", umask(0)); return 0; }
    if (is(verb, "nice")) { number("nice", getpriority(PRIO_PROCESS, 0)); return 0; }
    if (is(verb, "put")) return put(value, "through\n", 8) < 0 ? 90 : 0;
    if (is(verb, "name")) { quoted(argv[0]); return 0; }
    return 89;
}
#else
static int posix(int argc, char **argv) {
    const char *verb = argv[1];
    if (is(verb, "name")) { quoted(argv[0]); return 0; }
    if (is(verb, "signal") && argc > 2) { raise(atoi(argv[2])); return 98; }
    if (is(verb, "fault")) {
#ifdef _WIN32
        *(volatile int *)8 = 1;
#else
        // Address 8 is memory like any other here.
        *(volatile int *)0xfffffff0 = 1;
#endif
        return 97;
    }
    if (is(verb, "terminal")) { for (int fd = 0; fd < 3; fd++) number("terminal", isatty(fd) != 0); return 0; }
    say("no such call\n");
    return 99;
}
#endif

int main(int argc, char **argv) {
#ifdef _WIN32
    int count;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    argc = count;
    argv = calloc((size_t)count + 1, sizeof *argv);
    for (int i = 0; i < count; i++) argv[i] = utf8(wide[i]);
    for (int fd = 0; fd < 3; fd++) _setmode(fd, _O_BINARY);
#endif
    const char *verb = argc > 1 ? argv[1] : "";
    if (is(verb, "exit")) return atoi(argv[2]);
    if (is(verb, "words")) return words(argc, argv);
    if (is(verb, "sum")) return sum(argc, argv);
    if (is(verb, "copy")) return copy();
    if (is(verb, "line")) return line();
    if (is(verb, "flood")) return flood();
    if (is(verb, "here")) return here();
    if (is(verb, "streams")) return streams();
    if (is(verb, "environment")) return environment();
    if (is(verb, "variable")) return variable(argv[2]);
    if (is(verb, "await")) return await();
    if (is(verb, "abort")) abort();
    return posix(argc, argv);
}
