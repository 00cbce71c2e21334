/* A policy service that says DUNNO to every request and does nothing else.
   policy_server ADDRESS PORT: a thread for each connection; requests end with an empty line. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char reply[] = "action=DUNNO\n\n";

/* The last byte of a request is told from the one before it, which may have come with the read before. */
static void *serve(void *argument) {
    int connection = (int)(intptr_t)argument;
    char bytes[8192], last = 0;
    ssize_t count;
    while ((count = read(connection, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < count; ++i) {
            if (bytes[i] == '\n' && last == '\n' && write(connection, reply, sizeof reply - 1) < 0) {
                break;
            }
            last = bytes[i];
        }
    }
    close(connection);
    return NULL;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (argc != 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fprintf(stderr, "usage: policy_server ADDRESS PORT\n");
        return 64;
    }
    address.sin_port = htons((uint16_t)atoi(argv[2]));
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1000) != 0) {
        perror("policy_server");
        return 71;
    }
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        pthread_t thread;
        if (connection >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection) == 0) {
            pthread_detach(thread);
        }
    }
}
