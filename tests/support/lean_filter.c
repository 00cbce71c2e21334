/* A mail filter for the benchmark, of the protocol that Sendmail's libmilter speaks: it asks for every step, changes one header, and costs
   as little as a filter can, since its own time is in the figures of whoever is measured with it.
   lean_filter SOCKET: threads that are there from the start serve one connection after the other, and wait in read() alone. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { THREADS = 250, ROOM = 1 << 17 };

static int listener;

/* A packet: its length without these four bytes, a letter, and what belongs to it. */
static const char agreed[] = "\0\0\0\15O" "\0\0\0\6" "\0\0\0\20" "\0\0\0";  /* version 6, changes headers, leaves no step out */
static const char go_on[] = "\0\0\0\1c";
static const char changed[] = "\0\0\0\32m" "\0\0\0\1" "Subject\0" "changed by C\0" "\0\0\0\1";  /* and then c */

struct connection {
    int fd;
    size_t held, wanted;
    char bytes[ROOM], answer[64];
};

static void answer(struct connection *c, const char *bytes, size_t size) {
    if (c->wanted + size <= sizeof c->answer) {
        memcpy(c->answer + c->wanted, bytes, size);
        c->wanted += size;
    }
}

/* Nonzero: the filter is not needed any more. */
static int step(struct connection *c, char letter) {
    switch (letter) {
    case 'O':
        answer(c, agreed, sizeof agreed);
        return 0;
    case 'E':
        answer(c, changed, sizeof changed - 1);
        answer(c, "c", 1);
        return 0;
    case 'A': case 'D': case 'K':
        return 0;
    case 'Q':
        return 1;
    default:
        answer(c, go_on, sizeof go_on - 1);
        return 0;
    }
}

/* All whole packets that have come; nonzero at the end. */
static int take_packets(struct connection *c) {
    size_t at = 0;
    uint32_t length;
    for (; c->held - at > sizeof length; at += sizeof length + length) {
        memcpy(&length, c->bytes + at, sizeof length);
        length = ntohl(length);
        if (length == 0 || length > ROOM - sizeof length) {
            return 1;
        }
        if (c->held - at < sizeof length + length) {
            break;
        }
        if (step(c, c->bytes[at + sizeof length])) {
            return 1;
        }
    }
    memmove(c->bytes, c->bytes + at, c->held - at);
    c->held -= at;
    return 0;
}

static void converse(struct connection *c) {
    for (;;) {
        ssize_t count = read(c->fd, c->bytes + c->held, sizeof c->bytes - c->held);
        if (count <= 0) {
            return;
        }
        c->held += (size_t)count;
        if (take_packets(c) || (c->wanted > 0 && write(c->fd, c->answer, c->wanted) < 0)) {
            return;
        }
        c->wanted = 0;
    }
}

static void *serve(void *place) {
    struct connection *c = place;
    while ((c->fd = accept(listener, NULL, NULL)) >= 0) {
        c->held = c->wanted = 0;
        converse(c);
        close(c->fd);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static struct connection places[THREADS];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t thread;
    if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: lean_filter SOCKET\n");
        return 64;
    }
    strcpy(address.sun_path, argv[1]);
    umask(0);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1000) != 0) {
        perror("lean_filter");
        return 71;
    }
    for (int i = 0; i < THREADS; ++i) {
        if (pthread_create(&thread, NULL, serve, &places[i]) != 0) {
            perror("lean_filter");
            return 71;
        }
    }
    pause();
    return 0;
}
