/* A stand-in agent that is a program and not a script: the kernel treats the two differently, and a script has
 * children whenever it waits. It says that it is up, and then does what it reads from the pipe $HOME/to-agent, a
 * command in each line. On SIGTERM it ends as the real one does. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What it says when it is told to end. */
static char farewell[4096];

static void end(int signal) { _exit(write(1, farewell, strlen(farewell)) < 0 ? 73 : signal); }

/* Takes so many megabytes and writes to all of them. */
static void grow(long megabytes) {
    for (long number = 0; number < megabytes; number++) {
        char *block = malloc(1 << 20);
        if (block == NULL) exit(70);
        memset(block, 1, 1 << 20);
    }
    printf("grown by %ld\n", megabytes);
}

/* Runs a shell command as a child, as a session does. */
static void session(const char *command) {
    if (fork() == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
}

/* Opens a connection to a port of this machine, as a session of a database does. */
static void connect_to(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(file, (struct sockaddr *)&address, sizeof address) == 0) printf("connected to %d\n", port);
}

int main(int count, char **words) {
    char line[4096], path[4096];
    if (count > 1 && strcmp(words[1], "version") == 0) {
        puts("{\"version\":\"1.148.0\"}");
        return 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGTERM, end);
    snprintf(path, sizeof path, "%s/to-agent", getenv("HOME"));
    mkfifo(path, 0600);
    /* For writing too, so that its end never comes. */
    int pipe = open(path, O_RDWR | O_CLOEXEC);
    FILE *orders = pipe < 0 ? NULL : fdopen(pipe, "r+");
    if (orders == NULL) return 71;
    printf("agent up\n");
    while (fgets(line, sizeof line, orders) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "grow ", 5) == 0) grow(atol(line + 5));
        if (strncmp(line, "say ", 4) == 0) puts(line + 4);
        if (strncmp(line, "session ", 8) == 0) session(line + 8);
        if (strncmp(line, "connect ", 8) == 0) connect_to(atoi(line + 8));
        if (strncmp(line, "exit ", 5) == 0) exit(atoi(line + 5));
        if (strncmp(line, "farewell ", 9) == 0) {
            strcat(farewell, line + 9);
            strcat(farewell, "\n");
        }
        if (strcmp(line, "ignore") == 0) signal(SIGTERM, SIG_IGN);
        if (strcmp(line, "reap") == 0) while (waitpid(-1, NULL, WNOHANG) > 0) {}
    }
    return 72;
}
