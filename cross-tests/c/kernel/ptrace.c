// Traces a child: stops it, reads a word of its memory, writes another one there, and lets it go on.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long shared = 11;

int main(void) {
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) {
            printf("ptrace: %s\n", strerror(errno));
            fflush(stdout);
            _exit(1);
        }
        raise(SIGSTOP);
        _exit((int)shared);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) {
        printf("it did not stop: %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
        return 1;
    }
    errno = 0;
    long word = ptrace(PTRACE_PEEKDATA, child, (void *)&shared, 0);
    printf("stopped by SIGSTOP %d, holds %ld\n", WSTOPSIG(status) == SIGSTOP, errno ? -1 : word);
    ptrace(PTRACE_POKEDATA, child, (void *)&shared, (void *)42L);
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
    printf("exited with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return 0;
}
