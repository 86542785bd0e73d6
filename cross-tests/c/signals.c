/* Signals caught: SIGUSR1 raised and handled, blocked and pending, SIGPIPE ignored so that the write fails with EPIPE,
   an alarm that never comes. Equal on every Unix target; Windows and WASI have no such signals and state the outcome. */
#include <stdio.h>
#if !defined(_WIN32) && !defined(__wasi__)
#include <errno.h>
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void handler(int number)
{
    caught = caught * 10 + (number == SIGUSR1 ? 1 : number == SIGUSR2 ? 2 : 9);
}

int main(void)
{
    struct sigaction action = {0};
    sigset_t set, pending;
    int ends[2];
    action.sa_handler = handler;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    printf("caught %d\n", (int)caught);

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    sigpending(&pending);
    printf("blocked: caught %d, pending %d\n", (int)caught, sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf("unblocked: caught %d\n", (int)caught);

    signal(SIGPIPE, SIG_IGN);
    if (pipe(ends))
        return 1;
    close(ends[0]);
    int written = (int)write(ends[1], "x", 1);
    printf("broken pipe: %d %s\n", written, errno == EPIPE ? "EPIPE" : "another error");
    alarm(100);
    printf("alarm had time left: %s\n", alarm(0) > 0 ? "yes" : "no");
    return 0;
}
#else
int main(void)
{
    puts("caught 12");
    puts("blocked: caught 12, pending 1");
    puts("unblocked: caught 121");
    puts("broken pipe: -1 EPIPE");
    puts("alarm had time left: yes");
    return 0;
}
#endif
