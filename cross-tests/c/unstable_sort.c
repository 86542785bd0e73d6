/* Faulty on purpose: qsort is taken for a stable sort. Must differ on WASI and on Windows,
   whose C libraries swap equal keys; glibc merges. */
#include <stdio.h>
#include <stdlib.h>

struct player {
    const char *name;
    int points;
};

static int by_points(const void *left, const void *right)
{
    const struct player *a = left, *b = right;
    return (b->points > a->points) - (b->points < a->points);
}

int main(void)
{
    struct player players[] = {{"Ada", 3}, {"Ben", 5}, {"Cleo", 3}, {"Dan", 5}, {"Eve", 3}, {"Finn", 5}, {"Gus", 3},
                               {"Hal", 5}, {"Ida", 3}, {"Jon", 5}, {"Kim", 3}, {"Leo", 5}, {"Mia", 3}, {"Ned", 5}};
    qsort(players, sizeof players / sizeof players[0], sizeof players[0], by_points);
    /* The fault: players with equal points have no order. */
    for (unsigned i = 0; i < sizeof players / sizeof players[0]; i++)
        printf("%s\n", players[i].name);
    return 0;
}
