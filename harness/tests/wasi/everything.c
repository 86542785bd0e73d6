/* Uses what programs use of their host and prints what they see; natively and in every WASI runtime the same. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHECK(x) \
    do { \
        if (!(x)) { \
            printf("line %d: %s does not hold (%s)\n", __LINE__, #x, strerror(errno)); \
            failures++; \
        } \
    } while (0)

static int failures;

static int depth(int n) { return n > 0 ? 1 + depth(n - 1) : 0; }

static void files(void) {
    struct stat st;
    char buffer[100];
    CHECK(mkdir("d", 0777) == 0);
    CHECK(mkdir("d", 0777) == -1 && errno == EEXIST);
    int fd = open("d/f", O_RDWR | O_CREAT | O_EXCL, 0666);
    CHECK(fd >= 0);
    CHECK(write(fd, "hello world", 11) == 11);
    CHECK(lseek(fd, 6, SEEK_SET) == 6);
    CHECK(read(fd, buffer, 5) == 5 && !memcmp(buffer, "world", 5));
    CHECK(pread(fd, buffer, 5, 0) == 5 && !memcmp(buffer, "hello", 5));
    CHECK(pwrite(fd, "J", 1, 0) == 1);
    CHECK(ftruncate(fd, 5) == 0);
    CHECK(fstat(fd, &st) == 0 && st.st_size == 5 && S_ISREG(st.st_mode));
    CHECK(close(fd) == 0 && close(fd) == -1 && errno == EBADF);
    fd = open("d/f", O_WRONLY | O_APPEND);
    CHECK(write(fd, "!", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 6 && close(fd) == 0);
    CHECK(open("d/none", O_RDONLY) == -1 && errno == ENOENT);
    CHECK(open("d/f/x", O_RDONLY) == -1 && errno == ENOTDIR);
    CHECK(open("d", O_WRONLY) == -1 && errno == EISDIR);
}

static void names(void) {
    struct stat st;
    char buffer[100];
    CHECK(symlink("f", "d/l") == 0);
    CHECK(readlink("d/l", buffer, sizeof buffer) == 1 && buffer[0] == 'f');
    CHECK(lstat("d/l", &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(stat("d/l", &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 6);
    CHECK(link("d/f", "d/h") == 0 && stat("d/h", &st) == 0 && st.st_nlink == 2);
    CHECK(rename("d/h", "d/g") == 0 && access("d/h", F_OK) == -1 && errno == ENOENT);
    DIR *dir = opendir("d");
    CHECK(dir);
    int seen = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        seen |= !strcmp(e->d_name, "f") | !strcmp(e->d_name, "g") << 1 | !strcmp(e->d_name, "l") << 2;
    }
    CHECK(seen == 7 && closedir(dir) == 0);
    CHECK(rmdir("d") == -1 && errno == ENOTEMPTY);
    CHECK(unlink("d/l") == 0 && unlink("d/g") == 0);
}

static void absolute(const char *directory) {
    char path[4096], text[100];
    snprintf(path, sizeof path, "%s/d/f", directory);
    FILE *file = fopen(path, "r");
    CHECK(file && fgets(text, sizeof text, file) && !strcmp(text, "Jello!"));
    CHECK(!file || fclose(file) == 0);
    CHECK(fopen("/dev/null", "w"));
    struct stat st;
    CHECK(stat("/tmp", &st) == 0 && S_ISDIR(st.st_mode));
    CHECK(unlink("d/f") == 0 && rmdir("d") == 0);
}

static void clocks(void) {
    struct timespec before, after, pause = {0, 20000000};
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK(nanosleep(&pause, 0) == 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec >= 20000000);
    CHECK(time(0) > 1600000000 && clock() >= 0);
    unsigned char random[32] = {0};
    int sum = 0;
    CHECK(getentropy(random, sizeof random) == 0);
    for (int i = 0; i < 32; i++) sum += random[i];
    CHECK(sum > 0);
}

static void on_signal(int number) { printf("signal %d\n", number); }

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) printf("argument <%s>\n", argv[i]);
    printf("variable <%s>\n", getenv("PROBE") ? getenv("PROBE") : "(none)");
    files();
    names();
    absolute(argv[argc - 1]);
    clocks();
    signal(SIGINT, on_signal);
    CHECK(raise(SIGINT) == 0);
    struct pollfd in = {0, POLLIN, 0};
    CHECK(poll(&in, 1, 10000) == 1);
    unsigned count = 0, sum = 0;
    for (int c; (c = getchar()) != EOF; count++) sum = sum * 31 + (unsigned)c;
    printf("stdin %u %u, terminal %d\n", count, sum, isatty(1));
    printf("%d %a %.17g %.3Lf\n", depth(20000), 0.1, 1.0 / 3, 0.5L);
    fwrite("\0\xff\r\n", 1, 4, stdout);
    fprintf(stderr, "to stderr\n");
    return failures ? 1 : 200;
}
